"""The sweep of used assertions, from the clock to the rows of one account."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import current_app

from core.tenancy.context import in_account
from core.tokens.models import UsedAssertion
from core.tokens.services import create_client_app
from tenants.models import Account
from tests.cast import TESTS

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def use_one(account: Account) -> None:
    with in_account(account):
        app = create_client_app(product="copilot", name="web", actor=TESTS).app
        UsedAssertion.objects.create(client_app=app, jti="one", expires_at=LONG_AGO)


def count_in(account: Account) -> int:
    with in_account(account):
        return UsedAssertion.objects.count()


def test_the_job_of_one_account_leaves_others_alone(
    as_job: Callable[..., Any], acme: Account, globex: Account
) -> None:
    use_one(acme)
    use_one(globex)

    assert as_job("tokens.sweep", account=acme) == 1

    assert (count_in(acme), count_in(globex)) == (0, 1)


def test_the_clock_starts_one_job_for_each_account(
    as_job: Callable[..., Any],
    acme: Account,
    globex: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    job = current_app.tasks["tokens.sweep"]
    monkeypatch.setattr(
        job, "apply_async", lambda **options: sent.append(options["headers"]["cockpit_account"])
    )

    assert as_job("platform.sweep_tokens") == 2

    assert set(sent) == {acme.schema_name, globex.schema_name}
