"""Host (or header) → account → schema, for every request of the web process."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import set_urlconf
from django_tenants.utils import get_tenant_domain_model, get_tenant_model

from core.tenancy.connection import connection

ACCOUNT_HEADER = "X-Cockpit-Account"
_HEADER_PATHS = ("/api/", "/scim/")
# OAuth clients understand errors in OAuth's own shape only.
_TOKEN_PATH = "/api/auth/v1/token"  # noqa: S105  a path

# A host keeps pointing at the same account id; the account's state is read at every request.
_HOST_TTL_SECONDS = 30.0
_hosts: dict[str, tuple[float, UUID | None]] = {}

log = structlog.get_logger(__name__)


class AccountMiddleware:
    """Choose the account and with it the schema and the URLs.

    The public host serves super admins. An account's own host serves that account. On the public
    host alone, `X-Cockpit-Account` picks the account for `/api/*` and `/scim/*` requests without
    cookies, for clients that cannot resolve `*.localhost`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        connection.set_schema_to_public()
        account, refusal = self._account_of(request)
        if refusal is not None:
            return refusal
        request.account = account  # type: ignore[attr-defined]
        if account is None:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
        else:
            connection.set_tenant(account)
            request.urlconf = settings.ROOT_URLCONF
        set_urlconf(request.urlconf)
        try:
            with structlog.contextvars.bound_contextvars(account=account.slug if account else ""):
                if account is not None and account.is_closed:
                    return self._closed(request, account)
                return self.get_response(request)
        finally:
            connection.set_schema_to_public()

    def _account_of(self, request: HttpRequest) -> tuple[Any, HttpResponse | None]:
        host = request.get_host().rsplit(":", 1)[0].lower().removeprefix("www.")
        slug = request.headers.get(ACCOUNT_HEADER, "")
        is_public = host in settings.PUBLIC_HOSTS
        if is_public and not slug:
            return None, None
        if is_public:
            if not request.path.startswith(_HEADER_PATHS) or request.COOKIES:
                detail = f"{ACCOUNT_HEADER} is for /api/ and /scim/ requests without cookies."
                return None, _refuse(request, detail)
            account = get_tenant_model().objects.filter(slug=slug).first()
            if account is None:
                return None, _refuse(request, f"{ACCOUNT_HEADER} names no account.")
            return account, None
        account_id = _account_id_of_host(host)
        account = get_tenant_model().objects.filter(pk=account_id).first() if account_id else None
        if account is None:
            raise Http404(f"No account lives at {host}.")
        if slug and slug != account.slug:
            detail = f"{ACCOUNT_HEADER} and the host name different accounts."
            return None, _refuse(request, detail)
        return account, None

    def _closed(self, request: HttpRequest, account: Any) -> HttpResponse:
        if request.path.startswith(("/api/", "/scim/")):
            detail = "This account is suspended."
            return _refuse(request, detail, status=403, code="account_suspended")
        from django.shortcuts import render

        return render(request, "cockpit/suspended.html", {"account": account}, status=403)


def forget_hosts() -> None:
    """Empty the host cache, after domains changed and between tests."""
    _hosts.clear()


def _account_id_of_host(host: str) -> UUID | None:
    hit = _hosts.get(host)
    if hit is not None and hit[0] > time.monotonic():
        return hit[1]
    account_id: UUID | None = (
        get_tenant_domain_model().objects.filter(domain=host).values_list("tenant_id", flat=True)
    ).first()
    # Only hosts that exist are kept: a visitor could otherwise fill the cache with made-up names.
    if account_id is not None:
        _hosts[host] = (time.monotonic() + _HOST_TTL_SECONDS, account_id)
    return account_id


def _refuse(
    request: HttpRequest, detail: str, *, status: int = 401, code: str = "unauthenticated"
) -> JsonResponse:
    if request.path == _TOKEN_PATH:
        error, challenge = "access_denied", {}
        if status == 401:
            error = "invalid_client"
            challenge = {"WWW-Authenticate": 'Basic realm="cockpit", charset="UTF-8"'}
        return JsonResponse(
            {"error": error, "error_description": detail},
            status=status,
            headers={"Cache-Control": "no-store", **challenge},
        )
    body = {
        "type": f"/problems/{code.replace('_', '-')}",
        "title": "Which account is meant?" if status == 401 else "This account is suspended",
        "status": status,
        "code": code,
        "detail": detail,
    }
    headers = {"WWW-Authenticate": 'Bearer realm="cockpit"'} if status == 401 else {}
    return JsonResponse(
        body, status=status, content_type="application/problem+json", headers=headers
    )
