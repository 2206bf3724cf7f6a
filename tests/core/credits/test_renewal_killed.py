"""A renewal that dies leaves nothing behind, wherever it dies, and the next one makes it whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction

from core.credits.invariants import broken_invariants
from core.credits.models import Book, Cycle
from core.credits.services import renewing
from tests.cast import TESTS
from tests.factories.credits import Branch, allocate, hold, set_overflow, settle, top_up
from tests.factories.cycles import (
    at,
    begin_at,
    ledger_text,
    open_cycle,
    renew,
    set_plan,
)


class Killed(Exception):
    """The process is no more."""


@contextmanager
def dying_at(statement: int) -> Iterator[Callable[[], int]]:
    """Die before the given statement; yield how many have been asked for."""
    seen = 0

    def execute(run: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == statement:
            raise Killed
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield lambda: seen


@pytest.fixture
def busy(branch: Branch) -> Branch:
    """A book in which a renewal has everything to do that it ever has.

    Something to roll over, a shortfall, an overrun, overflow that is drawn, and a call that runs.
    """
    set_plan(branch.book, grant=90, rollover="capped", rollover_cap=333)
    allocate(branch.organization, 500)
    allocate(branch.team, 300)
    allocate(branch.membership, 100)
    allocate(branch.pool, 40)
    set_overflow(branch.book, 70)
    settle(hold(branch.team, 200), 260)
    settle(hold(branch.membership, 90), 150)
    hold(branch.organization, 30)
    top_up(branch.team, 5)
    return branch


@contextmanager
def undone() -> Iterator[None]:
    """Take back at the end what happened inside."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_a_renewal_killed_before_any_statement_comes_out_byte_identical(busy: Branch) -> None:
    end = open_cycle(busy.book).ends_at
    before = ledger_text(busy.book)
    with undone(), dying_at(0) as count:
        renew(busy.book, end)
        statements = count()
        undisturbed = ledger_text(busy.book)
    assert ledger_text(busy.book) == before
    assert statements > 25

    for statement in range(1, statements + 1):
        with undone():
            with pytest.raises(Killed), dying_at(statement):
                renew(busy.book, end)
            # Either nothing has happened, or all of the renewal, where only the close was to come.
            assert ledger_text(busy.book) in {before, undisturbed}

            renew(busy.book, end)

            assert ledger_text(busy.book) == undisturbed
    renew(busy.book, end)
    assert broken_invariants() == []


def test_run_ten_times_the_ledger_is_byte_identical(busy: Branch) -> None:
    end = open_cycle(busy.book).ends_at
    renew(busy.book, end)
    once = ledger_text(busy.book)

    for _ in range(9):
        renew(busy.book, end)

    assert ledger_text(busy.book) == once


def test_three_missed_cycles_come_out_as_if_none_had_been_missed(busy: Branch) -> None:
    with undone():
        for _ in range(3):
            renew(busy.book)
        punctual = ledger_text(busy.book)
        last = open_cycle(busy.book)
    assert last.ends_at is not None

    begun = renew(busy.book, last.ends_at - timedelta(seconds=1))

    assert [cycle.number for cycle in begun] == [2, 3, 4]
    assert ledger_text(busy.book) == punctual
    assert broken_invariants() == []


@pytest.mark.parametrize("skew", [timedelta(days=-4000), timedelta(days=4000)])
def test_the_clock_of_the_application_does_not_matter(busy: Branch, skew: timedelta) -> None:
    with undone():
        renew(busy.book)
        punctual = ledger_text(busy.book)
    due = Cycle.objects.get(book=busy.book, state="open").ends_at
    assert due is not None

    with time_machine.travel(due + skew):
        # By the database's clock it is not over.
        assert renewing.renew_book(book=busy.book, actor=TESTS) == []
        renew(busy.book, due)

    assert ledger_text(busy.book) == punctual


@pytest.mark.parametrize("skew", [timedelta(days=-4000), timedelta(days=4000)])
def test_what_is_due_is_renewed_whatever_the_application_believes(
    busy: Branch, skew: timedelta
) -> None:
    first = open_cycle(busy.book)
    begin_at(
        busy.book,
        first.starts_at - timedelta(days=90),
        ends_at=first.starts_at - timedelta(hours=1),
    )

    with time_machine.travel(first.starts_at + skew):
        begun = renewing.renew_book(book=busy.book, actor=TESTS)

    assert [cycle.number for cycle in begun] == [2]


@pytest.mark.parametrize(
    ("zone", "plan", "start", "ends"),
    [
        (
            "Europe/Berlin",
            {"period": "month"},
            "2026-02-28 23:00",
            ["2026-03-31 22:00", "2026-04-30 22:00", "2026-05-31 22:00"],
        ),
        (
            "UTC",
            {"period": "month", "anchor_day": 31},
            "2026-01-31 00:00",
            ["2026-02-28 00:00", "2026-03-31 00:00", "2026-04-30 00:00"],
        ),
        (
            "UTC",
            {"period": "month", "anchor_day": 29},
            "2028-01-29 00:00",
            ["2028-02-29 00:00", "2028-03-29 00:00", "2028-04-29 00:00"],
        ),
        (
            "UTC",
            {"period": "month", "anchor_day": 30},
            "2027-01-30 00:00",
            ["2027-02-28 00:00", "2027-03-30 00:00", "2027-04-30 00:00"],
        ),
        (
            "Asia/Tokyo",
            {"period": "quarter", "anchor_month": 4},
            "2025-12-31 15:00",
            ["2026-03-31 15:00", "2026-06-30 15:00", "2026-09-30 15:00"],
        ),
        (
            "America/Santiago",
            {"period": "day"},
            "2026-09-05 04:00",
            # On the 6th, clocks go from midnight to one.
            ["2026-09-06 04:00", "2026-09-07 03:00", "2026-09-08 03:00"],
        ),
    ],
)
def test_cycles_follow_the_calendar(
    branch: Branch, zone: str, plan: dict[str, Any], start: str, ends: list[str]
) -> None:
    Book.objects.filter(pk=branch.book.pk).update(time_zone=zone)
    branch.book.refresh_from_db()
    set_plan(branch.book, grant=10, **plan)
    begin_at(branch.book, at(start), ends_at=at(ends[0]))

    renew(branch.book, at(ends[2]) - timedelta(seconds=1))

    found = [cycle.ends_at for cycle in Cycle.objects.filter(book=branch.book).order_by("number")]
    assert found == [at(end) for end in ends]
    assert broken_invariants() == []


def test_a_plan_change_between_missed_cycles_waits_for_the_next_boundary(branch: Branch) -> None:
    now = _database_now()
    set_plan(branch.book, grant=10, period="day")
    begin_at(branch.book, now - timedelta(days=3), ends_at=now - timedelta(days=2))

    plan = set_plan(branch.book, grant=99, period="day")
    begun = renew(branch.book, now)

    assert plan.effective_from is not None
    assert plan.effective_from > now
    assert {cycle.plan_version for cycle in begun} == {1}
    (following,) = renew(branch.book, open_cycle(branch.book).ends_at)
    assert following.plan_version == 2


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
