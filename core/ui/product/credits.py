"""Credits, first form: who holds what, and moving it from the parent to a node and back."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.permissions import may
from core.access.scopes import scope_of
from core.credits.errors import IdempotencyMismatch, InsufficientCredits
from core.credits.models import Cycle, Wallet, WalletKind
from core.credits.selectors import allocations_of, balances_of, book_of, book_wallet
from core.credits.services import allocating, books
from core.hierarchy.credit_tree import credit_tree
from core.hierarchy.node_wallets import wallet_to_move
from core.hierarchy.wallets import last_movements, wallet_labels
from core.kit.ids import uuid7
from core.ui.forms import CockpitForm, CreditsField
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from core.ui.product.urls import ProductSite
from core.ui.templatetags.cockpit import credits

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


class SpillForm(CockpitForm):
    """Says where a call may go on looking once its own wallet is empty."""

    team = forms.BooleanField(label=gettext_lazy("the team's free credits"), required=False)
    organization = forms.BooleanField(
        label=gettext_lazy("the organization's free credits"), required=False
    )
    pool = forms.BooleanField(label=gettext_lazy("the pool"), required=False)


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the credits page."""
    home = f"{site.slug}:credits"
    move_name = f"{site.slug}:credits-move"

    @page(permission=site.permission("view_credits"))
    def credits_page(request: HttpRequest) -> HttpResponse:
        tree = credit_tree(site.product, open_id=_id(request.GET.get("open", "")))
        book, figures = tree.book, tree.figures
        can_manage = may(request.user, site.permission("manage_credits"))
        pool = book_wallet(book, WalletKind.POOL)
        return render_page(
            request,
            "product/credits.html",
            title=_("Credits"),
            tree=tree,
            can_manage=can_manage,
            spill=SpillForm(
                initial={
                    "team": book.spill_team,
                    "organization": book.spill_organization,
                    "pool": book.spill_pool,
                }
            ),
            movements=last_movements(site.product, book),
            move_url=move_name,
            spill_url=f"{site.slug}:credits-spill",
            pool_href=reverse(move_name, args=(pool.pk,)) if can_manage else "",
            organization_href=f"/{site.slug}/organization/add/",
            left_hint=f"of {credits(figures.granted)} granted",
            pool_hint="spent when a wallet is empty" if book.spill_pool else "calls do not use it",
            overflow_hint=f"drawn of {credits(figures.overflow_limit)}, billed later",
            cycle_hint=_cycle(tree.cycle),
        )

    @page(permission=site.permission("manage_credits"), methods=("GET", "POST"))
    def move(request: HttpRequest, wallet_id: UUID) -> HttpResponse:
        found = wallet_to_move(site.product, scope_of(request.user, site.slug), wallet_id)
        wallet = found.wallet
        parent = allocating.source_of(wallet)
        names = wallet_labels(site.product, (wallet, parent))
        balances = balances_of((wallet.pk, parent.pk))
        rule = allocations_of((wallet.pk,)).get(wallet.pk)
        form = MoveForm(request.POST or None, has_rule=rule is not None)
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                try:
                    _move(wallet, form.cleaned_data, names[wallet.pk], request)
                except InsufficientCredits as problem:
                    form.add_error("amount", _lacking(problem, names))
                except IdempotencyMismatch:
                    form.start_afresh()
                    form.add_error(None, _("This form was sent before. Check the figures again."))
                else:
                    messages.success(request, _("The credits of %s changed.") % names[wallet.pk])
                    return HttpResponseRedirect(reverse(home))
        return render_page(
            request,
            "product/move_credits.html",
            title=names[wallet.pk],
            crumbs=[(_("Credits"), reverse(home))],
            status=form.http_status,
            form=form,
            home_url=home,
            balance=balances[wallet.pk],
            rule=rule,
            parent=names[parent.pk],
            parent_free=balances[parent.pk].free,
        )

    @page(permission=site.permission("manage_credits"), methods=("POST",))
    def spill(request: HttpRequest) -> HttpResponse:
        form = SpillForm(request.POST)
        form.full_clean()
        with problems_as_messages(request, done=_("Saved. It counts from the next call on.")):
            books.set_spill(book=book_of(site.slug), **form.cleaned_data, actor=actor_of(request))
        return HttpResponseRedirect(reverse(home))

    return [
        path("credits/", credits_page, name="credits"),
        path("credits/<uuid:wallet_id>/", move, name="credits-move"),
        path("credits/spill/", spill, name="credits-spill"),
    ]


def _move(wallet: Wallet, values: dict[str, Any], label: str, request: HttpRequest) -> None:
    known: dict[str, Any] = {
        "wallet": wallet,
        "reason": values["reason"],
        "label": label,
        "actor": actor_of(request),
        "idempotency_key": f"page:{values['nonce']}",
    }
    if values["act"] == _REMOVE:
        allocating.remove_allocation(**known)
        return
    moves = {
        _ALLOCATE: allocating.allocate_credits,
        _TOP_UP: allocating.top_up_credits,
        _RECLAIM: allocating.reclaim_credits,
    }
    moves[values["act"]](**known, amount=values["amount"])


def _lacking(problem: InsufficientCredits, names: dict[UUID, str]) -> str:
    lacking = problem.extensions
    return _("%(name)s has %(available)s credits free; this takes %(asked)s.") % {
        "name": names[UUID(lacking["wallet"])],
        "available": lacking["available"],
        "asked": lacking["asked"],
    }


def _cycle(cycle: Cycle) -> str:
    until = f" until {cycle.ends_at:%-d %B}" if cycle.ends_at else ""
    return f"cycle {cycle.number}, since {cycle.starts_at:%-d %B}{until}"


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
