"""Who asks too often waits, and takes nobody else along."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine

from core.api import throttling
from core.hierarchy.product import product_named
from core.identity.models import User
from core.kit.problems import TooManyRequests
from core.tenancy.context import in_account
from core.tokens.services import AppWithSecret, create_client_app
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.api.rest import Rest, refused

# The beginning of a minute.
AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LIMIT = throttling.Limit("calls")


@pytest.fixture(autouse=True)
def few(settings: Any) -> None:
    settings.API_LIMITS = {
        "calls": 6,
        "refused": 3,
        "wrong_secrets": 2,
        "wrong_secrets_of_address": 4,
    }


def counted(times: int, who: str = "somebody") -> int:
    """Count some calls; return how many were let through."""
    passed = 0
    for _ in range(times):
        try:
            throttling.count(LIMIT, who)
        except TooManyRequests:
            continue
        passed += 1
    return passed


def test_no_more_than_the_limit_passes_in_a_window(in_acme: Account) -> None:
    with time_machine.travel(AT, tick=False):
        assert counted(10) == 6
        assert counted(1, "somebody else") == 1


def test_the_last_minute_counts_across_the_boundary(in_acme: Account) -> None:
    with time_machine.travel(AT + timedelta(seconds=59), tick=False):
        assert counted(6) == 6
    with time_machine.travel(AT + timedelta(seconds=61), tick=False):
        assert counted(6) == 0
    with time_machine.travel(AT + timedelta(seconds=150), tick=False):
        assert counted(6) == 3


def test_each_account_counts_for_itself(acme: Account, globex: Account) -> None:
    with time_machine.travel(AT, tick=False):
        with in_account(acme):
            assert counted(7) == 6
        with in_account(globex):
            assert counted(7) == 6


def test_looking_counts_nothing(in_acme: Account) -> None:
    with time_machine.travel(AT, tick=False):
        for _ in range(9):
            throttling.check(LIMIT, "somebody")
        counted(6)
        with pytest.raises(TooManyRequests):
            throttling.check(LIMIT, "somebody")


def test_a_caller_is_told_when_to_come_back(
    client_for: Callable[..., AccountClient], ada: User, mia: User, acme: Account
) -> None:
    adas, mias = (Rest(client_for(one, acme), product_named("copilot")) for one in (ada, mia))
    with time_machine.travel(AT + timedelta(seconds=20), tick=False):
        answers = [adas.get("organizations") for _ in range(7)]

        assert [one.status_code for one in answers[:6]] == [200] * 6
        assert refused(answers[6]) == (429, "throttled")
        assert answers[6]["Retry-After"] == "40"
        assert refused(mias.get("organizations")) == (403, "not_allowed")


def test_nobody_in_particular_is_counted_by_address(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    copilot = product_named("copilot")
    nobody = Rest(client_for(None, acme), copilot)
    with time_machine.travel(AT, tick=False):
        codes = [nobody.get("teams").status_code for _ in range(3)]
        codes += [nobody.get("teams", Authorization="Bearer x").status_code for _ in range(2)]

        assert codes == [401, 401, 401, 429, 429]
        # From the same address, but known.
        assert Rest(client_for(ada, acme), copilot).get("teams").status_code == 200


# -- client secrets --------------------------------------------------------------------------------


@pytest.fixture
def app(acme: Account) -> AppWithSecret:
    with in_account(acme):
        return create_client_app(product="copilot", name="alchemi-ai", actor=TESTS)


def ask(client: AccountClient, client_id: str, secret: str, address: str = "10.0.0.1") -> Any:
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
    }
    return client.post(
        "/api/auth/v1/token",
        urlencode(form),
        content_type="application/x-www-form-urlencoded",
        REMOTE_ADDR=address,
    )


def test_guessing_a_secret_ends_soon(
    client_for: Callable[..., AccountClient], acme: Account, app: AppWithSecret
) -> None:
    client, name = client_for(None, acme), app.app.client_id
    with time_machine.travel(AT, tick=False):
        codes = [ask(client, name, "guess").status_code for _ in range(3)]
        right = ask(client, name, app.secret)
        elsewhere = ask(client, name, app.secret, address="10.0.0.2")

    assert codes == [401, 401, 429]
    # Not even the right one: else a guess that hits would be known.
    assert right.status_code == 429
    assert right.json()["error"] == "temporarily_unavailable"
    assert right["Retry-After"] == "60"
    assert elsewhere.status_code == 200


def test_guessing_through_many_clients_ends_too(
    client_for: Callable[..., AccountClient], acme: Account
) -> None:
    client = client_for(None, acme)
    with time_machine.travel(AT, tick=False):
        codes = [ask(client, f"app_{number}", "guess").status_code for number in range(6)]

    assert codes == [401] * 4 + [429] * 2


def test_right_secrets_are_not_counted(
    client_for: Callable[..., AccountClient], acme: Account, app: AppWithSecret
) -> None:
    client = client_for(None, acme)
    with time_machine.travel(AT, tick=False):
        codes = {ask(client, app.app.client_id, app.secret).status_code for _ in range(9)}

    assert codes == {200}
