"""Caps: limits on spending below a node or key, in a window."""

import pytest

from core.credits.errors import (
    CapReached,
    problem_of,
)
from core.credits.models import CapCounter
from core.kit.ids import uuid7
from tests.factories.credits import (
    Branch,
    cap,
    figures,
    fill,
    hold,
    reserve,
    settle,
    sources,
)

pytestmark = pytest.mark.usefixtures("either_way")


def test_a_cap_counts_all_spending_below_its_subject(spilling: Branch) -> None:
    fill(spilling, membership=10, team=200)
    subject = uuid7()
    cap(spilling.book, subject, 50)
    hold(spilling.membership, 40, cap_subjects=(subject,))

    answer = reserve(spilling.membership, 11, cap_subjects=(subject,))

    assert (answer.outcome, answer.asked, answer.free) == ("capped", 11, 10)
    assert answer.cap_subject == subject
    assert isinstance(problem_of(answer), CapReached)


def test_a_cap_of_somebody_else_does_not_count(branch: Branch) -> None:
    fill(branch, membership=100)
    cap(branch.book, uuid7(), 1)

    assert reserve(branch.membership, 90, cap_subjects=(uuid7(),)).outcome == "reserved"


def test_a_call_shrinks_to_what_a_cap_leaves(spilling: Branch) -> None:
    fill(spilling, membership=10, team=20, organization=30)
    subject = uuid7()
    cap(spilling.book, subject, 15)

    answer = reserve(spilling.membership, 60, minimum=1, cap_subjects=(subject,))

    assert sources(answer) == [("membership", 10), ("team", 5)]
    assert figures(spilling.organization)[2] == 0


def test_the_strictest_of_several_caps_is_reported(branch: Branch) -> None:
    fill(branch, membership=100)
    loose, strict = uuid7(), uuid7()
    cap(branch.book, loose, 50)
    cap(branch.book, strict, 20, window="month")

    answer = reserve(branch.membership, 60, cap_subjects=(loose, strict))

    assert (answer.cap_subject, answer.free) == (strict, 20)


def test_an_empty_wallet_is_reported_before_a_looser_cap(branch: Branch) -> None:
    fill(branch, membership=10)
    subject = uuid7()
    cap(branch.book, subject, 50)

    assert reserve(branch.membership, 60, cap_subjects=(subject,)).outcome == "insufficient"


@pytest.mark.parametrize("window", ["day", "week", "month", "cycle"])
def test_a_cap_counts_in_its_window(branch: Branch, window: str) -> None:
    fill(branch, membership=100)
    subject = uuid7()
    found = cap(branch.book, subject, 50, window=window)

    hold(branch.membership, 30, cap_subjects=(subject,))

    counter = CapCounter.objects.get(cap=found)
    assert (counter.reserved, counter.used) == (30, 0)


def test_a_window_of_a_day_begins_at_midnight_where_the_book_is(branch: Branch) -> None:
    fill(branch, membership=100)
    branch.book.time_zone = "Asia/Kathmandu"
    branch.book.save()
    subject = uuid7()
    cap(branch.book, subject, 50)

    hold(branch.membership, 30, cap_subjects=(subject,))

    start = CapCounter.objects.get().window_start
    assert (start.hour, start.minute) == (18, 15)


def test_used_up_caps_admit_nothing(branch: Branch) -> None:
    fill(branch, membership=100)
    subject = uuid7()
    cap(branch.book, subject, 50)
    settle(hold(branch.membership, 50, cap_subjects=(subject,)), 60)

    answer = reserve(branch.membership, 1, minimum=1, cap_subjects=(subject,))

    assert (answer.outcome, answer.free) == ("capped", 0)
