"""What the log says about signing in, and what it must not say."""

import logging
from collections.abc import Callable, Iterator

import pytest

from core.identity import services
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import ADA, TESTS
from tests.clients import AccountClient
from tests.log_lines import log_lines

ClientFor = Callable[..., AccountClient]
CANARY = "correct horse canary staple"


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Every line as production writes it."""
    with log_lines() as lines:
        yield lines


def test_no_password_and_no_link_stands_in_the_log(
    client_for: ClientFor, acme: Account, log: list[str]
) -> None:
    with in_account(acme):
        user = services.create_user(email="nina@acme.example", is_active=False, actor=TESTS)
        token = services.invite_user(user=user, actor=TESTS).token
    client = client_for(None, acme)

    client.post("/login/", {"login": ADA.email, "password": CANARY})
    client.get(f"/invitations/{token}/")
    client.post(f"/invitations/{token}/", {"name": "", "password": CANARY})
    client.get(f"/password/reset/key/{user.pk.hex}-{token}/")

    text = "\n".join(log)
    assert "POST /invitations/" in text
    assert CANARY not in text
    assert token not in text


def test_an_exception_is_written_out_without_its_variables(log: list[str]) -> None:
    password = CANARY
    try:
        assert 1 // (len(password) - 27)
    except ZeroDivisionError:
        logging.getLogger("any").exception("it broke")

    assert "Traceback (most recent call last)" in log[-1]
    assert "ZeroDivisionError" in log[-1]
    assert CANARY not in log[-1]
