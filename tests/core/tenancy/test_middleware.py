"""Host and header pick the account before anything else looks at a request."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory

from core.tenancy.context import current_schema, in_public
from core.tenancy.middleware import AccountMiddleware, forget_hosts
from tenants.models import Account, Domain
from tenants.services.accounts import archive_account, restore_account, suspend_account
from tests.cast import TESTS

API = "/api/copilot/v1/teams"


def _answer(request: HttpRequest) -> HttpResponse:
    account = request.account  # type: ignore[attr-defined]
    return HttpResponse(f"{account.slug if account else '-'} {current_schema()} {request.urlconf}")


def ask(host: str, path: str = "/", **extra: Any) -> HttpResponse:
    """Send a request through the middleware to a view that says where it is."""
    request = RequestFactory().get(path, HTTP_HOST=host, **extra)
    if cookies := extra.get("HTTP_COOKIE"):
        assert request.COOKIES, cookies
    return AccountMiddleware(_answer)(request)


def _code(response: HttpResponse) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, json.loads(response.content)["code"]


@pytest.mark.parametrize(
    "host", ["acme.localhost", "acme.localhost:8000", "ACME.localhost", "www.acme.localhost"]
)
def test_the_host_of_an_account_leads_into_it(acme: Account, host: str) -> None:
    assert ask(host).content.decode() == f"acme {acme.schema_name} {settings.ROOT_URLCONF}"


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000"])
def test_the_public_host_stays_in_public(any_database: None, host: str) -> None:
    assert ask(host).content.decode() == f"- public {settings.PUBLIC_SCHEMA_URLCONF}"


@pytest.mark.parametrize("host", ["nobody.localhost", "acme.globex.localhost"])
def test_a_host_where_nobody_lives_is_not_found(acme: Account, host: str) -> None:
    with pytest.raises(Http404):
        ask(host)


def test_after_a_request_the_connection_is_in_public(acme: Account) -> None:
    ask("acme.localhost")

    assert current_schema() == "public"


def test_after_a_broken_request_the_connection_is_in_public(acme: Account) -> None:
    def broken(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    request = RequestFactory().get("/", HTTP_HOST="acme.localhost")

    with pytest.raises(ZeroDivisionError):
        AccountMiddleware(broken)(request)
    assert current_schema() == "public"


@pytest.mark.parametrize("path", [API, "/scim/v2/copilot/Users"])
def test_the_header_picks_the_account_on_the_public_host(acme: Account, path: str) -> None:
    answer = ask("localhost", path, HTTP_X_COCKPIT_ACCOUNT="acme")

    assert answer.content.decode() == f"acme {acme.schema_name} {settings.ROOT_URLCONF}"


@pytest.mark.parametrize("path", ["/", "/copilot/credits/", "/apiary", "/login/?next=/api/"])
def test_the_header_is_for_apis_only(acme: Account, path: str) -> None:
    assert _code(ask("localhost", path, HTTP_X_COCKPIT_ACCOUNT="acme")) == (401, "unauthenticated")


def test_the_header_is_refused_with_cookies(acme: Account) -> None:
    answer = ask("localhost", API, HTTP_X_COCKPIT_ACCOUNT="acme", HTTP_COOKIE="sessionid=x")

    assert _code(answer) == (401, "unauthenticated")


@pytest.mark.parametrize("slug", ["nobody", "ACME", "public", "acme'--", "a" * 500])
def test_a_header_that_names_no_account_is_refused(acme: Account, slug: str) -> None:
    answer = ask("localhost", API, HTTP_X_COCKPIT_ACCOUNT=slug)

    assert _code(answer) == (401, "unauthenticated")


def test_header_and_host_must_agree(acme: Account, globex: Account) -> None:
    answer = ask("acme.localhost", API, HTTP_X_COCKPIT_ACCOUNT="globex")

    assert _code(answer) == (401, "unauthenticated")


def test_a_header_that_agrees_with_the_host_is_welcome(acme: Account) -> None:
    assert ask("acme.localhost", API, HTTP_X_COCKPIT_ACCOUNT="acme").status_code == 200


@pytest.fixture(params=[suspend_account, archive_account])
def closed(acme: Account, request: pytest.FixtureRequest) -> Account:
    """Acme, after a super admin has closed it."""
    with in_public():
        account: Account = request.param(account=acme, reason="Test", actor=TESTS)
        return account


def test_a_closed_account_answers_its_apis_with_a_problem(closed: Account) -> None:
    assert _code(ask("acme.localhost", API)) == (403, "account_suspended")
    assert _code(ask("localhost", API, HTTP_X_COCKPIT_ACCOUNT="acme")) == (403, "account_suspended")


def test_a_closed_account_answers_people_with_a_page(closed: Account) -> None:
    answer = ask("acme.localhost")

    assert answer.status_code == 403
    assert b"<html" in answer.content


def test_an_account_closes_and_opens_at_once(acme: Account) -> None:
    before = ask("acme.localhost").status_code
    with in_public():
        suspend_account(account=acme, reason="Test", actor=TESTS)
    between = ask("acme.localhost").status_code
    with in_public():
        restore_account(account=acme, actor=TESTS)

    assert [before, between, ask("acme.localhost").status_code] == [200, 403, 200]


def test_a_known_host_costs_two_statements(
    acme: Account, django_assert_num_queries: Callable[..., Any]
) -> None:
    ask("acme.localhost")

    # The search path and the account itself, whose state must be fresh.
    with django_assert_num_queries(2):
        ask("acme.localhost")


def test_a_host_that_appears_is_found_at_once(acme: Account) -> None:
    with pytest.raises(Http404):
        ask("other.localhost")
    with in_public():
        Domain.objects.create(tenant=acme, domain="other.localhost", is_primary=False)

    assert ask("other.localhost").content.decode().startswith("acme ")


def test_forgetting_hosts_lets_a_moved_host_be_found(acme: Account, globex: Account) -> None:
    ask("acme.localhost")
    with in_public():
        Domain.objects.filter(domain="acme.localhost").update(tenant=globex)

    forget_hosts()

    assert ask("acme.localhost").content.decode().startswith("globex ")
