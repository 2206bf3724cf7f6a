"""Many callers at one wallet, on real connections. Each guard is first shown to be the one.

Where a race is a matter of microseconds, both sides run the same function with a pause in it; only
the guard differs.
"""

from collections import Counter
from collections.abc import Callable
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from core.credits import charging, selectors
from core.credits.errors import InsufficientCredits
from core.credits.invariants import broken_invariants
from core.credits.messages import ReserveAnswer
from core.credits.models import Act, AllocationRule, Transfer, UsageEvent, Wallet, WalletKind
from core.credits.selectors import balance_of
from core.credits.services import books
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from tenants.models import Account
from tests.factories.credits import (
    Branch,
    allocate,
    cap,
    figures,
    free_in,
    hold,
    open_branch,
    reclaim,
    reserve,
    reserve_request,
    set_overflow,
    settle,
    top_up,
)
from tests.races.ledger_guards import drop_constraint, replace_in, take_nothing_for_plain
from tests.threads import run_together

pytestmark = [pytest.mark.race, pytest.mark.slow]  # Threads, pauses and a copy of the database.

THREADS = 16

# Between what a function has read and what it writes.
PAUSE = "PERFORM pg_sleep(0.1);"
AFTER_READING_FREE = "CONTINUE WHEN free IS NULL OR free <= 0;"
LOCK_OF_THE_BALANCE = "AND b.cycle_id = cycle.cycle_id\n            FOR UPDATE;"


def together(account: Account, *calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same moment, each inside the account on a connection of its own."""

    barrier = Barrier(len(calls))

    def inside(call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with in_account(account):
                # Connected and warm, so that all of them really start at once.
                selectors.health()
                barrier.wait(30)
                return call()

        return run

    return run_together([inside(call) for call in calls])


def outcomes(answers: list[Any]) -> Counter[str]:
    return Counter(
        answer.outcome if hasattr(answer, "outcome") else type(answer).__name__
        for answer in answers
    )


# -- many at one wallet ----------------------------------------------------------------------------


def slow_reservations(*, is_guarded: bool) -> None:
    take_nothing_for_plain()
    changes = [(AFTER_READING_FREE, PAUSE + AFTER_READING_FREE)]
    if not is_guarded:
        changes.append((LOCK_OF_THE_BALANCE, "AND b.cycle_id = cycle.cycle_id;"))
    replace_in("20_reserve.sql", *changes)


def test_exactly_as_many_are_admitted_as_the_wallet_pays_for(
    raced: Account, branch: Branch
) -> None:
    slow_reservations(is_guarded=True)

    answers = together(raced, *[lambda: reserve(branch.membership, 10)] * THREADS)

    assert outcomes(answers) == {"reserved": 10, "insufficient": 6}
    assert figures(branch.membership) == (100, 0, 100)


PLAIN = "25_reserve_plain.sql"
# Between the change of the balance, which locks it, and the reservation.
AFTER_THE_BALANCE = "\n    INSERT INTO {schema}.credits_reservation ("
GUARD_OF_THE_PLAIN = """
        AND b.credited + b.credit_limit - b.used - b.reserved >= call.amount"""


def test_exactly_as_many_are_admitted_by_the_plain_way(raced: Account, branch: Branch) -> None:
    replace_in(PLAIN, (AFTER_THE_BALANCE, PAUSE + AFTER_THE_BALANCE))

    answers = together(raced, *[lambda: reserve(branch.membership, 10)] * THREADS)

    assert outcomes(answers) == {"reserved": 10, "insufficient": 6}
    assert figures(branch.membership) == (100, 0, 100)


def test_without_its_guard_the_plain_way_would_admit_more(
    transactional_accounts: None, in_acme: Account
) -> None:
    found = _poor_branch()
    replace_in(PLAIN, (GUARD_OF_THE_PLAIN, ""))
    drop_constraint("credits_balance", "balance_not_overspent")

    answers = together(in_acme, *[lambda: reserve(found.membership, 10)] * THREADS)

    assert outcomes(answers)["reserved"] > 10
    assert {row.invariant for row in broken_invariants()} == {"I1 not overspent"}


def test_a_call_that_comes_twice_by_the_plain_way_holds_once(
    raced: Account, branch: Branch
) -> None:
    request = reserve_request(branch.membership, 10)
    replace_in(PLAIN, (AFTER_THE_BALANCE, PAUSE + AFTER_THE_BALANCE))

    answers = together(raced, *[lambda: charging.reserve(request)] * 4)

    assert outcomes(answers) == {"reserved": 1, "duplicate": 3}
    assert figures(branch.membership) == (100, 0, 10)


def test_without_the_lock_more_would_be_admitted(
    transactional_accounts: None, in_acme: Account
) -> None:
    found = _poor_branch()
    slow_reservations(is_guarded=False)
    drop_constraint("credits_balance", "balance_not_overspent")

    answers = together(in_acme, *[lambda: reserve(found.membership, 10)] * THREADS)

    assert outcomes(answers)["reserved"] > 10
    assert {row.invariant for row in broken_invariants()} == {"I1 not overspent"}


def test_without_the_lock_the_database_still_refuses_to_overspend(raced: Account) -> None:
    found = _poor_branch()
    slow_reservations(is_guarded=False)

    answers = together(raced, *[lambda: reserve(found.membership, 10)] * THREADS)

    assert outcomes(answers) == {"reserved": 10, "IntegrityError": 6}


def _poor_branch() -> Branch:
    found = open_branch(grant=1000)
    allocate(found.organization, 500)
    allocate(found.team, 200)
    allocate(found.membership, 100)
    return found


def test_members_of_a_team_share_what_they_inherit(raced: Account) -> None:
    found = open_branch(grant=1000)
    allocate(found.organization, 500)
    allocate(found.team, 95)
    seats = [
        books.create_wallet(book=found.book, kind=WalletKind.MEMBERSHIP, parent=found.team)
        for _ in range(THREADS)
    ]

    answers = together(raced, *[_reserving(seat, 10) for seat in seats])

    assert outcomes(answers) == {"reserved": 9, "insufficient": 7}
    assert free_in(found.team) == 5


def _reserving(wallet: Wallet, amount: int, **fields: Any) -> Callable[[], ReserveAnswer]:
    return lambda: reserve(wallet, amount, **fields)


def test_a_cap_holds_over_many_wallets(raced: Account, branch: Branch) -> None:
    subject = uuid7()
    cap(branch.book, subject, 70)
    wallets = [branch.membership, branch.team, branch.organization] * 5

    answers = together(
        raced, *[_reserving(wallet, 10, cap_subjects=(subject,)) for wallet in wallets]
    )

    assert outcomes(answers) == {"reserved": 7, "capped": 8}


def test_the_same_request_at_once_holds_once(raced: Account, branch: Branch) -> None:
    request_id = uuid7()

    answers = together(raced, *[_reserving(branch.membership, 10, request_id=request_id)] * THREADS)

    assert outcomes(answers) == {"reserved": 1, "duplicate": 15}
    assert figures(branch.membership) == (100, 0, 10)


def test_the_same_request_id_from_two_wallets_holds_once(raced: Account, branch: Branch) -> None:
    request_id = uuid7()

    answers = together(
        raced,
        *[
            _reserving(wallet, 10, request_id=request_id, fingerprint=wallet.kind)
            for wallet in (branch.membership, branch.team, branch.organization)
        ],
    )

    assert outcomes(answers) == {"reserved": 1, "mismatch": 2}
    held = [figures(w)[2] for w in (branch.membership, branch.team, branch.organization)]
    assert sorted(held) == [0, 0, 10]


# -- the end of a call, twice ----------------------------------------------------------------------


def test_a_call_settled_by_many_at_once_is_charged_once(raced: Account, branch: Branch) -> None:
    request_id = hold(branch.membership, 50)

    answers = together(raced, *[lambda: settle(request_id, 40)] * THREADS)

    assert outcomes(answers) == {"settled": 1, "duplicate": 15}
    assert figures(branch.membership) == (100, 40, 0)


def test_a_call_is_settled_or_swept_but_charged_once(raced: Account, branch: Branch) -> None:
    calls = [hold(branch.team, 50, ttl_seconds=0, estimate_microcredits=20) for _ in range(THREADS)]

    answers = together(
        raced, *[_settling(call, 40) for call in calls], *[lambda: charging.sweep(limit=5)] * 4
    )

    found = outcomes(answers)
    assert found["settled"] + found["late"] == THREADS
    assert set(found) <= {"settled", "late", "SweepAnswer"}
    assert figures(branch.team)[1:] == (40 * THREADS, 0)


def _settling(request_id: UUID, charge: int) -> Callable[[], Any]:
    return lambda: settle(request_id, charge)


def test_without_the_lock_the_database_still_refuses_a_second_charge(
    raced: Account, branch: Branch
) -> None:
    request_id = hold(branch.membership, 50)
    take_nothing_for_plain()
    replace_in(
        "30_settle.sql",
        (
            "WHERE r.request_id = (request->>'request_id')::uuid\n    FOR UPDATE;",
            f"WHERE r.request_id = (request->>'request_id')::uuid; {PAUSE}",
        ),
    )

    answers = together(raced, *[lambda: settle(request_id, 40)] * 4)

    found = outcomes(answers)
    assert found["settled"] == 1
    assert found["IntegrityError"] >= 1
    assert figures(branch.membership) == (100, 40, 0)


def test_a_late_settlement_comes_once_of_many(raced: Account, branch: Branch) -> None:
    request_id = hold(branch.membership, 50, ttl_seconds=0, estimate_microcredits=20)
    charging.sweep()

    answers = together(raced, *[lambda: settle(request_id, 40)] * THREADS)

    assert outcomes(answers) == {"late": 1, "duplicate": 15}
    assert figures(branch.membership) == (100, 40, 0)
    assert UsageEvent.objects.filter(corrects=request_id).count() == 1


def test_a_hold_is_released_or_settled_but_not_both(raced: Account, branch: Branch) -> None:
    calls = [hold(branch.team, 20) for _ in range(8)]

    together(
        raced,
        *[_settling(call, 15) for call in calls],
        *[_releasing(call) for call in calls],
    )

    # A release that came first makes the settlement late; either way it is charged.
    assert figures(branch.team)[1:] == (15 * 8, 0)


def _releasing(request_id: UUID) -> Callable[[], bool]:
    return lambda: charging.release(request_id)


def test_two_sweeps_at_once_share_the_work(raced: Account, branch: Branch) -> None:
    for _ in range(20):
        hold(branch.team, 10, ttl_seconds=0, estimate_microcredits=3)

    answers = together(raced, *[lambda: charging.sweep(limit=20)] * 4)

    assert sum(answer.charged for answer in answers) == 20
    assert figures(branch.team)[1:] == (60, 0)


# -- moving against calls --------------------------------------------------------------------------


def test_credits_are_reclaimed_or_reserved_but_not_both(raced: Account, branch: Branch) -> None:
    slow_reservations(is_guarded=True)

    answers = together(
        raced,
        *[_reserving(branch.membership, 10)] * 12,
        *[lambda: reclaim(branch.membership, 10)] * 12,
    )

    found = outcomes(answers)
    assert found["reserved"] + found["Act"] == 10
    assert set(found) <= {"reserved", "insufficient", "Act", "InsufficientCredits"}
    assert free_in(branch.membership) == 0


def test_two_allocations_of_one_wallet_leave_what_the_last_one_said(
    raced: Account, branch: Branch
) -> None:
    seat = books.create_wallet(book=branch.book, kind=WalletKind.MEMBERSHIP, parent=branch.team)

    answers = together(raced, *[_allocating(seat, 10 + step) for step in range(THREADS)])

    assert outcomes(answers) == {"Act": THREADS}
    assert balance_of(seat).credited == AllocationRule.objects.get(wallet=seat).amount


def _allocating(wallet: Wallet, amount: int, key: str = "") -> Callable[[], Act]:
    return lambda: allocate(wallet, amount, key)


def test_one_idempotency_key_used_by_many_at_once_moves_once(
    raced: Account, branch: Branch
) -> None:
    answers = together(raced, *[lambda: top_up(branch.membership, 7, key="once")] * THREADS)

    assert outcomes(answers) == {"Act": THREADS}
    assert len({answer.pk for answer in answers}) == 1
    assert Transfer.objects.filter(act__idempotency_key="once").count() == 1
    assert free_in(branch.membership) == 107


def test_two_organizations_do_not_share_the_same_credits(raced: Account) -> None:
    found = open_branch(grant=100)
    others = [
        books.create_wallet(book=found.book, kind=WalletKind.ORGANIZATION, parent=None)
        for _ in range(8)
    ]

    answers = together(raced, *[_allocating(wallet, 30) for wallet in others])

    assert outcomes(answers) == {"Act": 3, "InsufficientCredits": 5}
    assert [type(a) for a in answers].count(InsufficientCredits) == 5
    assert free_in(found.unallocated) == 10


# -- deadlocks -------------------------------------------------------------------------------------


def opposing(branch: Branch) -> list[Callable[[], Any]]:
    """Everything that locks several balances, in directions that would meet head on."""
    calls: list[Callable[[], Any]] = []
    for step in range(6):
        calls += [
            lambda: settle(hold(branch.membership, 150), 130),
            lambda: settle(hold(branch.membership, 5), 160),
            lambda: top_up(branch.membership, 40),
            lambda: reclaim(branch.membership, 1),
            _allocating(branch.team, 2_000 + step),
            lambda: charging.release(hold(branch.membership, 120)),
        ]
    return calls


def test_opposing_moves_never_deadlock(raced: Account) -> None:
    found = _spilling_branch()
    take_nothing_for_plain()
    replace_in("20_reserve.sql", (AFTER_READING_FREE, PAUSE + AFTER_READING_FREE))

    answers = together(raced, *opposing(found))

    failures = [one for one in answers if isinstance(one, Exception)]
    assert [one for one in failures if not isinstance(one, InsufficientCredits)] == []


def test_with_another_order_of_locks_they_would_deadlock(
    transactional_accounts: None, in_acme: Account
) -> None:
    found = _spilling_branch()
    take_nothing_for_plain()
    replace_in("20_reserve.sql", (AFTER_READING_FREE, PAUSE + AFTER_READING_FREE))
    replace_in("30_settle.sql", ("ORDER BY w.depth DESC, w.id", "ORDER BY w.depth, w.id"))

    answers = together(in_acme, *opposing(found))

    assert any(isinstance(one, OperationalError) and "deadlock" in str(one) for one in answers)


def _spilling_branch() -> Branch:
    found = open_branch(grant=20_000, spill_team=True, spill_organization=True, spill_pool=True)
    allocate(found.organization, 10_000)
    allocate(found.team, 4_000)
    allocate(found.membership, 100)
    set_overflow(found.book, 100)
    return found
