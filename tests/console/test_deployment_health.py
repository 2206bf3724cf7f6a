"""How deployments do: their calls from the ledger, and the tries that others made good."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from console.models import CheckOutcome, Deployment
from console.selectors.deployment_health import calls_rescued, health_of, state_of
from console.services.deployments import add_deployment
from console.services.own_llms import create_own_llm
from core.credits.models import UsageEvent
from core.kit.ids import uuid7
from core.usage.keeping import keep_calls
from core.usage.models import CallLog
from tenants.models import Account
from tests.cast import TESTS

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


@pytest.fixture
def place(in_acme: Account) -> Deployment:
    llm = create_own_llm(account=in_acme, name="company-gpt", title="Company GPT", actor=TESTS)
    return add_deployment(
        account=in_acme,
        llm=llm,
        vendor="openai",
        upstream_model="gpt-own",
        credential={"api_key": "sk-0123456789abcdef"},
        actor=TESTS,
    )


def call(place: Deployment, *, hours_ago: int = 0, number: int = 1, **fields: Any) -> None:
    """Write events of calls that a deployment has ended."""
    UsageEvent.objects.bulk_create(
        UsageEvent(
            **{
                "id": uuid7(),
                "book_id": uuid7(),
                "cycle_id": uuid7(),
                "wallet_id": uuid7(),
                "product": "console",
                "llm": "company-gpt",
                "kind": "chat",
                "deployment": place.label,
                "cost_usd": Decimal(0),
                "factor": Decimal(100),
                "factor_version": 1,
                "price_version": "own-1",
                "reserved": 0,
                "credits": 0,
                "charges": [],
                "outcome": "ok",
                "latency_ms": 100,
                "fingerprint": "",
                "created_at": NOW - timedelta(hours=hours_ago),
                **fields,
            }
        )
        for _ in range(number)
    )


def passed_over(place: Deployment, code: str, *, status: int = 200) -> None:
    """Write the log of a call that went on to another deployment."""
    log = CallLog(
        request_id=uuid7(),
        began_at=NOW,
        product="console",
        llm="company-gpt",
        kind="chat",
        outcome="ok",
        status_code=status,
        latency_ms=100,
        passed_over=[{"deployment": place.label, "code": code}],
    )
    keep_calls([(log, None)])


def test_calls_and_tries_that_others_made_good_are_counted_by_hour(place: Deployment) -> None:
    call(place, number=3)
    call(place, hours_ago=2, outcome="timeout", error_code="upstream_timeout", latency_ms=60_000)
    call(place, hours_ago=30)
    # Neither is the fault of the deployment.
    call(place, outcome="cancelled")
    call(place, product="copilot", outcome="error")
    passed_over(place, "upstream_rate_limited")
    passed_over(place, "upstream_rate_limited", status=502)

    with time_machine.travel(NOW, tick=False):
        health = health_of([place])[place.pk]
        saved = calls_rescued(["company-gpt"])

    assert (health.tries, health.failed, health.bad_hours) == (7, 3, 2)
    assert (health.hours[-1].tries, health.hours[-1].failed) == (6, 2)
    assert (health.hours[-3].tries, health.hours[-3].failed) == (1, 1)
    assert [hour.tone for hour in health.hours[-3:]] == ["bad", "none", "warn"]
    assert health.reasons == {"upstream_rate_limited": 2, "upstream_timeout": 1}
    assert (health.p50, health.p95) == (100, 100)
    assert health.last_failed == NOW.replace(minute=0)
    assert saved == 1


@pytest.mark.parametrize(
    ("calls", "test", "state"),
    [
        ([], "", "untested"),
        ([], CheckOutcome.OK, "idle"),
        ([], CheckOutcome.CREDENTIAL, "broken"),
        # What it did to real calls says more than a test.
        ([(0, 10, 0)], CheckOutcome.CREDENTIAL, "healthy"),
        ([(0, 9, 1)], CheckOutcome.OK, "degraded"),
        ([(0, 2, 4)], CheckOutcome.OK, "failing"),
        # Only the newest calls that are enough to judge by count.
        ([(9, 0, 50), (0, 6, 0)], "", "healthy"),
        ([(9, 50, 0), (0, 0, 6)], "", "failing"),
        ([(9, 50, 0), (0, 1, 0)], "", "healthy"),
    ],
)
def test_verdict(
    place: Deployment, calls: list[tuple[int, int, int]], test: str, state: str
) -> None:
    place.test_outcome = test
    for hours_ago, good, bad in calls:
        call(place, hours_ago=hours_ago, number=good)
        call(place, hours_ago=hours_ago, number=bad, outcome="error", error_code="upstream_error")

    with time_machine.travel(NOW, tick=False):
        found = state_of(place, health_of([place])[place.pk])

    assert found == state


def test_one_that_is_switched_off_is_off(place: Deployment) -> None:
    place.is_active = False
    call(place, outcome="error")

    with time_machine.travel(NOW, tick=False):
        found = state_of(place, health_of([place])[place.pk])

    assert found == "off"


def test_health_of_many_takes_as_many_queries_as_of_one(
    place: Deployment, in_acme: Account, django_assert_num_queries: Any
) -> None:
    another = add_deployment(
        account=in_acme,
        llm=place.llm,
        vendor="ollama",
        upstream_model="llama3.3",
        api_base="https://ollama.example.com/v1",
        credential={},
        actor=TESTS,
    )

    with django_assert_num_queries(3):
        found = health_of([place, another])

    assert set(found) == {place.pk, another.pk}
    assert another.where == "ollama.example.com"
