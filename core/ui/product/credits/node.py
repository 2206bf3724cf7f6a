"""One node's credits: what it has, why, and changing it; caps; the statement of a cycle."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.scopes import Scope
from core.credits.caps import caps_of
from core.credits.effective import Effective, effective_of
from core.credits.errors import IdempotencyMismatch, InsufficientCredits
from core.credits.models import Cap, CapWindow, Wallet, WalletKind
from core.credits.selectors import allocations_of, balances_of, open_cycle_of
from core.credits.services import allocating, capping
from core.credits.services.standing import standing_of
from core.credits.statements_of_wallets import statement_of
from core.hierarchy.node_wallets import (
    NodeWallet,
    refuse_archived,
    wallet_for,
    wallet_to_move,
)
from core.hierarchy.product import Product
from core.hierarchy.selections import wallets_below
from core.hierarchy.wallets import wallet_labels
from core.kit.ids import uuid7
from core.kit.problems import NotFound, Problem
from core.ui.forms import CockpitForm, CreditsField
from core.ui.middleware import actor_of
from core.ui.pages import problems_as_form_errors, problems_as_messages, render_page
from core.ui.product.credits.shared import (
    bound,
    cycle_choices,
    cycle_named,
    home_of,
    known,
    scope_in,
    sentence_of,
)
from core.ui.product.urls import ProductSite

VIAS = {
    "own": gettext_lazy("its own allocation"),
    "leftover": gettext_lazy("what lies in it, though it has no allocation"),
    "inherits": gettext_lazy("the nearest above with an allocation"),
    "spill": gettext_lazy("spill: switched on for when that is empty"),
    "overflow": gettext_lazy("overflow, when all else is empty; billed later"),
}
_NOT_BESIDE = (WalletKind.UNALLOCATED, WalletKind.OVERFLOW)
# More than anybody picks from a list.
_MOST_SIBLINGS = 300
_ALLOCATE, _TOP_UP, _RECLAIM, _REMOVE = "allocate", "top_up", "reclaim", "remove"


class MoveForm(CockpitForm):
    """Moves credits between a node and its parent."""

    act = forms.ChoiceField(label=gettext_lazy("What to do"))
    amount = CreditsField(
        label=gettext_lazy("Credits"),
        help_text=gettext_lazy("For example 250, 12.5 or 1,000."),
        error_messages={
            "required": gettext_lazy("Enter a number of credits, such as 250 or 12.5.")
        },
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("It stands in the audit log."),
        required=False,
        max_length=200,
    )
    # The same form sent twice moves once.
    nonce = forms.UUIDField(widget=forms.HiddenInput)
    # Whether there must be an amount depends on the act.
    use_required_attribute = False

    def __init__(self, sent: QueryDict | None, *, has_rule: bool) -> None:
        super().__init__(sent, initial={"nonce": uuid7()})
        choices = [
            (_ALLOCATE, _("Set the allocation of each cycle to")),
            (_TOP_UP, _("Add once, in this cycle")),
            (_RECLAIM, _("Take back once, in this cycle")),
        ]
        if has_rule:
            choices.append((_REMOVE, _("Remove the allocation and take back what is free")))
        act = self.fields["act"]
        assert isinstance(act, forms.ChoiceField)
        act.choices = choices
        self.fields["amount"].required = self.data.get("act") != _REMOVE

    def start_afresh(self) -> None:
        """Give the form a new nonce, so that what is typed can be sent as something new."""
        self.data = {name: self.data[name] for name in self.data} | {"nonce": str(uuid7())}


class CapForm(CockpitForm):
    """A limit on all spending below the node."""

    window = forms.ChoiceField(label=gettext_lazy("Each"), choices=CapWindow.choices)
    amount = CreditsField(label=gettext_lazy("Credits at most"))


class PassOnForm(CockpitForm):
    """Moves free credits to a sibling once."""

    to = forms.ChoiceField(label=gettext_lazy("To"))
    amount = CreditsField(label=gettext_lazy("Credits"), allow_zero=False)
    nonce = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, sent: QueryDict | None, *, siblings: dict[UUID, str]) -> None:
        super().__init__(sent, initial={"nonce": uuid7()})
        to = self.fields["to"]
        assert isinstance(to, forms.ChoiceField)
        to.choices = [(str(wallet), name) for wallet, name in siblings.items()]


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of one node's credits."""
    return [
        path(
            "credits/<uuid:wallet_id>/",
            bound(site, move, "manage_credits", methods=("GET", "POST")),
            name="credits-move",
        ),
        path(
            "credits/<uuid:wallet_id>/pass-on/",
            bound(site, pass_on, "manage_credits", methods=("POST",)),
            name="credits-pass",
        ),
        path(
            "credits/<uuid:wallet_id>/caps/",
            bound(site, cap, "manage_credits", methods=("POST",)),
            name="credits-cap",
        ),
        path(
            "credits/<uuid:wallet_id>/caps/<uuid:cap_id>/remove/",
            bound(site, uncap, "manage_credits", methods=("POST",)),
            name="credits-uncap",
        ),
    ]


def move(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponse:
    found = wallet_to_move(site.product, scope_in(request, site), wallet_id)
    rule = allocations_of((wallet_id,)).get(wallet_id)
    form = MoveForm(request.POST or None, has_rule=rule is not None)
    if request.method == "POST" and form.is_valid():
        with problems_as_form_errors(form):
            try:
                _move(found, form.cleaned_data, request)
            except InsufficientCredits as problem:
                form.add_error("amount", sentence_of(site.product, problem))
            except IdempotencyMismatch:
                form.start_afresh()
                form.add_error(None, _("This form was sent before. Check the figures again."))
            else:
                messages.success(request, _("The credits of %s changed.") % found.label)
                return HttpResponseRedirect(home_of(site))
    return shown(site, request, found, form=form)


def pass_on(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponse:
    scope = scope_in(request, site)
    found = wallet_to_move(site.product, scope, wallet_id)
    form = PassOnForm(request.POST, siblings=_siblings(site.product, scope, found))
    if form.is_valid():
        values = form.cleaned_data
        target = wallet_to_move(site.product, scope, UUID(values["to"]))
        told = known(request, found, values["nonce"])
        done = _("Moved to %s.") % target.label
        told["source"] = told.pop("wallet")
        try:
            refuse_archived(target)
            allocating.move_credits(
                **told,
                destination=target.wallet,
                destination_label=target.label,
                amount=values["amount"],
            )
        except Problem as problem:
            form.add_error(None, sentence_of(site.product, problem))
        else:
            messages.success(request, done)
            return HttpResponseRedirect(_address(site, found))
    return shown(site, request, found, passing=form)


def cap(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponse:
    found = wallet_to_move(site.product, scope_in(request, site), wallet_id)
    form = CapForm(request.POST)
    if found.node is not None and form.is_valid():
        with problems_as_form_errors(form):
            capping.set_cap(
                book=found.wallet.book,
                subject=found.node.pk,
                **form.cleaned_data,
                actor=actor_of(request),
                label=found.label,
                nodes=found.nodes,
            )
            messages.success(request, _("The cap counts from now on."))
            return HttpResponseRedirect(_address(site, found))
    return shown(site, request, found, capping=form)


def uncap(site: ProductSite, request: HttpRequest, wallet_id: UUID, cap_id: UUID) -> HttpResponse:
    found = wallet_to_move(site.product, scope_in(request, site), wallet_id)
    caps = Cap.objects.filter(pk=cap_id, book=found.wallet.book)
    kept = caps.filter(subject=found.node.pk).first() if found.node is not None else None
    if kept is None:
        raise NotFound(_("There is no such cap."))
    with problems_as_messages(request, done=_("The cap is gone.")):
        capping.remove_cap(cap=kept, actor=actor_of(request), label=found.label, nodes=found.nodes)
    return HttpResponseRedirect(_address(site, found))


def shown(site: ProductSite, request: HttpRequest, found: NodeWallet, **bound: Any) -> HttpResponse:
    """The node's page with whichever form came back with errors."""
    wallet = found.wallet
    parent = allocating.source_of(wallet)
    past = cycle_named(site, request.GET.get("cycle", ""))
    cycle = past or open_cycle_of(wallet.book)
    balances = balances_of((wallet.pk, parent.pk))
    rule = standing_of([wallet.pk]).get(wallet.pk)
    payers = next(iter(effective_of(wallet.book, [wallet.pk])), None)
    payer_rows = _payer_rows(site.product, scope_in(request, site), payers)
    named = {parent.pk, wallet.pk, *(payers.payers if payers else ())}
    statement = statement_of(wallet, cycle)
    named |= {line.other for line in statement.lines if line.other}
    names = wallet_labels(site.product, Wallet.objects.filter(pk__in=named))
    siblings = _siblings(site.product, scope_in(request, site), found)
    form = bound.get("form") or MoveForm(None, has_rule=rule is not None)
    faulty = next((one for one in bound.values() if one.is_bound), form)
    return render_page(
        request,
        "product/move_credits.html",
        title=found.label,
        crumbs=[(_("Credits"), home_of(site))],
        status=faulty.http_status,
        form=form,
        passing=bound.get("passing") or PassOnForm(None, siblings=siblings),
        capping=bound.get("capping") or CapForm(),
        has_siblings=bool(siblings),
        found=found,
        balance=balances[wallet.pk],
        rule=rule,
        parent=names[parent.pk],
        parent_free=balances[parent.pk].free,
        payers=payers,
        payer_rows=payer_rows,
        spendable=sum(max(free or 0, 0) for _wallet, _via, free in payer_rows),
        names=names,
        vias=VIAS,
        statement=statement,
        cycle=cycle,
        past=past,
        cycles=cycle_choices(wallet.book, cycle),
        caps=caps_of(wallet.book, found.node.pk) if found.node is not None else [],
        windows=dict(CapWindow.choices),
        **{
            f"{name}_url": f"{site.slug}:credits-{name}"
            for name in ("statement", "pass", "cap", "uncap", "override", "split")
        },
        home_url=f"{site.slug}:credits",
        call_url=f"{site.slug}:call",
    )


def _payer_rows(
    product: Product, scope: Scope, payers: Effective | None
) -> list[tuple[UUID, str, int | None]]:
    """Return who pays, why, and what it has: None above what somebody administers."""
    if payers is None:
        return []
    rows = zip(payers.payers, payers.via, payers.free, strict=True)
    if scope.everything:
        return list(rows)
    return [
        (wallet, via, free if _is_seen(product, scope, wallet) else None)
        for wallet, via, free in rows
    ]


def _is_seen(product: Product, scope: Scope, wallet_id: UUID) -> bool:
    try:
        wallet_for(product, scope, wallet_id)
    except NotFound:
        return False
    return True


def _move(found: NodeWallet, values: dict[str, Any], request: HttpRequest) -> None:
    told = known(request, found, values["nonce"], values["reason"])
    if values["act"] == _REMOVE:
        allocating.remove_allocation(**told)
        return
    if values["act"] != _RECLAIM:
        refuse_archived(found)
    moves = {
        _ALLOCATE: allocating.allocate_credits,
        _TOP_UP: allocating.top_up_credits,
        _RECLAIM: allocating.reclaim_credits,
    }
    moves[values["act"]](**told, amount=values["amount"])


def _address(site: ProductSite, found: NodeWallet) -> str:
    return reverse(f"{site.slug}:credits-move", args=(found.wallet.pk,))


def _siblings(product: Product, scope: Scope, found: NodeWallet) -> dict[UUID, str]:
    """Return active nodes beside this one that it may pass credits on to, by name."""
    beside = Wallet.objects.filter(book=found.wallet.book, parent=found.wallet.parent_id)
    beside = beside.exclude(pk=found.wallet.pk).exclude(kind__in=_NOT_BESIDE)
    if found.wallet.parent_id is None:
        beside = beside.exclude(kind=WalletKind.MEMBERSHIP)
    ids = wallets_below(product, scope, list(beside.values_list("pk", flat=True)[:_MOST_SIBLINGS]))
    if scope.everything and found.wallet.parent_id is None:
        ids |= set(beside.filter(kind=WalletKind.POOL).values_list("pk", flat=True))
    labels = wallet_labels(product, Wallet.objects.filter(pk__in=ids))
    return dict(sorted(labels.items(), key=lambda item: item[1].lower()))
