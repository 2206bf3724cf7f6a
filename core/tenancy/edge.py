"""What every request gets before anything else looks at it: an id, and where it comes from."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core.kit.addresses import client_address
from core.kit.ids import uuid7

# Clients put paths behind a base address that ends in a slash.
_DOUBLED = re.compile(r"//+(?=api/|scim/)")


class EdgeMiddleware:
    """Give a request its id and the address of its client, and show the id on every answer.

    It stands in front of the choice of the account, so that refusals have an id too. The id is
    always our own: what a client sends must not stand in the audit log.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(uuid7())
        # The log reads it from the header.
        request.id = request.META["HTTP_X_REQUEST_ID"] = request_id  # type: ignore[attr-defined]
        request.META["REMOTE_ADDR"] = client_address(
            request.META.get("REMOTE_ADDR", ""),
            request.META.get("HTTP_X_FORWARDED_FOR", ""),
            proxies=settings.TRUSTED_PROXIES,
        )[:64]
        request.path = _DOUBLED.sub("/", request.path, count=1)
        request.path_info = _DOUBLED.sub("/", request.path_info, count=1)
        response = self.get_response(request)
        response.headers.setdefault("X-Request-ID", request_id)
        return response
