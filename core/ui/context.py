"""What every template may ask for."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core.access.permissions import PRODUCTS, permissions_of

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


def cockpit(request: HttpRequest) -> dict[str, Any]:
    """The account, the product in view, and the codenames of who is looking."""
    user = getattr(request, "user", None)
    return {
        "account": getattr(request, "account", None),
        "product": current_product(request) if getattr(request, "account", None) else "",
        "permissions": permissions_of(user) if user is not None else frozenset(),
        "is_demo": settings.DEMO,
        "gateway_url": settings.GATEWAY_URL,
        "public_url": settings.PUBLIC_URL,
    }
