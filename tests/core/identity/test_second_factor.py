"""An authenticator app: set up, asked for, used once, lost, removed."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from pytest_django import DjangoCaptureOnCommitCallbacks

from core.audit.models import AuditEntry
from core.identity.models import User
from core.identity.second_factor import NoSecondFactor, remove_second_factor
from core.identity.selectors import second_factor_of
from core.tenancy.context import in_account
from core.vault.services import SecretUnreadable
from tenants.models import Account
from tests.cast import ADA, PASSWORD, TESTS
from tests.clients import AccountClient
from tests.core.identity.codes import (
    code_for,
    give_second_factor,
    offered_secret,
    recovery_codes_of,
)
from tests.mailbox import Mailbox

ClientFor = Callable[..., AccountClient]


def _sign_in(client: AccountClient) -> Any:
    return client.post("/login/", {"login": ADA.email, "password": PASSWORD})


def _enter(client: AccountClient, code: str) -> Any:
    return client.post("/two-factor/authenticate/", {"code": code})


def _is_signed_in(client: AccountClient) -> bool:
    return client.get("/profile/").status_code == 200


def _confirm(client: AccountClient) -> None:
    client.post("/confirm/", {"password": PASSWORD})


@pytest.fixture
def secret(acme: Account, ada: User) -> str:
    """The secret in Ada's app."""
    with in_account(acme):
        return give_second_factor(ada)


@pytest.fixture
def ada_with_app(ada: User, secret: str) -> User:
    """Ada, who signs in with a code."""
    return ada


def test_setting_up_asks_for_the_password_first(
    client_for: ClientFor, acme: Account, ada: User
) -> None:
    answer = client_for(ada, acme).get("/two-factor/totp/activate/")

    assert answer["Location"].startswith("/confirm/")


def test_an_app_is_set_up_with_its_own_code(
    client_for: ClientFor,
    acme: Account,
    ada: User,
    mailbox: Mailbox,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    client = client_for(ada, acme)
    _confirm(client)
    page = client.get("/two-factor/totp/activate/").content.decode()
    assert "data:image/svg+xml;base64," in page
    secret = offered_secret(page)

    with in_account(acme), django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/two-factor/totp/activate/", {"code": code_for(secret)})

    assert answer["Location"] == "/two-factor/recovery-codes/"
    with in_account(acme):
        assert second_factor_of(ada).recovery_codes_left == 10
        assert AuditEntry.objects.filter(verb="user.second_factor_added").count() == 1
    assert mailbox.to(ADA.email)[-1].subject == "Two-factor authentication is on"


def test_a_wrong_code_sets_nothing_up(client_for: ClientFor, acme: Account, ada: User) -> None:
    client = client_for(ada, acme)
    _confirm(client)
    client.get("/two-factor/totp/activate/")

    answer = client.post("/two-factor/totp/activate/", {"code": "000000"})

    assert "This code is not right" in answer.content.decode()
    with in_account(acme):
        assert not second_factor_of(ada).is_on


def test_the_password_alone_no_longer_signs_in(
    client_for: ClientFor, acme: Account, secret: str
) -> None:
    client = client_for(None, acme)

    answer = _sign_in(client)

    assert answer["Location"] == "/two-factor/authenticate/"
    assert not _is_signed_in(client)


def test_password_and_code_sign_in(client_for: ClientFor, acme: Account, secret: str) -> None:
    client = client_for(None, acme)
    _sign_in(client)

    _enter(client, code_for(secret))

    assert _is_signed_in(client)


def test_a_code_that_has_just_changed_still_counts(
    client_for: ClientFor, acme: Account, secret: str
) -> None:
    client = client_for(None, acme)
    _sign_in(client)

    _enter(client, code_for(secret, steps=-1))

    assert _is_signed_in(client)


def test_a_code_works_once(client_for: ClientFor, acme: Account, secret: str) -> None:
    code = code_for(secret)
    first, second = client_for(None, acme), client_for(None, acme)
    for client in (first, second):
        _sign_in(client)
        _enter(client, code)

    assert [_is_signed_in(first), _is_signed_in(second)] == [True, False]


def test_guessing_codes_stops_after_five(client_for: ClientFor, acme: Account, secret: str) -> None:
    client = client_for(None, acme)
    _sign_in(client)
    for _ in range(5):
        _enter(client, "000000")

    answer = _enter(client, code_for(secret))

    assert "Too many attempts." in answer.content.decode()
    assert not _is_signed_in(client)


def test_a_recovery_code_signs_in_once(
    client_for: ClientFor, acme: Account, ada: User, secret: str
) -> None:
    with in_account(acme):
        code = recovery_codes_of(ada)[0]
    first, second = client_for(None, acme), client_for(None, acme)
    for client in (first, second):
        _sign_in(client)
        _enter(client, code)

    assert [_is_signed_in(first), _is_signed_in(second)] == [True, False]
    with in_account(acme):
        assert second_factor_of(ada).recovery_codes_left == 9


def test_secrets_are_stored_sealed(acme: Account, ada: User, secret: str) -> None:
    with in_account(acme):
        stored = str(list(Authenticator.objects.filter(user=ada).values()))
        codes = recovery_codes_of(ada)

    assert secret not in stored
    assert not [code for code in codes if code in stored]


def test_a_sealed_secret_does_not_open_in_another_account(
    acme: Account, globex: Account, ada: User, eve: User, secret: str
) -> None:
    with in_account(acme):
        stolen = Authenticator.objects.get(user=ada, type=Authenticator.Type.TOTP).data
    with in_account(globex):
        # Globex has a key of its own, under the same version.
        give_second_factor(eve)
        row = Authenticator.objects.get(user=eve, type=Authenticator.Type.TOTP)
        row.data = stolen
        row.save()

        with pytest.raises(SecretUnreadable):
            TOTP(row).validate_code(code_for(secret))


def test_what_was_tampered_with_does_not_open(acme: Account, ada: User, secret: str) -> None:
    with in_account(acme):
        row = Authenticator.objects.get(user=ada, type=Authenticator.Type.TOTP)
        for broken in ("", "v1.", "v1.AAAA", "v9.AAAA", row.data["secret"][:-4] + "AAA="):
            row.data = {"secret": broken}
            with pytest.raises(SecretUnreadable):
                TOTP(row).validate_code(code_for(secret))


def test_turning_it_off_asks_for_the_password(
    client_for: ClientFor, acme: Account, ada: User, secret: str
) -> None:
    client = client_for(ada, acme)
    client.post("/two-factor/totp/deactivate/")
    with in_account(acme):
        assert second_factor_of(ada).is_on

    _confirm(client)
    client.post("/two-factor/totp/deactivate/")

    with in_account(acme):
        assert not Authenticator.objects.filter(user=ada).exists()
        assert AuditEntry.objects.filter(verb="user.second_factor_removed").count() == 1


def test_new_recovery_codes_replace_the_old_ones(
    client_for: ClientFor, acme: Account, ada: User, secret: str
) -> None:
    with in_account(acme):
        old = recovery_codes_of(ada)
    client = client_for(ada, acme)
    _confirm(client)

    client.post("/two-factor/recovery-codes/generate/")

    with in_account(acme):
        assert not set(old) & set(recovery_codes_of(ada))


def test_somebody_who_lost_the_phone_is_let_in_again(
    client_for: ClientFor,
    acme: Account,
    ada_with_app: User,
    mailbox: Mailbox,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with in_account(acme), django_capture_on_commit_callbacks(execute=True):
        remove_second_factor(user=ada_with_app, actor=TESTS, reason="Phone lost")

    client = client_for(None, acme)
    _sign_in(client)
    assert _is_signed_in(client)
    assert mailbox.to(ADA.email)[-1].subject == "Your second factor was removed"
    with in_account(acme):
        entry = AuditEntry.objects.get(verb="user.second_factor_taken")
    assert (entry.sentence, entry.reason) == (
        "The tests removed the second factor of Ada Admin",
        "Phone lost",
    )


def test_what_is_not_there_cannot_be_removed(in_acme: Account, ada: User) -> None:
    with pytest.raises(NoSecondFactor):
        remove_second_factor(user=ada, actor=TESTS, reason="Phone lost")


def test_a_password_reset_does_not_keep_anybody_from_setting_one_up(
    client_for: ClientFor, acme: Account, ada: User
) -> None:
    client_for(None, acme).post("/password/reset/", {"email": ADA.email})
    client = client_for(ada, acme)
    _confirm(client)

    assert client.get("/two-factor/totp/activate/").status_code == 200
