"""Whose calls a page shows: those of what one administers, or one's own."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.product import PRODUCT
from core.access.scopes import scope_of


def shows_own(request: HttpRequest) -> bool:
    """Whether a page shows one's own calls only; who administers something can choose."""
    return not scope_of(request.user, PRODUCT.slug) or request.GET.get("whose") == "mine"


def switch(request: HttpRequest, query: str) -> list[tuple[str, str, bool]]:
    """Return the choice between one's own and all, for who has both. `query` is what stays."""
    if not scope_of(request.user, PRODUCT.slug):
        return []
    is_own = shows_own(request)
    return [
        (_("All"), f"?{query}", not is_own),
        (_("Mine"), f"?{query}&whose=mine", is_own),
    ]
