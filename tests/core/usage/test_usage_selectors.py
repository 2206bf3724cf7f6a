"""Totals, breakdowns and the last calls, with numbers written out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import time_machine

from core.access.scopes import EVERYTHING
from core.credits.models import Label, UsageEvent
from core.kit.ids import uuid7
from core.kit.problems import NotFound
from core.usage import selectors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIA, THEO, CONTENT = uuid7(), uuid7(), uuid7()
SINCE = NOW - timedelta(days=7)

pytestmark = pytest.mark.usefixtures("in_acme")


def event(credits: int, *, at: datetime = NOW, **fields: Any) -> UUID:
    """Write an event of Mia's in Copilot."""
    made = UsageEvent.objects.create(
        **{
            "id": uuid7(),
            "book_id": uuid7(),
            "cycle_id": uuid7(),
            "wallet_id": uuid7(),
            "product": "copilot",
            "member_id": MIA,
            "llm": "gpt-5",
            "kind": "chat",
            "cost_usd": Decimal(credits).scaleb(-6),
            "factor": 1,
            "factor_version": 1,
            "price_version": "1",
            "reserved": credits,
            "credits": credits,
            "charges": [],
            "outcome": "ok",
            "fingerprint": "print",
            "created_at": at,
            **fields,
        }
    )
    return made.pk


def test_totals_are_the_sums_of_all_rows() -> None:
    event(100, input_tokens=10, output_tokens=3)
    event(50, input_tokens=5, outcome="error")
    event(7, outcome="timeout")
    event(1, outcome="blocked")
    event(1000, product="console")
    event(1000, at=SINCE - timedelta(seconds=1))

    found = selectors.totals("copilot", EVERYTHING, since=SINCE)

    assert (found.calls, found.errors) == (4, 2)
    assert (found.input_tokens, found.output_tokens) == (15, 3)
    assert (found.credits, found.cost_usd) == (158, Decimal("0.000158"))


def test_refunds_and_corrections_count_as_credits_but_not_as_calls() -> None:
    refunded, guessed = event(100), event(20, is_unsettled=True)
    event(-100, refund_of=refunded)
    event(5, corrects=guessed, is_late=True, outcome="error")

    found = selectors.totals("copilot", EVERYTHING, since=SINCE)
    [row] = selectors.totals_by("copilot", EVERYTHING, "member", since=SINCE)

    assert (found.calls, found.errors, found.credits) == (2, 0, 25)
    assert (row.calls, row.errors, row.credits) == (2, 0, 25)


def test_days_without_calls_are_there_too() -> None:
    event(30, at=NOW - timedelta(days=2))
    event(12, at=NOW - timedelta(days=2, hours=1), outcome="error")
    event(9, at=NOW - timedelta(days=3))

    with time_machine.travel(NOW, tick=False):
        days = selectors.totals_by_day("copilot", EVERYTHING, days=3)

    assert [(row.day.day, row.calls, row.errors, row.credits) for row in days] == [
        (18, 2, 1, 42),
        (19, 0, 0, 0),
        (20, 0, 0, 0),
    ]


def test_a_period_of_days_starts_at_midnight_so_that_days_sum_up_to_it() -> None:
    with time_machine.travel(NOW, tick=False):
        assert selectors.first_moment(1) == datetime(2026, 11, 20, tzinfo=UTC)
        assert selectors.first_moment(7) == datetime(2026, 11, 14, tzinfo=UTC)


def test_a_breakdown_has_the_dearest_first_and_names() -> None:
    Label.objects.create(subject=MIA, text="Mia Member")
    event(10)
    event(15)
    event(40, member_id=THEO)
    event(1, member_id=None)

    rows = selectors.totals_by("copilot", EVERYTHING, "member", since=SINCE)

    assert [(row.id, row.label, row.calls, row.credits) for row in rows] == [
        (str(THEO), "–", 1, 40),
        (str(MIA), "Mia Member", 2, 25),
        ("", "–", 1, 1),
    ]


def test_outcomes_are_called_by_their_words() -> None:
    event(10)
    event(20, outcome="client_gone")

    rows = selectors.totals_by("copilot", EVERYTHING, "outcome", since=SINCE)

    assert [(row.id, row.label) for row in rows] == [("client_gone", "Client gone"), ("ok", "OK")]


def test_filters_narrow_every_figure() -> None:
    event(10, llm="gpt-5", team_id=CONTENT)
    event(20, llm="gpt-5-mini", team_id=CONTENT)
    event(40, llm="gpt-5")

    narrowed: dict[str, Any] = {"llm": "gpt-5", "team_id": CONTENT}

    assert selectors.totals("copilot", EVERYTHING, since=SINCE, **narrowed).credits == 10
    assert [
        row.credits
        for row in selectors.totals_by("copilot", EVERYTHING, "llm", since=SINCE, **narrowed)
    ]
    assert [
        call.event.credits for call in selectors.recent_calls("copilot", EVERYTHING, **narrowed)
    ] == [10]


def test_calls_are_paged_without_gaps_even_at_the_same_moment() -> None:
    made = [event(number) for number in range(5)]
    event(99, product="console")

    seen: list[UUID] = []
    before: UUID | None = None
    while page := selectors.recent_calls("copilot", EVERYTHING, limit=2, before=before):
        seen += [call.event.pk for call in page]
        before = seen[-1]

    assert seen == sorted(made, reverse=True)


def test_a_page_of_calls_takes_two_queries(django_assert_num_queries: Any) -> None:
    for _number in range(30):
        event(1, member_id=uuid7(), team_id=uuid7(), key_id=uuid7())

    with django_assert_num_queries(2):
        calls = selectors.recent_calls("copilot", EVERYTHING)

    assert len(calls) == 30


def test_a_call_of_the_other_product_is_not_there() -> None:
    call_id = event(1, product="console")

    with pytest.raises(NotFound):
        selectors.call_for("copilot", EVERYTHING, call_id)
