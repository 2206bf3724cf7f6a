"""What every request and every answer has, whoever answers."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from core.audit.models import AuditEntry
from core.identity.models import User
from core.tenancy.context import in_account
from core.tenancy.edge import EdgeMiddleware
from tenants.models import Account
from tests.clients import AccountClient


def _seen(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.META['REMOTE_ADDR']} {request.path} {request.path_info}")


def _ask(path: str = "/", **extra: Any) -> HttpResponse:
    return EdgeMiddleware(_seen)(RequestFactory().get(path, REMOTE_ADDR="10.0.0.1", **extra))


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("acme.localhost", {}, 200),
        ("nobody.localhost", {}, 404),
        ("nobody.example", {}, 400),
        ("localhost", {"X-Cockpit-Account": "nobody"}, 401),
    ],
)
def test_every_answer_has_an_id_and_the_headers_of_security(
    acme: Account, host: str, headers: dict[str, str], status: int
) -> None:
    answer = AccountClient(None).get("/api/auth/v1/jwks.json", headers={"Host": host, **headers})

    assert answer.status_code == status
    assert UUID(answer["X-Request-ID"]).version == 7
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert status != 401 or answer["WWW-Authenticate"] == 'Bearer realm="cockpit"'
    assert status < 400 or answer["Content-Type"] == "application/problem+json"


def test_a_host_that_is_none_of_ours_gets_a_page_outside_of_the_api(any_database: None) -> None:
    answer = AccountClient(None).get("/", headers={"Host": "nobody.example"})

    assert answer.status_code == 400
    assert b"This address is not one of this installation." in answer.content


@pytest.mark.parametrize(("path", "status"), [("/healthz", "ok"), ("/readyz", "ready")])
def test_a_load_balancer_asks_by_any_host(any_database: None, path: str, status: str) -> None:
    answer = AccountClient(None).get(path, headers={"Host": "10.0.0.7:8000"})

    assert (answer.status_code, answer.json()) == (200, {"status": status})


def test_without_a_database_it_is_alive_and_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", gone)

    assert _ask("/healthz").status_code == 200
    assert _ask("/readyz").status_code == 503


def test_an_audit_entry_names_the_request_that_the_answer_names(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    answer = client_for(ada, acme).post(
        "/api/copilot/v1/organizations",
        {"name": "Sales"},
        content_type="application/json",
        headers={"X-Request-ID": "made-up"},
    )

    with in_account(acme):
        entry = AuditEntry.objects.get(verb="organization.created", target_label="Sales")
    assert entry.request_id == answer["X-Request-ID"] != "made-up"


@pytest.mark.parametrize(("proxies", "found"), [(0, "10.0.0.1"), (1, "192.0.2.7")])
def test_the_address_is_the_one_that_our_proxies_name(
    settings: Any, proxies: int, found: str
) -> None:
    settings.TRUSTED_PROXIES = proxies

    answer = _ask(HTTP_X_FORWARDED_FOR="203.0.113.9, 192.0.2.7")

    assert answer.content.decode().split()[0] == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("//api/auth/v1/jwks.json", "/api/auth/v1/jwks.json"),
        ("///scim/v2", "/scim/v2"),
        ("//elsewhere.example/", "//elsewhere.example/"),
        ("/api//auth", "/api//auth"),
    ],
)
def test_a_slash_too_many_before_the_api_is_forgiven(path: str, found: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1")
    request.path = request.path_info = path

    answer = EdgeMiddleware(_seen)(request)

    assert answer.content.decode().split()[1:] == [found, found]
