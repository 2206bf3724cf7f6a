"""One cycle ends and the next one begins."""

import pytest
from django.db.models import Sum

from core.audit.models import AuditEntry
from core.credits import charging, statements_of_wallets
from core.credits.invariants import broken_invariants
from core.credits.models import (
    Balance,
    Cycle,
    OverflowStatement,
    Transfer,
    UsageEvent,
    Wallet,
    WalletKind,
)
from core.credits.selectors import figures_of, granted_in, health
from core.credits.services import books, plans
from core.notifications.models import Notification
from tests.cast import ADA, TESTS
from tests.factories.credits import (
    Branch,
    allocate,
    figures,
    free_in,
    hold,
    reclaim,
    reserve,
    set_overflow,
    settle,
    spend,
    top_up,
)
from tests.factories.cycles import at, begin_at, open_cycle, renew, set_plan


@pytest.fixture
def member(branch: Branch) -> Branch:
    """1,000 granted: 500 to the organization, of those 300 to the team, of those 100 to the seat.

    The plan grants 1,000 a month, and nothing rolls over.
    """
    set_plan(branch.book, grant=1000)
    allocate(branch.organization, 500)
    allocate(branch.team, 300)
    allocate(branch.membership, 100)
    return branch


def moved(book: Branch, number: int, kind: str) -> int:
    rows = Transfer.objects.filter(cycle__number=number, kind=kind, book=book.book)
    return rows.aggregate(total=Sum("amount"))["total"] or 0


def in_cycle(wallet: Wallet, number: int) -> tuple[int, int, int]:
    balance = Balance.objects.get(wallet=wallet, cycle__number=number)
    return balance.credited, balance.used, balance.reserved


def state_of(book: Branch, number: int) -> str:
    return Cycle.objects.get(book=book.book, number=number).state


def statement_of(book: Branch, number: int) -> tuple[int, int, int, str]:
    found = OverflowStatement.objects.get(cycle__number=number, book=book.book)
    return found.used, found.covered, found.amount, found.state


# -- the next cycle --------------------------------------------------------------------------------


def test_before_its_end_nothing_is_renewed(member: Branch) -> None:
    cycle = open_cycle(member.book)

    assert renew(member.book, cycle.starts_at) == []
    assert Cycle.objects.get(book=member.book) == cycle


def test_a_book_without_a_period_is_never_renewed(branch: Branch) -> None:
    set_plan(branch.book, grant=10, period="none")

    assert open_cycle(branch.book).ends_at is None
    assert renew(branch.book) == []


def test_the_next_cycle_begins_where_the_last_one_ended(member: Branch) -> None:
    first = open_cycle(member.book)

    (second,) = renew(member.book)

    assert (second.number, second.state, second.plan_version) == (2, "open", 1)
    assert second.starts_at == first.ends_at
    assert second.ends_at is not None
    assert state_of(member, 1) == "closed"
    assert broken_invariants() == []


def test_the_grant_arrives_and_the_rules_are_replayed(member: Branch) -> None:
    spend(member.membership, 60)

    renew(member.book)

    assert figures(member.unallocated) == (500, 0, 0)
    assert free_in(member.organization) == 200
    assert free_in(member.team) == 200
    assert figures(member.membership) == (100, 0, 0)
    assert granted_in(open_cycle(member.book)) == 1000


def test_what_is_free_expires_if_nothing_rolls_over(member: Branch) -> None:
    spend(member.membership, 60)

    renew(member.book)

    assert moved(member, 1, "expire") == 940
    assert moved(member, 2, "rollover") == 0
    assert in_cycle(member.membership, 1) == (60, 60, 0)


def test_all_that_is_free_rolls_over_and_stays_in_its_wallet(member: Branch) -> None:
    set_plan(member.book, grant=1000, rollover="all")
    renew(member.book)
    spend(member.membership, 60)

    renew(member.book)

    assert moved(member, 2, "expire") == 0
    assert free_in(member.membership) == 40 + 100
    assert free_in(member.team) == 200 + 200
    assert free_in(member.unallocated) == 500 + 500
    assert granted_in(open_cycle(member.book)) == 1000 + 940
    assert broken_invariants() == []


def test_up_to_a_cap_each_wallet_keeps_its_part(branch: Branch) -> None:
    set_plan(branch.book, grant=0, rollover="capped", rollover_cap=100)
    top_up(branch.organization, 300)

    renew(branch.book)

    # 700 are unallocated and 300 in the organization.
    assert free_in(branch.unallocated) == 70
    assert free_in(branch.organization) == 30
    assert moved(branch, 1, "expire") == 900
    assert broken_invariants() == []


def test_a_cap_that_does_not_divide_is_used_to_the_last_part(branch: Branch) -> None:
    set_plan(branch.book, grant=0, rollover="capped", rollover_cap=101)
    for parent, amount in (
        (branch.organization, 333),
        (branch.team, 222),
        (branch.membership, 111),
    ):
        top_up(parent, amount)

    renew(branch.book)

    wallets = (branch.unallocated, branch.organization, branch.team, branch.membership)
    assert sum(free_in(wallet) for wallet in wallets) == 101


def test_a_negative_rest_is_carried_into_the_next_cycle(member: Branch) -> None:
    call = hold(member.membership, 100)
    settle(call, 130)

    renew(member.book)

    assert moved(member, 1, "adjust") == moved(member, 2, "adjust") == 30
    assert figures(member.membership) == (70, 0, 0)
    assert broken_invariants() == []


def test_a_statement_opens_with_what_was_short_before(member: Branch) -> None:
    settle(hold(member.membership, 100), 130)
    renew(member.book)

    cycles = Cycle.objects.filter(book=member.book).order_by("number")
    first, second = (statements_of_wallets.statement_of(member.membership, one) for one in cycles)

    assert (first.opening, [line.amount for line in first.lines]) == (0, [100, 30])
    assert (first.used, first.closing) == (130, 0)
    assert (second.opening, [line.amount for line in second.lines]) == (-30, [100])
    assert second.closing == 70


def test_a_negative_rest_that_no_rule_covers_stays_an_overrun(branch: Branch) -> None:
    set_plan(branch.book)
    top_up(branch.organization, 10)
    top_up(branch.team, 10)
    top_up(branch.membership, 10)
    settle(hold(branch.membership, 10), 30)

    renew(branch.book)

    balance = Balance.objects.get(wallet=branch.overflow, cycle=open_cycle(branch.book))
    assert balance.overrun == 0
    assert statement_of(branch, 1) == (20, 20, 0, "settled")
    assert broken_invariants() == []


@pytest.mark.parametrize(
    ("zone", "ends"),
    [("America/New_York", "2026-04-01 04:00"), ("Asia/Tokyo", "2026-03-31 15:00")],
)
def test_another_time_zone_makes_no_cycle_of_a_few_hours(
    branch: Branch, zone: str, ends: str
) -> None:
    """There would be a whole grant in it."""
    set_plan(branch.book, grant=1000)
    begin_at(branch.book, at("2026-02-01 00:00"), ends_at=at("2026-03-01 00:00"))
    set_plan(branch.book, grant=2000)
    plans.set_time_zone(book=branch.book, time_zone=zone, actor=TESTS)

    renew(branch.book, at("2026-03-15 00:00"))

    cycle = open_cycle(branch.book)
    assert (cycle.number, cycle.starts_at) == (2, at("2026-03-01 00:00"))
    assert cycle.ends_at == at(ends)


def test_a_new_wallet_is_in_the_new_cycle_only(member: Branch) -> None:
    renew(member.book)

    seat = books.create_wallet(book=member.book, kind=WalletKind.MEMBERSHIP, parent=member.team)

    assert Balance.objects.filter(wallet=seat).count() == 1
    assert broken_invariants() == []


# -- too little ------------------------------------------------------------------------------------


def test_a_grant_that_is_too_small_is_shared_and_said(member: Branch) -> None:
    set_plan(member.book, grant=250)
    renew(member.book)
    assert open_cycle(member.book).shortfall == 250 + 50
    assert free_in(member.unallocated) == 0
    assert figures(member.membership) == (100, 0, 0)
    assert free_in(member.team) == 150
    entry = AuditEntry.objects.get(verb="credits.shortfall")
    assert entry.after == {"cycle": 2, "shortfall": "0.0003"}
    assert health().short_cycles == 1
    news = Notification.objects.get(kind="credits.shortfall")
    assert (news.user.email, news.params["shortfall"]) == (ADA.email, "0.0003")
    assert broken_invariants() == []


# -- calls that are not over -----------------------------------------------------------------------


def test_a_cycle_waits_for_its_last_call(member: Branch) -> None:
    call = hold(member.membership, 60)

    renew(member.book)

    assert state_of(member, 1) == "closing"
    assert in_cycle(member.membership, 1) == (60, 0, 60)
    assert not OverflowStatement.objects.exists()
    assert health().closing_cycles == 1

    settle(call, 45)

    assert in_cycle(member.membership, 1) == (45, 45, 0)
    assert UsageEvent.objects.get().cycle_id == Cycle.objects.get(number=1, book=member.book).pk
    assert not UsageEvent.objects.get().is_late
    assert moved(member, 1, "expire") == 940 + 15
    assert broken_invariants() == []

    assert renew(member.book, open_cycle(member.book).starts_at) == []
    assert state_of(member, 1) == "closed"
    assert broken_invariants() == []


@pytest.mark.parametrize("end", ["settle", "release", "sweep"])
def test_what_a_call_leaves_rolls_over_at_once(member: Branch, end: str) -> None:
    set_plan(member.book, grant=1000, rollover="all")
    renew(member.book)
    call = hold(
        member.membership, 60, dispatch=end != "sweep", ttl_seconds=0 if end == "sweep" else 600
    )
    renew(member.book)
    assert free_in(member.membership) == 140

    if end == "settle":
        settle(call, 45)
    elif end == "release":
        charging.release(call)
    else:
        charging.sweep()

    assert free_in(member.membership) == (155 if end == "settle" else 200)
    assert in_cycle(member.membership, 2) == ((45, 45, 0) if end == "settle" else (0, 0, 0))
    assert broken_invariants() == []


def test_what_calls_leave_rolls_over_while_the_cap_has_room(branch: Branch) -> None:
    set_plan(branch.book, grant=0, rollover="capped", rollover_cap=925)
    for wallet in (branch.organization, branch.team, branch.membership):
        top_up(wallet, 100)
    calls = [hold(branch.membership, 50) for _ in range(2)]
    renew(branch.book)
    assert free_in(branch.membership) == 0

    charging.release(calls[0])
    charging.release(calls[1])

    # 900 rolled over at once, so there is room for 25 more.
    assert free_in(branch.membership) == 25
    assert moved(branch, 1, "expire") == 75
    assert broken_invariants() == []


def test_a_call_that_costs_more_than_was_held_burdens_the_next_cycle(member: Branch) -> None:
    call = hold(member.membership, 60)
    renew(member.book)

    settle(call, 80)

    assert in_cycle(member.membership, 1) == (80, 80, 0)
    assert figures(member.membership) == (80, 0, 0)
    assert broken_invariants() == []


def test_a_settlement_after_the_close_is_charged_to_the_current_cycle(member: Branch) -> None:
    call = hold(member.membership, 60)
    charging.release(call)
    renew(member.book)
    assert state_of(member, 1) == "closed"

    assert settle(call, 45).outcome == "late"

    event = UsageEvent.objects.get()
    assert event.is_late
    assert event.cycle_id == open_cycle(member.book).pk
    assert figures(member.membership) == (100, 45, 0)
    assert broken_invariants() == []


def test_a_correction_after_the_close_is_charged_to_the_current_cycle(member: Branch) -> None:
    call = hold(member.membership, 60, ttl_seconds=0, estimate_microcredits=50)
    charging.sweep()
    renew(member.book)

    assert settle(call, 20).outcome == "late"

    assert in_cycle(member.membership, 1) == (50, 50, 0)
    assert figures(member.membership) == (100, -30, 0)
    assert broken_invariants() == []


def test_a_correction_while_the_cycle_is_closing_gives_back_into_the_next(member: Branch) -> None:
    set_plan(member.book, grant=1000, rollover="all")
    renew(member.book)
    swept = hold(member.membership, 60, ttl_seconds=0, estimate_microcredits=50)
    charging.sweep()
    hold(member.membership, 10)
    renew(member.book)
    assert free_in(member.membership) == 140

    settle(swept, 20)

    assert in_cycle(member.membership, 2) == (30, 20, 10)
    assert free_in(member.membership) == 170
    assert broken_invariants() == []


def test_a_free_call_may_outlive_its_cycle(member: Branch) -> None:
    call = hold(member.membership, 0)
    Cycle.objects.filter(book=member.book)
    renew(member.book)
    assert state_of(member, 1) == "closing"

    settle(call, 0)
    renew(member.book, open_cycle(member.book).starts_at)

    assert state_of(member, 1) == "closed"


def test_a_new_call_is_charged_to_the_new_cycle(member: Branch) -> None:
    hold(member.membership, 60)
    renew(member.book)

    assert reserve(member.membership, 101).outcome == "insufficient"
    spend(member.membership, 100)

    assert figures(member.membership) == (100, 100, 0)


# -- overflow --------------------------------------------------------------------------------------


@pytest.fixture
def drawing(member: Branch) -> Branch:
    """The same with a line of 500, and 120 drawn on it."""
    set_overflow(member.book, 500)
    spend(member.membership, 220)
    return member


def test_overflow_is_first_covered_from_unallocated(drawing: Branch) -> None:
    renew(drawing.book)

    assert statement_of(drawing, 1) == (120, 120, 0, "settled")
    assert moved(drawing, 1, "overflow_settled") == 120
    assert moved(drawing, 1, "expire") == 500 - 120 + 200 + 200
    assert broken_invariants() == []


def test_then_from_the_pool_and_the_rest_is_frozen(drawing: Branch) -> None:
    allocate(drawing.pool, 50)
    reclaim(drawing.organization, 50)
    books.set_spill(book=drawing.book, team=False, organization=False, pool=False, actor=TESTS)
    top_up(drawing.organization, free_in(drawing.unallocated) - 30)

    renew(drawing.book)

    assert statement_of(drawing, 1) == (120, 80, 40, "open")
    statement = OverflowStatement.objects.get(book=drawing.book)
    assert statement.limit == 500
    assert broken_invariants() == []


def test_the_new_cycle_has_the_whole_line_again(drawing: Branch) -> None:
    renew(drawing.book)

    found = figures_of(drawing.book)
    assert (found.overflow_used, found.overflow_limit) == (0, 500)


def test_a_call_that_holds_overflow_is_covered_when_it_ends(drawing: Branch) -> None:
    call = hold(drawing.membership, 80)
    renew(drawing.book)
    # 200 are kept back of the 500 that were unallocated.
    assert moved(drawing, 1, "expire") == 300 + 200 + 200

    settle(call, 60)
    renew(drawing.book, open_cycle(drawing.book).starts_at)

    assert statement_of(drawing, 1) == (180, 180, 0, "settled")
    assert moved(drawing, 1, "expire") == 300 + 400 + 20
    assert broken_invariants() == []


def test_no_more_is_drawn_on_the_line_of_a_cycle_that_ends(drawing: Branch) -> None:
    call = hold(drawing.membership, 80)
    renew(drawing.book)

    settle(call, 200)
    renew(drawing.book, open_cycle(drawing.book).starts_at)

    assert statement_of(drawing, 1) == (200, 200, 0, "settled")
    assert free_in(drawing.membership) == 100 - 120
    assert broken_invariants() == []


def test_each_closed_cycle_has_a_statement(member: Branch) -> None:
    renew(member.book)
    renew(member.book)

    assert statement_of(member, 1) == statement_of(member, 2) == (0, 0, 0, "settled")


# -- again and again -------------------------------------------------------------------------------


def test_renewing_ten_times_changes_nothing_after_the_first(member: Branch) -> None:
    end = open_cycle(member.book).ends_at
    renew(member.book, end)
    count = Transfer.objects.count()

    for _ in range(9):
        assert renew(member.book, end) == []

    assert Transfer.objects.count() == count
    assert Cycle.objects.filter(book=member.book).count() == 2


def test_missed_cycles_are_made_in_order(member: Branch) -> None:
    set_plan(member.book, grant=1000, rollover="all")
    ends = []
    renew(member.book)
    for _ in range(2):
        ends.append(open_cycle(member.book).ends_at)
        renew(member.book)
    later = open_cycle(member.book).ends_at

    assert [cycle.number for cycle in Cycle.objects.filter(book=member.book)] == [1, 2, 3, 4]
    assert later is not None
    assert later > max(end for end in ends if end)
    assert free_in(member.membership) == 300
    assert broken_invariants() == []
