"""Caps on nodes and keys."""

import pytest

from core.audit.models import AuditEntry
from core.audit.verbs import sentence_of
from core.credits.errors import InvalidAmount
from core.credits.models import Cap, CapCounter
from core.credits.services import capping
from core.kit.ids import uuid7
from core.kit.money import MAX_MICROCREDITS
from core.kit.problems import InvalidInput, NotFound
from tests.cast import TESTS
from tests.factories.credits import Branch, allocate, hold, reserve, settle, spend

SUBJECT = uuid7()


@pytest.fixture
def funded(branch: Branch) -> Branch:
    allocate(branch.organization, 500)
    return branch


def set_cap(branch: Branch, amount: int, window: str = "day") -> Cap:
    return capping.set_cap(
        book=branch.book,
        subject=SUBJECT,
        window=window,
        amount=amount,
        actor=TESTS,
        label="Content",
    )


@pytest.mark.parametrize("window", ["day", "week", "month", "cycle"])
def test_a_cap_counts_what_is_spent_below_its_subject(funded: Branch, window: str) -> None:
    set_cap(funded, 50, window)
    spend(funded.organization, 30, cap_subjects=(SUBJECT,))

    answer = reserve(funded.organization, 21, cap_subjects=(SUBJECT,))

    assert (answer.outcome, answer.free, answer.cap_subject) == ("capped", 20, SUBJECT)


def test_a_changed_cap_keeps_its_count(funded: Branch) -> None:
    set_cap(funded, 50)
    spend(funded.organization, 30, cap_subjects=(SUBJECT,))

    set_cap(funded, 31)

    assert reserve(funded.organization, 2, cap_subjects=(SUBJECT,)).outcome == "capped"
    entry = AuditEntry.objects.get(before__isnull=False, verb="credits.cap_set")
    assert sentence_of(entry) == "The tests capped Content at 0.000031 credits each day"


def test_the_same_cap_again_is_no_change(funded: Branch) -> None:
    assert set_cap(funded, 50) == set_cap(funded, 50)

    assert AuditEntry.objects.filter(verb="credits.cap_set").count() == 1


def test_every_window_has_its_own_cap(funded: Branch) -> None:
    set_cap(funded, 50, "day")
    set_cap(funded, 10, "month")

    assert reserve(funded.organization, 11, cap_subjects=(SUBJECT,)).outcome == "capped"


def test_a_removed_cap_limits_nothing(funded: Branch) -> None:
    cap = set_cap(funded, 5)
    capping.remove_cap(cap=cap, actor=TESTS, label="Content")

    assert reserve(funded.organization, 6, cap_subjects=(SUBJECT,)).outcome == "reserved"
    with pytest.raises(NotFound):
        capping.remove_cap(cap=cap, actor=TESTS)


def test_a_call_outlives_the_cap_that_counted_it(funded: Branch) -> None:
    cap = set_cap(funded, 50)
    call = hold(funded.organization, 30, cap_subjects=(SUBJECT,))

    capping.remove_cap(cap=cap, actor=TESTS)

    assert settle(call, 20).outcome == "settled"
    assert not CapCounter.objects.exists()


@pytest.mark.parametrize("amount", [-1, MAX_MICROCREDITS + 1])
def test_an_impossible_cap_is_refused(funded: Branch, amount: int) -> None:
    with pytest.raises(InvalidAmount):
        set_cap(funded, amount)

    assert not Cap.objects.exists()


def test_an_unknown_window_is_refused(funded: Branch) -> None:
    with pytest.raises(InvalidInput):
        set_cap(funded, 5, "hour")
