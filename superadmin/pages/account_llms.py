"""Which LLMs an account is offered, by product."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _, ngettext

from core.hierarchy.product import products
from core.kit.problems import ChangedMeanwhile
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_messages
from superadmin.pages.account import back_to, render_account
from superadmin.pages.ticks import Ticks, seen_in
from superadmin.selectors.catalogue import CatalogueRow, catalogue_rows
from tenants.models import Account, Llm
from tenants.selectors import account_named, offered_ids, terms_of
from tenants.services.offers import set_offers

_TAB = "account-llms"


@page(permission="platform.manage_accounts")
def llms_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the catalogue with what is offered to either product."""
    return _page(request, account_named(slug))


@page(permission="platform.manage_accounts", methods=("POST",))
def save_offers(request: HttpRequest, slug: str) -> HttpResponse:
    """Offer exactly the ticked LLMs to each product of an account.

    What somebody else has changed since the page was shown is not overwritten: it is marked, and
    what was ticked stays.
    """
    account = account_named(slug)
    with problems_as_messages(request):
        try:
            _save(request, account)
        except ChangedMeanwhile:
            return _page(request, account, posted=request.POST)
    return back_to(account, _TAB)


@transaction.atomic
def _save(request: HttpRequest, account: Account) -> None:
    done = [
        (
            product.title,
            *set_offers(
                account=account,
                product=product.slug,
                llms=_ticked(request.POST.getlist(product.slug)),
                seen=seen_in(request.POST, product.slug),
                actor=actor_of(request),
            ),
        )
        for product in products()
    ]
    messages.success(request, _what_changed(done))


def _page(
    request: HttpRequest, account: Account, *, posted: QueryDict | None = None
) -> HttpResponse:
    offered = offered_ids(account)
    factor = terms_of(account.pk).credit_factor
    rows = catalogue_rows()
    ticks = {
        product: Ticks(
            product.slug,
            {row.llm.name for row in rows if row.llm.pk in offered.get(product.slug, ())},
            posted,
        )
        for product in products()
    }
    return render_account(
        request,
        "superadmin/account/llms.html",
        account,
        tab=_TAB,
        status=409 if posted is not None else 200,
        is_stale=posted is not None,
        factor=factor,
        products=products(),
        ticks=list(ticks.items()),
        rows=[
            {
                "row": row,
                "input": _in_credits(row, "input_usd", factor),
                "output": _in_credits(row, "output_usd", factor),
                "image": _in_credits(row, "image_each_usd", factor),
                "offers": [(product, each.of(row.llm.name)) for product, each in ticks.items()],
            }
            for row in rows
        ],
    )


def _ticked(names: Sequence[str]) -> list[Llm]:
    return list(Llm.objects.filter(name__in=names, retired_at=None))


def _in_credits(row: CatalogueRow, field: str, factor: Decimal) -> Decimal | None:
    return getattr(row.price, field) * factor if row.price is not None else None


def _what_changed(done: Sequence[tuple[str, int, int]]) -> Any:
    parts = []
    for title, added, withdrawn in done:
        if added:
            text = ngettext("%(count)s LLM offered", "%(count)s LLMs offered", added)
            parts.append(f"{title}: {text % {'count': added}}")
        if withdrawn:
            text = ngettext("%(count)s LLM withdrawn", "%(count)s LLMs withdrawn", withdrawn)
            parts.append(f"{title}: {text % {'count': withdrawn}}")
    return f"{'; '.join(parts)}." if parts else _("Nothing to change.")
