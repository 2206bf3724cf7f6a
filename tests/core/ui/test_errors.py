"""Pages of what went wrong."""

from collections.abc import Callable

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from core.identity.models import User
from core.ui import errors
from tenants.models import Account
from tenants.services.accounts import suspend_account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.factories.identity import UserFactory


def test_what_is_not_there_keeps_the_shell(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    answer = client_for(ada, acme).get("/nowhere/at/all/")

    assert answer.status_code == 404
    assert b"There is no such thing here" in answer.content
    assert b'id="nav-sidebar"' in answer.content


def test_nobody_is_sent_to_log_in(client_for: Callable[..., AccountClient], acme: Account) -> None:
    answer = client_for(None, acme).get("/nowhere/at/all/")

    assert answer["Location"].startswith("/login/")


def test_an_unknown_path_of_the_api_answers_as_the_api_does(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    answer = client_for(ada, acme).get("/api/nowhere")

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_a_host_without_an_account_gets_a_page(db: None) -> None:
    client = AccountClient(None)

    answer = client.get("/", headers={"Host": "nobody.localhost"})

    assert answer.status_code == 404
    assert b"No account lives at nobody.localhost." in answer.content
    assert b'id="nav-sidebar"' not in answer.content


def test_who_has_neither_seat_nor_role_is_told_so(
    client_for: Callable[..., AccountClient], in_acme: Account
) -> None:
    client = client_for(UserFactory(), in_acme)

    for path in ("/", "/copilot/member/", "/search/"):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert b"You have no seat here yet" in answer.content, path


def test_a_suspended_account_says_so(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    client = client_for(ada, acme)
    suspend_account(account=acme, reason="", actor=TESTS)

    answer = client.get("/copilot/")

    assert answer.status_code == 403
    assert b"This account is suspended" in answer.content
    assert b"Acme" in answer.content


@pytest.mark.parametrize(
    ("path", "kind"), [("/copilot/", "text/html"), ("/api/x", "application/problem+json")]
)
def test_a_fault_of_ours_is_answered_without_the_database(path: str, kind: str) -> None:
    request: HttpRequest = RequestFactory().get(path)
    request.id = "abc-123"  # type: ignore[attr-defined]

    answer = errors.broken(request)

    assert answer.status_code == 500
    assert answer["Content-Type"].startswith(kind)
    assert b"abc-123" in answer.content


def test_a_page_is_not_kept_by_browsers(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    assert "no-store" in client_for(ada, acme).get("/copilot/")["Cache-Control"]


def test_a_refusal_inside_a_fragment_is_a_message(
    client_for: Callable[..., AccountClient], mia: User, acme: Account
) -> None:
    answer = client_for(mia, acme).get("/copilot/?days=30", headers={"HX-Request": "true"})

    assert answer.status_code == 422
    assert answer["HX-Reswap"] == "none"
    assert b"Your role does not include this page" in answer.content
    assert b"<html" not in answer.content


def test_a_fragment_for_nobody_sends_the_whole_page_to_log_in(
    client_for: Callable[..., AccountClient], acme: Account
) -> None:
    answer = client_for(None, acme).get(
        "/copilot/?days=30",
        headers={"HX-Request": "true", "HX-Current-URL": "http://acme.localhost/copilot/"},
    )

    assert answer["HX-Redirect"] == "/login/?next=/copilot/"
