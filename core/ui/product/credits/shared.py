"""What the credits pages share."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from core.access.scopes import Scope, scope_of
from core.credits.cycles import first_day_of
from core.credits.errors import InsufficientCredits
from core.credits.models import Book, Cycle, Wallet
from core.credits.selectors import book_of
from core.hierarchy.node_wallets import NodeWallet
from core.hierarchy.product import Product
from core.hierarchy.wallets import wallet_labels
from core.kit.problems import NotFound, Problem
from core.ui.middleware import actor_of
from core.ui.pages import page
from core.ui.product.urls import ProductSite


def bound(
    site: ProductSite,
    view: Callable[..., HttpResponseBase],
    permission: str,
    *,
    methods: tuple[str, ...] = ("GET",),
) -> Callable[..., HttpResponseBase]:
    """Turn a function of a product's site and a request into a page of that product."""

    @page(permission=site.permission(permission), methods=methods)
    def answer(request: HttpRequest, **named: Any) -> HttpResponseBase:
        return view(site, request, **named)

    return answer


def scope_in(request: HttpRequest, site: ProductSite) -> Scope:
    """Return what the person may see and change in the product."""
    return scope_of(request.user, site.slug)


def known(request: HttpRequest, found: NodeWallet, nonce: Any, reason: str = "") -> dict[str, Any]:
    """Return what every act on one node tells the ledger's services."""
    return {
        "wallet": found.wallet,
        "reason": reason,
        "label": found.label,
        "nodes": found.nodes,
        "actor": actor_of(request),
        "idempotency_key": f"page:{nonce}",
    }


def sentence_of(product: Product, problem: Problem) -> str:
    """Return a problem's sentence, with the name of the wallet that lacks credits."""
    if not isinstance(problem, InsufficientCredits) or "wallet" not in problem.extensions:
        return problem.detail
    lacking = problem.extensions
    wallets = Wallet.objects.filter(pk=UUID(lacking["wallet"]))
    name = next(iter(wallet_labels(product, wallets).values()), _("The wallet"))
    text = _("%(name)s has %(available)s credits free; this takes %(asked)s.") % {
        "name": name,
        "available": lacking["available"],
        "asked": lacking["asked"],
    }
    if "least_total" in lacking:
        text += (
            " "
            + _("Used and held credits stay where they are; split at least %s.")
            % (lacking["least_total"])
        )
    return text


def cycle_named(site: ProductSite, text: str) -> Cycle | None:
    """Return a cycle of the product by its number; None for the open one.

    Raises:
        NotFound: there is none of that number.
    """
    if not text:
        return None
    cycles = Cycle.objects.filter(book=book_of(site.slug))
    found = cycles.filter(number=int(text)).first() if text.isdecimal() and len(text) < 9 else None
    if found is None:
        raise NotFound(_("There is no such cycle."))
    return None if found.state == "open" else found


def cycle_choices(book: Book, shown: Cycle) -> list[tuple[int, str, bool]]:
    """Return the latest cycles to choose from: number, label, and whether it is the one shown."""
    rows = Cycle.objects.filter(book=book).order_by("-number")[:24]
    return [
        (
            row.number,
            _("Cycle %(number)s, from %(day)s")
            % {
                "number": row.number,
                "day": f"{first_day_of(row.starts_at, book.time_zone):%-d %b %Y}",
            },
            row.pk == shown.pk,
        )
        for row in rows
    ]


def id_of(text: str) -> UUID | None:
    """Read an id from an address; None if it is not one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def number_of(text: str) -> int:
    """Read how many rows come before, from an address; 0 if it is no such number."""
    return int(text) if text.isdecimal() and len(text) < 7 else 0


def home_of(site: ProductSite) -> str:
    """Return the address of the credits page."""
    return reverse(f"{site.slug}:credits")
