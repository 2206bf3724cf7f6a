"""An account that was archived is granted nothing for the cycles that passed meanwhile."""

from datetime import datetime

import pytest

from core.audit.models import AuditEntry
from core.credits.invariants import broken_invariants
from core.credits.models import Cycle, Dormancy, Plan, Transfer
from core.credits.selectors import granted_in
from core.credits.services import dormancy
from core.notifications.models import Notification
from tests.factories.credits import Branch, allocate, free_in, split
from tests.factories.cycles import at, begin_at, open_cycle, renew, set_plan


@pytest.fixture
def january(branch: Branch) -> Branch:
    """A book whose first cycle is January; 1,000 a month, of which the organization gets 400."""
    set_plan(branch.book, grant=1000)
    begin_at(branch.book, at("2026-01-01 00:00"), ends_at=at("2026-02-01 00:00"))
    allocate(branch.organization, 400)
    return branch


def asleep(since: datetime, until: datetime | None) -> None:
    Dormancy.objects.create(starts_at=since, ends_at=until)


def grants(branch: Branch) -> list[int]:
    rows = Transfer.objects.filter(book=branch.book, kind="grant", cycle__number__gt=1)
    return list(rows.order_by("cycle__number").values_list("cycle__number", flat=True))


def test_cycles_that_passed_in_the_archive_are_granted_nothing(january: Branch) -> None:
    asleep(at("2026-01-20 10:00"), at("2026-05-10 10:00"))

    renew(january.book, at("2026-05-10 10:01"))

    # February to April passed meanwhile; May had begun, and goes on.
    assert open_cycle(january.book).number == 5
    assert grants(january) == [5]
    assert (free_in(january.unallocated), free_in(january.organization)) == (600, 400)
    assert broken_invariants() == []


def test_a_cycle_that_had_begun_before_is_granted_its_credits(january: Branch) -> None:
    # Nobody had renewed yet when the account was archived in February.
    asleep(at("2026-02-03 10:00"), at("2026-04-02 10:00"))

    renew(january.book, at("2026-04-02 10:01"))

    assert grants(january) == [2, 4]


def test_what_rolls_over_passes_through_and_no_rule_is_replayed(january: Branch) -> None:
    Plan.objects.filter(book=january.book).update(rollover="all")
    renew(january.book, at("2026-02-01 00:00"))
    asleep(at("2026-02-20 10:00"), at("2026-04-10 10:00"))
    before = (free_in(january.unallocated), free_in(january.organization))

    renew(january.book, at("2026-04-10 10:01"))

    march = Cycle.objects.get(book=january.book, number=3)
    assert before == (1200, 800)
    assert march.shortfall == 0
    assert (free_in(january.unallocated), free_in(january.organization)) == (1800, 1200)
    assert broken_invariants() == []


def test_nobody_is_told_of_a_shortfall_of_such_a_cycle(january: Branch) -> None:
    asleep(at("2026-01-20 10:00"), at("2026-03-10 10:00"))

    renew(january.book, at("2026-03-10 10:01"))

    assert not Notification.objects.filter(kind="credits.shortfall").exists()
    renewals = AuditEntry.objects.filter(verb="credits.renewed").order_by("pk")
    assert [entry.after and entry.after["granted"] for entry in renewals] == ["0", "0.001"]


def test_while_it_is_archived_nothing_is_renewed(january: Branch) -> None:
    asleep(at("2026-01-20 10:00"), None)

    assert renew(january.book, at("2026-03-10 10:01")) == []
    assert open_cycle(january.book).number == 1


def test_a_short_stay_in_the_archive_takes_no_grant(january: Branch) -> None:
    asleep(at("2026-02-03 10:00"), at("2026-02-20 10:00"))

    renew(january.book, at("2026-03-10 10:01"))

    assert grants(january) == [2, 3]


def test_equal_shares_are_divided_again_afterwards(january: Branch) -> None:
    split(january.organization, [january.team, january.membership], 300)
    asleep(at("2026-01-20 10:00"), at("2026-04-10 10:00"))

    renew(january.book, at("2026-04-10 10:01"))

    assert (free_in(january.team), free_in(january.membership)) == (150, 150)
    assert broken_invariants() == []


def test_waking_up_ends_the_dormancy_and_sleeping_again_begins_another(branch: Branch) -> None:
    dormancy.fall_asleep()
    dormancy.wake_up()
    dormancy.wake_up()
    dormancy.fall_asleep()

    assert dormancy.is_asleep()
    assert Dormancy.objects.count() == 2


def test_the_end_of_time_is_never_slept_through(branch: Branch) -> None:
    asleep(at("2026-01-20 10:00"), at("2046-04-10 10:00"))

    assert not dormancy.was_asleep_in(open_cycle(branch.book))
    assert granted_in(open_cycle(branch.book)) == 1000
