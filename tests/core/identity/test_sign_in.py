"""Signing in at a host: for active people of that account, and a limited number of times."""

from collections.abc import Callable

import pytest
from django.urls import reverse

from core.audit.models import AuditEntry
from core.identity import services
from core.identity.models import User
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tenants.services.accounts import suspend_account
from tests.cast import ADA, EVE, MIA, PASSWORD, SAM, TESTS
from tests.clients import AccountClient

ClientFor = Callable[..., AccountClient]
WRONG = "not the password"


def _sign_in(client: AccountClient, email: str, password: str = PASSWORD, **more: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return client.post("/login/", {"login": email, "password": password, **more})


def _is_signed_in(client: AccountClient) -> bool:
    return client.get("/profile/").status_code == 200


def test_the_right_password_signs_in(client_for: ClientFor, acme: Account) -> None:
    client = client_for(None, acme)

    answer = _sign_in(client, ADA.email)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert _is_signed_in(client)


def test_the_address_may_be_typed_in_capitals(client_for: ClientFor, acme: Account) -> None:
    client = client_for(None, acme)

    _sign_in(client, ADA.email.upper())

    assert _is_signed_in(client)


def test_super_admins_sign_in_at_the_public_host(
    public_client: AccountClient, client_for: ClientFor, acme: Account
) -> None:
    _sign_in(public_client, SAM.email)
    elsewhere = client_for(None, acme)
    _sign_in(elsewhere, SAM.email)

    assert _is_signed_in(public_client)
    assert not _is_signed_in(elsewhere)


def test_signing_in_stands_in_the_audit_log(
    client_for: ClientFor, acme: Account, ada: User
) -> None:
    _sign_in(client_for(None, acme), ADA.email)

    with in_account(acme):
        entry = AuditEntry.objects.get(verb="user.signed_in")
    assert (entry.sentence, entry.address) == ("Ada Admin signed in", "127.0.0.1")


@pytest.mark.parametrize("email", [ADA.email, "nobody@acme.example", EVE.email])
def test_a_refusal_does_not_say_what_was_wrong(
    client_for: ClientFor, acme: Account, email: str
) -> None:
    client = client_for(None, acme)

    answer = _sign_in(client, email, WRONG)

    assert "This e-mail address and password do not match." in answer.content.decode()
    assert not _is_signed_in(client)


def test_guessing_stops_after_five_attempts(client_for: ClientFor, acme: Account) -> None:
    client = client_for(None, acme)
    for _ in range(5):
        _sign_in(client, ADA.email, WRONG)

    answer = _sign_in(client, ADA.email)

    assert "Too many attempts." in answer.content.decode()
    assert not _is_signed_in(client)


def test_guessing_in_one_account_does_not_lock_the_other(
    client_for: ClientFor, acme: Account, globex: Account
) -> None:
    with in_account(globex):
        services.create_user(email=ADA.email, password=PASSWORD, actor=TESTS)
    for _ in range(5):
        _sign_in(client_for(None, acme), ADA.email, WRONG)
    client = client_for(None, globex)

    _sign_in(client, ADA.email)

    assert _is_signed_in(client)


def test_an_inactive_person_is_told_who_can_help(
    client_for: ClientFor, acme: Account, mia: User
) -> None:
    with in_account(acme):
        services.deactivate_user(user=mia, actor=TESTS)
    client = client_for(None, acme)

    answer = client.post("/login/", {"login": MIA.email, "password": PASSWORD}, follow=True)

    assert "This login is not active" in answer.content.decode()
    assert not _is_signed_in(client)


def test_deactivating_ends_a_session_that_is_open(
    client_for: ClientFor, acme: Account, mia: User
) -> None:
    client = client_for(mia, acme)
    assert _is_signed_in(client)

    with in_account(acme):
        services.deactivate_user(user=mia, actor=TESTS)

    assert not _is_signed_in(client)


def test_a_suspended_account_lets_nobody_in(
    client_for: ClientFor, acme: Account, ada: User
) -> None:
    client = client_for(ada, acme)
    with in_public():
        suspend_account(account=acme, reason="Unpaid", actor=TESTS)

    assert client.get("/profile/").status_code == 403
    assert _sign_in(client_for(None, acme), ADA.email).status_code == 403


def test_a_session_means_nothing_at_another_host(
    client_for: ClientFor, acme: Account, globex: Account, ada: User
) -> None:
    at_acme = client_for(ada, acme)
    assert _is_signed_in(at_acme)

    elsewhere = [client_for(None, globex), client_for(None, None)]
    for client in elsewhere:
        client.cookies = at_acme.cookies

    assert [_is_signed_in(client) for client in elsewhere] == [False, False]


def test_a_link_after_signing_in_leads_back_to_the_page(
    client_for: ClientFor, acme: Account
) -> None:
    answer = _sign_in(client_for(None, acme), ADA.email, next="/profile/")

    assert answer["Location"] == "/profile/"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "http://globex.localhost/", "javascript:alert(1)"],
)
def test_signing_in_never_leads_to_another_host(
    client_for: ClientFor, acme: Account, elsewhere: str
) -> None:
    answer = _sign_in(client_for(None, acme), ADA.email, next=elsewhere)

    assert answer["Location"] == "/"


@pytest.mark.parametrize("account_slug", ["acme", None])
def test_nobody_signs_up(client_for: ClientFor, acme: Account, account_slug: str | None) -> None:
    client = client_for(None, acme if account_slug else None)
    before = User.objects.count()

    answer = client.post(
        "/signup/", {"email": "new@acme.example", "password1": PASSWORD, "password2": PASSWORD}
    )

    assert answer.status_code == 403
    assert "by invitation" in answer.content.decode()
    assert User.objects.count() == before


@pytest.mark.parametrize(
    "path", ["/email/", "/accounts/login/", "/confirm-email/", "/social/", "/accounts/signup/"]
)
def test_parts_of_allauth_that_are_not_ours_do_not_exist(
    client_for: ClientFor, acme: Account, ada: User, path: str
) -> None:
    assert client_for(ada, acme).get(path).status_code == 404


@pytest.mark.parametrize("name", ["login", "logout", "password_change"])
def test_the_admins_own_doors_are_ours(client_for: ClientFor, acme: Account, name: str) -> None:
    path = reverse(f"admin:{name}")

    answer = client_for(None, acme).get(path)

    assert "admin/login.html" not in [template.name for template in answer.templates]
    assert "unfold" not in answer.content.decode().replace("static/unfold/fonts", "")


def test_signing_out_takes_a_post(client_for: ClientFor, acme: Account, ada: User) -> None:
    client = client_for(ada, acme)

    client.get("/logout/")
    assert _is_signed_in(client)

    answer = client.post("/logout/")
    assert answer["Location"] == "/login/"
    assert not _is_signed_in(client)


def test_a_forged_form_is_refused(acme: Account) -> None:
    client = AccountClient(acme, enforce_csrf_checks=True)

    assert _sign_in(client, ADA.email).status_code == 403


def test_signing_in_goes_on_without_valkey(
    client_for: ClientFor, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redis import Redis
    from redis.exceptions import ConnectionError as Gone

    def gone(*_: object, **__: object) -> None:
        raise Gone("Valkey is restarting.")

    monkeypatch.setattr(Redis, "execute_command", gone)
    client = client_for(None, acme)

    _sign_in(client, ADA.email)

    assert _is_signed_in(client)
