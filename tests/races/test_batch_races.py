"""Batches against batches, single calls, moves and renewals, on real connections.

The guard of the balances is first shown to be the one, as in the races of single calls.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError

from core.credits import charging, selectors
from core.credits.batching import End, ReleaseRequest
from core.credits.errors import InsufficientCredits
from core.credits.invariants import broken_invariants
from core.credits.messages import SettleRequest
from core.credits.models import Cycle, UsageEvent, Wallet, WalletKind
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
    reserve_request,
    set_overflow,
    settle,
    top_up,
)
from tests.factories.cycles import renew, set_plan
from tests.races.ledger_guards import drop_constraint, replace_in
from tests.threads import run_together

pytestmark = [pytest.mark.race, pytest.mark.slow]  # Threads, pauses and a copy of the database.

THREADS = 8
FILE = "80_batch.sql"
# What follows the lock of the balances.
LOCKED = "        FOR UPDATE OF b\n    ) l;"
PAUSE = "\n    PERFORM pg_sleep(0.1);"


@pytest.fixture
def raced(transactional_accounts: None, in_acme: Account) -> Iterator[Account]:
    """Acme with real commits; at the end, nothing is broken."""
    yield in_acme
    assert broken_invariants() == []


@pytest.fixture
def branch(raced: Account) -> Branch:
    """The membership has 100 of its own; its team and organization have plenty."""
    return _poor_branch()


def _poor_branch() -> Branch:
    found = open_branch(grant=10_000)
    allocate(found.organization, 5_000)
    allocate(found.team, 2_000)
    allocate(found.membership, 100)
    return found


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


def reserving(wallet: Wallet, *amounts: int, **fields: Any) -> Callable[[], list[Any]]:
    """Return a batch of calls of one wallet."""
    return lambda: charging.batch(calls=[reserve_request(wallet, a, **fields) for a in amounts])


def settlement(request_id: UUID, charge: int) -> SettleRequest:
    return SettleRequest(request_id=request_id, cost_usd=Decimal(charge).scaleb(-6), outcome="ok")


def outcomes(answers: list[Any]) -> Counter[str]:
    """Count what came of every step, and of every batch that failed."""
    flat = [one for batch in answers for one in (batch if isinstance(batch, list) else [batch])]
    return Counter(one.outcome if hasattr(one, "outcome") else type(one).__name__ for one in flat)


# -- many at one wallet ----------------------------------------------------------------------------


def test_exactly_as_many_are_admitted_as_the_wallet_pays_for(
    raced: Account, branch: Branch
) -> None:
    replace_in(FILE, (LOCKED, LOCKED + PAUSE))

    answers = together(raced, *[reserving(branch.membership, 10, 10, 10)] * THREADS)

    assert outcomes(answers) == {"reserved": 10, "insufficient": 14}
    assert figures(branch.membership) == (100, 0, 100)


def test_without_the_lock_more_would_be_admitted(
    transactional_accounts: None, in_acme: Account
) -> None:
    found = _poor_branch()
    replace_in(FILE, (LOCKED, "    ) l;" + PAUSE))
    drop_constraint("credits_balance", "balance_not_overspent")

    answers = together(in_acme, *[reserving(found.membership, 10, 10, 10)] * THREADS)

    assert outcomes(answers)["reserved"] > 10
    assert {row.invariant for row in broken_invariants()} == {"I1 not overspent"}


def test_without_the_lock_the_database_refuses_and_single_calls_sort_it_out(
    raced: Account, branch: Branch
) -> None:
    replace_in(FILE, (LOCKED, "    ) l;" + PAUSE))

    answers = together(raced, *[reserving(branch.membership, 10, 10, 10)] * THREADS)

    assert outcomes(answers) == {"reserved": 10, "insufficient": 14}


def test_batches_and_single_calls_share_what_is_there(raced: Account, branch: Branch) -> None:
    replace_in(FILE, (LOCKED, LOCKED + PAUSE))
    single = [
        lambda: charging.reserve(reserve_request(branch.membership, 10)) for _ in range(THREADS)
    ]

    answers = together(raced, *[reserving(branch.membership, 10, 10)] * THREADS, *single)

    assert outcomes(answers) == {"reserved": 10, "insufficient": 14}


def test_a_cap_holds_over_many_batches(raced: Account, branch: Branch) -> None:
    subject = uuid7()
    cap(branch.book, subject, 70)
    wallets = (branch.membership, branch.team, branch.organization)

    answers = together(
        raced, *[reserving(wallet, 10, 10, cap_subjects=(subject,)) for wallet in wallets] * 3
    )

    assert outcomes(answers) == {"reserved": 7, "capped": 11}


def test_members_who_inherit_share_in_batches(raced: Account) -> None:
    found = open_branch(grant=1000)
    allocate(found.organization, 500)
    allocate(found.team, 95)
    seats = [
        books.create_wallet(book=found.book, kind=WalletKind.MEMBERSHIP, parent=found.team)
        for _ in range(12)
    ]

    def batch_of(own: list[Wallet]) -> Callable[[], list[Any]]:
        return lambda: charging.batch(calls=[reserve_request(seat, 10) for seat in own])

    answers = together(raced, *[batch_of(seats[start:] + seats[:start]) for start in range(4)])

    assert outcomes(answers) == {"reserved": 9, "insufficient": 39}
    assert free_in(found.team) == 5


# -- one call by several ways ----------------------------------------------------------------------


def test_the_same_calls_in_many_batches_hold_once(raced: Account, branch: Branch) -> None:
    requests = [reserve_request(branch.membership, 10) for _ in range(4)]
    orders = [requests, requests[::-1], requests[2:] + requests[:2]]

    def batch_of(own: list[Any]) -> Callable[[], list[Any]]:
        return lambda: charging.batch(calls=own)

    answers = together(raced, *[batch_of(order) for order in orders * 2])

    assert outcomes(answers) == {"reserved": 4, "duplicate": 20}
    assert figures(branch.membership) == (100, 0, 40)


def test_calls_settled_by_many_batches_are_charged_once(raced: Account, branch: Branch) -> None:
    calls = [hold(branch.membership, 20) for _ in range(4)]

    def batch_of(own: list[UUID]) -> Callable[[], list[Any]]:
        return lambda: charging.batch(ends=[settlement(call, 15) for call in own])

    answers = together(raced, *[batch_of(order) for order in (calls, calls[::-1]) * 4])

    assert outcomes(answers) == {"settled": 4, "duplicate": 28}
    assert figures(branch.membership) == (100, 60, 0)


def test_calls_are_settled_released_or_swept_but_end_once(raced: Account, branch: Branch) -> None:
    calls = [hold(branch.team, 50, ttl_seconds=0, estimate_microcredits=20) for _ in range(12)]
    releases: list[End] = [ReleaseRequest(call) for call in calls[:4]]

    together(
        raced,
        lambda: charging.batch(ends=[settlement(call, 40) for call in calls]),
        lambda: charging.batch(ends=releases),
        lambda: charging.sweep(limit=5),
        lambda: charging.sweep(limit=5),
        *[lambda call=call: settle(call, 40) for call in calls[8:]],
    )

    # Whoever came first, a settlement that follows is charged, late or not.
    assert figures(branch.team)[1:] == (40 * 12, 0)
    assert UsageEvent.objects.filter(corrects=None).count() == 12


# -- deadlocks -------------------------------------------------------------------------------------


def opposing(branch: Branch) -> list[Callable[[], Any]]:
    """Everything that locks several balances, in directions that would meet head on."""
    calls: list[Callable[[], Any]] = []

    def batch() -> list[Any]:
        held = [hold(branch.membership, 150), hold(branch.team, 30), hold(branch.organization, 9)]
        return charging.batch(
            ends=[settlement(call, 5) for call in held],
            calls=[
                reserve_request(wallet, 160)
                for wallet in (branch.organization, branch.membership, branch.team)
            ],
        )

    for step in range(5):
        calls += [
            batch,
            lambda: settle(hold(branch.membership, 150), 130),
            lambda: top_up(branch.membership, 40),
            lambda: reclaim(branch.membership, 1),
            lambda step=step: allocate(branch.team, 4_000 + step),  # type: ignore[misc]
        ]
    return calls


def test_opposing_batches_and_moves_never_deadlock(raced: Account) -> None:
    found = _spilling_branch()
    replace_in(FILE, (LOCKED, LOCKED + PAUSE))

    answers = together(raced, *opposing(found))

    failures = [one for one in answers if isinstance(one, Exception)]
    assert [one for one in failures if not isinstance(one, InsufficientCredits)] == []


def _spilling_branch() -> Branch:
    found = open_branch(grant=20_000, spill_team=True, spill_organization=True, spill_pool=True)
    allocate(found.organization, 10_000)
    allocate(found.team, 4_000)
    allocate(found.membership, 100)
    set_overflow(found.book, 100)
    return found


# -- renewal ---------------------------------------------------------------------------------------


def test_batches_go_on_while_the_cycle_changes(raced: Account) -> None:
    found = open_branch(grant=10_000)
    set_plan(found.book, grant=10_000)
    allocate(found.organization, 5_000)
    allocate(found.team, 2_000)
    allocate(found.membership, 500)
    before = [hold(found.membership, 10) for _ in range(12)]
    replace_in(FILE, (LOCKED, LOCKED + PAUSE))

    def batch_of(own: list[UUID]) -> Callable[[], list[Any]]:
        return lambda: charging.batch(
            ends=[settlement(call, 7) for call in own],
            calls=[reserve_request(found.membership, 10) for _ in range(3)],
        )

    answers = together(
        raced,
        *[batch_of(before[start::4]) for start in range(4)],
        lambda: renew(found.book),
        *[reserving(found.membership, 10, 10)] * 3,
    )

    failures = [one for one in answers if isinstance(one, Exception)]
    assert failures == []
    assert outcomes(answers)["reserved"] == 18
    assert outcomes(answers)["settled"] == 12
    assert sum(event.credits for event in UsageEvent.objects.all()) == 84
    assert Cycle.objects.filter(book=found.book).count() == 2


def test_an_integrity_error_is_no_answer(raced: Account, branch: Branch) -> None:
    held = hold(branch.membership, 10)
    replace_in(FILE, ("reserved = b.reserved + u.reserved", "reserved = b.reserved - 1000"))

    answers = charging.batch(ends=[settlement(held, 7)])

    assert not isinstance(answers[0], IntegrityError)
    assert figures(branch.membership) == (100, 7, 0)
