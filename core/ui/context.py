"""What every template may ask for."""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core.access.permissions import PRODUCTS, permissions_of
from core.hierarchy.product import product_named

_SESSION_KEY = "product"


def current_product(request: HttpRequest) -> str:
    """Return the product whose pages are shown: the path's, else the last one, else Copilot."""
    first = request.path.strip("/").split("/")[0]
    if first in PRODUCTS:
        if hasattr(request, "session") and request.session.get(_SESSION_KEY) != first:
            request.session[_SESSION_KEY] = first
        return first
    kept = request.session.get(_SESSION_KEY, "") if hasattr(request, "session") else ""
    return kept if kept in PRODUCTS else PRODUCTS[0]


def home_of(product: str, held: Collection[str]) -> str:
    """Return the first page of a product for who carries these codenames; "" without a place.

    An admin's is the overview, a developer's the quick start, a member's their own page.
    """
    for name, page in (("view_overview", ""), ("own_keys", "start/"), ("use", "me/")):
        if f"{product}.{name}" in held:
            return f"/{product}/{page}"
    return ""


def home_crumb(request: HttpRequest) -> tuple[str, str]:
    """Return the first breadcrumb of a page: the product, the company, or the platform."""
    account = getattr(request, "account", None)
    if account is None:
        return "Platform", "/"
    first = request.path.strip("/").split("/")[0]
    if first not in PRODUCTS:
        return account.name, "/"
    return product_named(first).title, home_of(first, _held(request)) or "/"


def cockpit(request: HttpRequest) -> dict[str, Any]:
    """The account, the product in view, and the codenames of who is looking."""
    return {
        "account": getattr(request, "account", None),
        "product": current_product(request) if getattr(request, "account", None) else "",
        "permissions": _held(request),
        "home_crumb": home_crumb(request),
        "is_demo": settings.DEMO,
        "gateway_url": settings.GATEWAY_URL,
        "public_url": settings.PUBLIC_URL,
    }


def _held(request: HttpRequest) -> frozenset[str]:
    # A page may be needed before the middleware knows any user, such as that of a suspension.
    user = getattr(request, "user", None)
    return permissions_of(user) if user is not None else frozenset()
