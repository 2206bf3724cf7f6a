"""The tree of credits: lazy branches, inline amounts, undo, and how calls spill."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.permissions import may
from core.access.scopes import Scope
from core.credits import alerts as thresholds
from core.credits.cycles import first_day_of, last_day_of
from core.credits.models import Act, Book, Cycle, CycleState, WalletKind
from core.credits.selectors import (
    BookFigures,
    book_of,
    book_wallet,
    figures_of,
    open_cycle_of,
)
from core.credits.services import allocating, books, undoing
from core.hierarchy.acts import last_acts, may_undo, refuse_archived_of
from core.hierarchy.credit_tree import (
    CreditTree,
    alone_id,
    alone_rows,
    branch_rows,
    credit_tree,
    line_of,
)
from core.hierarchy.node_wallets import NodeWallet, refuse_archived, wallet_for, wallet_to_move
from core.hierarchy.wallets import branch_credits, last_movements
from core.kit.ids import uuid7
from core.kit.problems import NotAllowed, NotFound, Problem
from core.ui.forms import CockpitForm, CreditsField
from core.ui.middleware import actor_of
from core.ui.pages import is_partial, problems_as_messages, render_page
from core.ui.product.credits.caps import cap_rows
from core.ui.product.credits.forecast import forecast_context
from core.ui.product.credits.shared import (
    bound,
    cycle_choices,
    cycle_named,
    home_of,
    id_of,
    known,
    number_of,
    scope_in,
    sentence_of,
)
from core.ui.product.urls import ProductSite
from core.ui.templatetags.cockpit import credits


class SpillForm(CockpitForm):
    """Says where a call may go on looking once its own wallet is empty."""

    team = forms.BooleanField(label=gettext_lazy("the team's free credits"), required=False)
    organization = forms.BooleanField(
        label=gettext_lazy("the organization's free credits"), required=False
    )
    pool = forms.BooleanField(label=gettext_lazy("the pool"), required=False)


class AlertsForm(CockpitForm):
    """Says at which shares of their credits people are told."""

    percents = forms.CharField(
        label=gettext_lazy("Tell people at, in percent used"),
        help_text=gettext_lazy("Admins and members, once each in a cycle: 50, 80, 95, 100."),
        required=False,
        max_length=60,
    )
    # What stood when the page was shown: nobody overwrites what they have not seen.
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=60)

    def clean_percents(self) -> list[int]:
        """Read numbers apart by commas or spaces."""
        return self._numbers("percents")

    def clean_seen(self) -> list[int]:
        """Read them as `percents`."""
        return self._numbers("seen")

    def _numbers(self, name: str) -> list[int]:
        words = self.cleaned_data[name].replace("%", " ").replace(",", " ").split()
        if not all(word.isdecimal() and len(word) <= 3 for word in words):
            raise forms.ValidationError(_("Enter whole numbers, such as 50, 80, 95, 100."))
        return [int(word) for word in words]


class AmountForm(CockpitForm):
    """The allocation of one node, typed in its row."""

    amount = CreditsField(required=True)
    nonce = forms.UUIDField(widget=forms.HiddenInput)


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the tree."""
    return [
        path("credits/", bound(site, credits_page, "view_credits"), name="credits"),
        path(
            "credits/spill/",
            bound(site, spill, "manage_credits", methods=("POST",)),
            name="credits-spill",
        ),
        path(
            "credits/alerts/",
            bound(site, set_alerts, "manage_credits", methods=("POST",)),
            name="credits-alerts",
        ),
        path(
            "credits/branch/<uuid:wallet_id>/",
            bound(site, branch, "view_credits"),
            name="credits-branch",
        ),
        path(
            "credits/<uuid:wallet_id>/amount/",
            bound(site, amount, "manage_credits", methods=("POST",)),
            name="credits-amount",
        ),
        path(
            "credits/acts/<uuid:act_id>/undo/",
            bound(site, undo, "manage_credits", methods=("POST",)),
            name="credits-undo",
        ),
    ]


def credits_page(site: ProductSite, request: HttpRequest) -> HttpResponse:
    scope = scope_in(request, site)
    past = cycle_named(site, request.GET.get("cycle", ""))
    # Postgres takes no NUL in text.
    term = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    tree = credit_tree(
        site.product,
        scope,
        open_id=id_of(request.GET.get("open", "")) or _only_team(scope),
        cycle=past,
        term=term,
    )
    can_manage = may(request.user, site.permission("manage_credits")) and past is None
    beside = {} if is_partial(request) else _beside(site, scope, tree, can_manage=can_manage)
    return render_page(
        request,
        "product/credits.html",
        title=_("Credits"),
        fragment="tree",
        tree=tree,
        term=term,
        past=past,
        scope=scope,
        can_manage=can_manage,
        organization_href=f"/{site.slug}/organization/add/",
        **_links(site),
        **beside,
    )


def _only_team(scope: Scope) -> UUID | None:
    """Return the one team that somebody administers: nobody wants to open that first."""
    return next(iter(scope.teams)) if len(scope.teams) == 1 and not scope.organizations else None


def branch(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponse:
    scope = scope_in(request, site)
    is_alone = wallet_id == alone_id(site.product, scope)
    found = None if is_alone else _opening(site, scope, wallet_id)
    if not is_partial(request):
        open_id = wallet_id if found is None else found.node.pk
        return HttpResponseRedirect(f"{home_of(site)}?open={open_id}")
    past = cycle_named(site, request.GET.get("cycle", ""))
    cycle = past or open_cycle_of(book_of(site.slug))
    start = number_of(request.GET.get("start", ""))
    if found is None:
        rows = alone_rows(site.product, cycle=cycle, start=start)
    else:
        rows = branch_rows(site.product, scope, found, cycle=cycle, start=start)
    can_manage = may(request.user, site.permission("manage_credits")) and past is None
    return render_page(
        request,
        "product/credits.html",
        title="",
        fragment="rows",
        rows=rows,
        past=past,
        can_manage=can_manage,
        **_links(site),
    )


def _opening(site: ProductSite, scope: Scope, wallet_id: UUID) -> NodeWallet:
    found = wallet_for(site.product, scope, wallet_id)
    if found.node is None or found.wallet.kind == WalletKind.MEMBERSHIP:
        raise NotFound(_("Nothing stands below this."))
    return found


def amount(site: ProductSite, request: HttpRequest, wallet_id: UUID) -> HttpResponse:
    scope = scope_in(request, site)
    found = wallet_to_move(site.product, scope, wallet_id)
    form = AmountForm(request.POST)
    fault = "" if form.is_valid() else str(next(iter(form.errors.values()))[0])
    if not fault:
        try:
            refuse_archived(found)
            allocating.allocate_credits(
                **known(request, found, form.cleaned_data["nonce"]),
                amount=form.cleaned_data["amount"],
            )
        except Problem as problem:
            fault = sentence_of(site.product, problem)
    if not is_partial(request):
        if fault:
            messages.error(request, fault)
        return HttpResponseRedirect(home_of(site))
    book = found.wallet.book
    *above, row = line_of(site.product, scope, found)
    return render_page(
        request,
        "product/credits.html",
        title="",
        fragment="changed",
        status=422 if fault else 200,
        row=row,
        above=above,
        fault=fault,
        typed=request.POST.get("amount", "") if fault else "",
        can_manage=True,
        changed=True,
        **(_figures(site, book, figures_of(book), can_manage=True) if scope.everything else {}),
        **_links(site),
    )


def undo(site: ProductSite, request: HttpRequest, act_id: UUID) -> HttpResponse:
    act = Act.objects.select_related("book").filter(pk=act_id, book__product=site.slug).first()
    if act is None or not may_undo(site.product, scope_in(request, site), act):
        raise NotFound(_("There is no such act."))
    with problems_as_messages(request, done=_("Undone: the credits are back.")):
        refuse_archived_of(site.product, act)
        undoing.undo_act(
            act=act, actor=actor_of(request), idempotency_key=f"undo:{act.pk}:{uuid7()}"
        )
    return HttpResponseRedirect(home_of(site))


def spill(site: ProductSite, request: HttpRequest) -> HttpResponse:
    if not scope_in(request, site).everything:
        raise NotAllowed(_("Only an account admin says where calls spill."))
    form = SpillForm(request.POST)
    form.full_clean()
    with problems_as_messages(request, done=_("Saved. It counts from the next call on.")):
        books.set_spill(book=book_of(site.slug), **form.cleaned_data, actor=actor_of(request))
    return HttpResponseRedirect(home_of(site))


def set_alerts(site: ProductSite, request: HttpRequest) -> HttpResponse:
    if not scope_in(request, site).everything:
        raise NotAllowed(_("Only an account admin sets thresholds."))
    form = AlertsForm(request.POST)
    if form.is_valid():
        with problems_as_messages(request, done=_("Saved. People are told at these shares.")):
            thresholds.set_thresholds(
                book=book_of(site.slug),
                percents=form.cleaned_data["percents"],
                seen=form.cleaned_data["seen"] if "seen" in form.data else None,
                actor=actor_of(request),
            )
    else:
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    return HttpResponseRedirect(home_of(site))


def _beside(
    site: ProductSite, scope: Scope, tree: CreditTree, *, can_manage: bool
) -> dict[str, Any]:
    """Return what stands around the tree."""
    shown: dict[str, Any] = {
        "acts": last_acts(site.product, scope, tree.book),
        "cycles": cycle_choices(tree.book, tree.cycle),
        "cycle_hint": _cycle(tree.book, tree.cycle),
    }
    if tree.figures is None:
        return shown | {"branch": branch_credits(site.product, scope)}
    return shown | _of_the_book(site, tree, tree.figures, can_manage=can_manage)


def _of_the_book(
    site: ProductSite, tree: CreditTree, figures: BookFigures, *, can_manage: bool
) -> dict[str, Any]:
    """Return what stands beside the tree for who administers all of it."""
    book = tree.book
    alert_at = ", ".join(map(str, book.alert_at))
    return {
        **_figures(site, book, figures, can_manage=can_manage),
        "spill": SpillForm(
            initial={
                "team": book.spill_team,
                "organization": book.spill_organization,
                "pool": book.spill_pool,
            }
        ),
        "alerts": AlertsForm(initial={"percents": alert_at, "seen": alert_at}),
        "movements": last_movements(site.product, book),
        "caps": cap_rows(site.product, book),
        **forecast_context(book, figures if tree.cycle.state == CycleState.OPEN else None),
    }


def _figures(
    site: ProductSite, book: Book, figures: BookFigures, *, can_manage: bool
) -> dict[str, Any]:
    """Return the figures that are always in sight."""
    pool = book_wallet(book, WalletKind.POOL)
    return {
        "figures": figures,
        "pool_href": reverse(f"{site.slug}:credits-move", args=(pool.pk,)) if can_manage else "",
        "left_hint": f"of {credits(figures.granted)} granted",
        "pool_hint": ("spent when a wallet is empty" if book.spill_pool else "calls do not use it"),
        "overflow_hint": f"drawn of {credits(figures.overflow_limit)}, billed later",
    }


def _links(site: ProductSite) -> dict[str, Any]:
    names = (
        *("move", "amount", "branch", "undo", "spill", "split", "override"),
        *("file", "import", "choose", "statement", "alerts"),
    )
    links = {f"{name}_url": f"{site.slug}:credits-{name}" for name in names}
    return {**links, "home_url": f"{site.slug}:credits", "nonce": uuid7}


def _cycle(book: Book, cycle: Cycle) -> str:
    first = first_day_of(cycle.starts_at, book.time_zone)
    last = last_day_of(cycle.ends_at, book.time_zone)
    until = f" {_('until')} {last:%-d %B}" if last else ""
    return f"{_('cycle')} {cycle.number}, {_('since')} {first:%-d %B}{until}"
