"""What every request gets before anything else looks at it: an id, and where it comes from."""

import re
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from core.kit.addresses import client_address
from core.kit.ids import uuid7
from core.tenancy.context import in_public

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
        response = self._health(request.path) or self._answer(request)
        response.headers.setdefault("X-Request-ID", request_id)
        return response

    def _health(self, path: str) -> HttpResponse | None:
        """Answer who watches over the process, whatever host it is asked by."""
        if path == "/healthz":
            return JsonResponse({"status": "ok"})
        if path != "/readyz":
            return None
        try:
            with in_public(), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError:
            return JsonResponse({"status": "not ready"}, status=503)
        return JsonResponse({"status": "ready"})

    def _answer(self, request: HttpRequest) -> HttpResponse:
        request.path = _DOUBLED.sub("/", request.path, count=1)
        request.path_info = _DOUBLED.sub("/", request.path_info, count=1)
        return self.get_response(request)
