"""Splitting equally with a live preview, and overriding single shares with both outcomes shown."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path
from django.utils.translation import gettext as _, gettext_lazy

from core.credits.errors import SplitChanged
from core.credits.models import Wallet, WalletKind
from core.credits.planning import Change, Plan
from core.credits.selectors import open_cycle_of
from core.credits.services import splitting
from core.hierarchy.node_wallets import NodeWallet, wallet_for, wallet_to_move
from core.hierarchy.reach import organizations_within, teams_within
from core.hierarchy.selections import LEVELS, Selection, all_below, chosen, unallocated_id
from core.hierarchy.wallets import wallet_labels
from core.kit.ids import uuid7
from core.kit.problems import Problem
from core.ui.forms import CockpitForm, CreditsField
from core.ui.middleware import actor_of
from core.ui.pages import render_page
from core.ui.product.credits.shared import (
    bound,
    home_of,
    id_of,
    known,
    number_of,
    scope_in,
    sentence_of,
)
from core.ui.product.urls import ProductSite

# So many lines of a preview come at once; the figures above them count all.
MOST_ROWS = 50
_LEVEL_NAMES = {
    WalletKind.ORGANIZATION: gettext_lazy("All organizations"),
    WalletKind.TEAM: gettext_lazy("All teams"),
    WalletKind.MEMBERSHIP: gettext_lazy("All members"),
}


class SplitForm(CockpitForm):
    """Divides credits of a node equally."""

    level = forms.ChoiceField(label=gettext_lazy("Over"))
    total = CreditsField(
        label=gettext_lazy("Credits to split"),
        help_text=gettext_lazy("In all, in each cycle. Shares differ by a millionth at most."),
    )
    replaces = forms.BooleanField(
        label=gettext_lazy("Give those with an amount of their own their equal share instead"),
        required=False,
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("It stands in the audit log."),
        required=False,
        max_length=200,
    )
    cycle = forms.UUIDField(widget=forms.HiddenInput, required=False)
    nonce = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(
        self, sent: QueryDict | None, *, source: NodeWallet, count: int, **more: Any
    ) -> None:
        initial = {"nonce": uuid7(), "cycle": open_cycle_of(source.wallet.book).pk}
        super().__init__(sent, initial=initial, **more)
        level = self.fields["level"]
        assert isinstance(level, forms.ChoiceField)
        below = [name for name in LEVELS if name not in _not_below(source)]
        level.choices = [(str(name), _LEVEL_NAMES[name]) for name in below]
        if count:
            level.choices = [("", _("The %s selected") % count)]
            level.required = False
        elif len(below) > 1:
            level.initial = str(below[0])


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of splits."""
    return [
        path("credits/split/", bound(site, choose, "manage_credits"), name="credits-choose"),
        path(
            "credits/<uuid:wallet_id>/split/",
            bound(site, split, "manage_credits", methods=("GET", "POST")),
            name="credits-split",
        ),
        path(
            "credits/<uuid:wallet_id>/override/",
            bound(site, override, "manage_credits", methods=("GET", "POST")),
            name="credits-override",
        ),
    ]


def split_page(site: ProductSite, request: HttpRequest, source_id: UUID) -> HttpResponse:
    scope = scope_in(request, site)
    given = request.POST if request.method == "POST" else request.GET
    picked = [found for text in given.getlist("wallet") if (found := id_of(text))]
    source = wallet_for(site.product, scope, source_id)
    bound = request.POST if request.method == "POST" else None
    if bound is None and "total" in request.GET:
        bound = request.GET
    form = SplitForm(bound, source=source, count=len(picked))
    plan = rows = None
    fault, status, start = "", 200, number_of(given.get("start", ""))
    if form.is_valid():
        values = form.cleaned_data
        try:
            selection = _selection(site, scope, source, picked, values["level"])
            wish = selection.wish(
                values["total"],
                keeps_overrides=not values["replaces"],
                cycle=values["cycle"],
                # The preview brings it along, so it is not a field of the form.
                seen=given.get("seen", ""),
            )
            if request.method == "POST" and "apply" in request.POST:
                fault = _apply(request, selection, wish, values)
                if not fault:
                    return HttpResponseRedirect(home_of(site))
                status = SplitChanged.status
            plan = splitting.plan_split(wish)
            rows = named(site, plan, start=start)
        except Problem as problem:
            fault = sentence_of(site.product, problem)
            status = 422 if request.method == "POST" else 200
    return render_page(
        request,
        "product/split_credits.html",
        title=_("Split equally"),
        crumbs=[(_("Credits"), home_of(site))],
        fragment="rest" if start else "preview",
        **_rest(plan, start),
        status=status,
        form=form,
        fault=fault,
        plan=plan,
        rows=rows,
        picked=picked,
        source=source,
        home_url=f"{site.slug}:credits",
    )


def split(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponse:
    return split_page(site, request, wallet_id)


def choose(site: ProductSite, request: HttpRequest) -> HttpResponse:
    """Go on with what is ticked in the tree, from the nearest node above all of it."""
    scope = scope_in(request, site)
    picked = [found for text in request.GET.getlist("wallet") if (found := id_of(text))]
    if not picked and scope.everything:
        return HttpResponseRedirect(f"{home_of(site)}{unallocated_id(site.product)}/split/")
    if not picked:
        return _only_source(site, request)
    source = chosen(site.product, scope, wallet_ids=picked).source.wallet.pk
    query = "&".join(f"wallet={wallet}" for wallet in picked)
    return HttpResponseRedirect(f"{home_of(site)}{source}/split/?{query}")


def _only_source(site: ProductSite, request: HttpRequest) -> HttpResponse:
    """Go on with the one node whose credits somebody divides, or say where to choose it."""
    scope = scope_in(request, site)
    sources = organizations_within(site.product, scope) or teams_within(site.product, scope)
    ids = [node.wallet_id for node in sources[:2]]
    if len(ids) == 1:
        return HttpResponseRedirect(f"{home_of(site)}{ids[0]}/split/")
    messages.info(request, _("Tick somebody in the tree first, or press Split beside a node."))
    return HttpResponseRedirect(home_of(site))


def override(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponse:
    scope = scope_in(request, site)
    found = wallet_to_move(site.product, scope, wallet_id)
    split = splitting.split_of(found.wallet)
    # A pinned share changes all the others, which only who administers the source may see.
    wallet_for(site.product, scope, split.source_id)
    form = OverrideForm(request.POST or (request.GET if "amount" in request.GET else None))
    outcomes: list[Outcome] = []
    fault = ""
    how = request.POST.get("how", "")
    if how == "end":
        fault = _apply_override(site, request, found, "end", None)
    elif form.is_valid():
        amount = form.cleaned_data["amount"]
        if how in {"pinned", "added"}:
            fault = _apply_override(site, request, found, how, amount)
        outcomes = [
            outcome(site, found.wallet, amount, "pinned"),
            outcome(site, found.wallet, amount, "added"),
        ]
    if how and not fault and (how == "end" or form.is_valid()):
        messages.success(request, _("The credits of %s changed.") % found.label)
        return HttpResponseRedirect(home_of(site))
    return render_page(
        request,
        "product/override_credits.html",
        title=found.label,
        crumbs=[(_("Credits"), home_of(site))],
        fragment="outcomes",
        status=422 if fault else form.http_status if request.method == "POST" else 200,
        form=form,
        fault=fault,
        outcomes=outcomes,
        rule=found.wallet.rule,
        split=split,
        nonce=request.POST.get("nonce") or uuid7(),
        home_url=f"{site.slug}:credits",
    )


class OverrideForm(CockpitForm):
    """An amount of its own for one share."""

    amount = CreditsField(label=gettext_lazy("Credits in each cycle"))


class Outcome:
    """What one kind of override would do, or why it cannot be."""

    def __init__(self, how: str, rows: "list[Row] | None", plan: Plan | None, fault: str) -> None:
        self.how, self.rows, self.plan, self.fault = how, rows, plan, fault


class Row:
    """One line of a preview: a change with the node's name."""

    def __init__(self, change: Change, label: str) -> None:
        self.change, self.label = change, label


def outcome(site: ProductSite, wallet: Wallet, amount: int, how: splitting.How) -> Outcome:
    """Return what an override would do."""
    try:
        plan = splitting.plan_override(wallet=wallet, amount=amount, how=how)
    except Problem as problem:
        return Outcome(how, None, None, sentence_of(site.product, problem))
    return Outcome(how, named(site, plan, about=wallet.pk), plan, "")


def _rest(plan: Plan | None, start: int) -> dict[str, int]:
    """Return where the lines of a plan go on, and how many are left; zero if none."""
    left = max(len(plan.wallets) - start - MOST_ROWS, 0) if plan else 0
    return {"more_at": start + MOST_ROWS if left else 0, "rows_left": left}


def named(site: ProductSite, plan: Plan, *, start: int = 0, about: UUID | None = None) -> list[Row]:
    """Return some lines of a plan by name, what matters most first."""
    shown = plan.some(MOST_ROWS, start=start, about=about)
    labels = wallet_labels(
        site.product, Wallet.objects.filter(pk__in=[change.wallet for change in shown])
    )
    return [Row(change, labels[change.wallet]) for change in shown]


def _apply(
    request: HttpRequest, selection: Selection, wish: splitting.SplitWish, values: dict[str, Any]
) -> str:
    """Split; return why not, in a sentence, if it is not what the page has shown."""
    try:
        splitting.split_credits(
            wish=wish,
            actor=actor_of(request),
            idempotency_key=f"page:{values['nonce']}",
            reason=values["reason"],
            label=selection.source.label,
            nodes=selection.source.nodes,
        )
    except SplitChanged as problem:
        return problem.detail if wish.seen else _("Look at what it would do, then apply it.")
    messages.success(request, _("Split. Undo it among the last acts if it was not meant."))
    return ""


def _selection(
    site: ProductSite, scope: Any, source: NodeWallet, picked: list[UUID], level: str
) -> Selection:
    if picked:
        return chosen(site.product, scope, wallet_ids=picked, source_id=source.wallet.pk)
    return all_below(site.product, scope, source_id=source.wallet.pk, level=level)


def _not_below(source: NodeWallet) -> tuple[str, ...]:
    if source.wallet.kind == WalletKind.ORGANIZATION:
        return (WalletKind.ORGANIZATION,)
    if source.wallet.kind == WalletKind.TEAM:
        return (WalletKind.ORGANIZATION, WalletKind.TEAM)
    return ()


def _apply_override(
    site: ProductSite, request: HttpRequest, found: NodeWallet, how: Any, amount: int | None
) -> str:
    """Do it; return what went wrong, in a sentence."""
    told = known(request, found, id_of(request.POST.get("nonce", "")) or uuid7())
    try:
        if how == "end":
            splitting.end_override(**told)
        else:
            assert amount is not None
            splitting.override_share(**told, amount=amount, how=how)
    except Problem as problem:
        return sentence_of(site.product, problem)
    return ""
