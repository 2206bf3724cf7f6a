"""Two splits at once, a split against spending, a reclaim against a reservation.

Each with its guard, and once without it: then both sides decide by what they read before.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from core.credits.invariants import broken_invariants
from core.credits.messages import ReserveAnswer
from core.credits.models import Wallet
from core.credits.services import moving, splitting, standing
from core.credits.services.locking import read_balances
from tenants.models import Account
from tests.factories.credits import (
    Branch,
    allocate,
    figures,
    free_in,
    open_branch,
    reclaim,
    reserve,
    seats,
    split,
)
from tests.races.ledger_guards import drop_constraint
from tests.races.test_ledger_races import together

pytestmark = [pytest.mark.race, pytest.mark.slow]  # Threads, pauses and a copy of the database.


@pytest.fixture
def raced(transactional_accounts: None, in_acme: Account) -> Iterator[Account]:
    """Acme with real commits; at the end, nothing is broken."""
    yield in_acme
    assert broken_invariants() == []


def a_team() -> tuple[Branch, list[Wallet]]:
    """A team with 100, and two members."""
    branch = open_branch(grant=1000)
    allocate(branch.organization, 500)
    allocate(branch.team, 100)
    return branch, seats(branch.team, 2)


def take_the_locks_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let services read balances without a lock, and take their time before they write."""

    def slowly(cycle: Any, wallets: Any) -> Any:
        found = read_balances(cycle, wallets)
        time.sleep(0.3)
        return found

    for module in (standing, moving):
        monkeypatch.setattr(module, "lock_balances", slowly)


def reserve_soon(wallet: Wallet, amount: int) -> ReserveAnswer:
    """Reserve while the other side thinks about what it has read."""
    time.sleep(0.1)
    return reserve(wallet, amount)


def names(answers: list[Any]) -> Counter[str]:
    return Counter(type(answer).__name__ for answer in answers)


def test_two_splits_at_once_share_out_what_there_is_once(raced: Account) -> None:
    branch, members = a_team()

    together(
        raced,
        lambda: split(branch.team, members, 60),
        lambda: split(branch.team, [*members, branch.membership], 90),
    )

    shared = sum(free_in(wallet) for wallet in (*members, branch.membership))
    assert shared + free_in(branch.team) == 100
    assert shared in {90, 80}


def test_without_the_locks_two_splits_would_share_out_the_same_twice(
    transactional_accounts: None, in_acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch, (one, other) = a_team()
    take_the_locks_out(monkeypatch)
    monkeypatch.setattr(splitting, "hold_splits", lambda _book: None)
    drop_constraint("credits_balance", "balance_not_overspent")

    together(
        in_acme,
        lambda: split(branch.team, [one], 100),
        lambda: split(branch.team, [other], 100),
    )

    assert free_in(one) + free_in(other) == 200
    assert {row.invariant for row in broken_invariants()} == {"I1 not overspent"}


def test_without_the_locks_a_split_would_spend_what_a_call_holds(
    transactional_accounts: None, in_acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch, members = a_team()
    take_the_locks_out(monkeypatch)
    drop_constraint("credits_balance", "balance_not_overspent")

    together(
        in_acme,
        lambda: split(branch.team, members, 100),
        lambda: reserve_soon(branch.team, 80),
    )

    assert {row.invariant for row in broken_invariants()} == {"I1 not overspent"}


def test_a_split_and_a_call_cannot_both_have_the_same_credits(raced: Account) -> None:
    branch, members = a_team()

    answers = together(
        raced, lambda: split(branch.team, members, 100), lambda: reserve(branch.team, 80)
    )

    held = figures(branch.team)[2]
    outcome = next(one.outcome for one in answers if hasattr(one, "outcome"))
    assert (outcome, names(answers)["InsufficientCredits"], held) in {
        ("reserved", 1, 80),
        ("insufficient", 0, 0),
    }


def test_without_the_locks_a_reclaim_would_take_what_a_call_holds(
    transactional_accounts: None, in_acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch, _members = a_team()
    take_the_locks_out(monkeypatch)
    drop_constraint("credits_balance", "balance_not_overspent")

    together(
        in_acme,
        lambda: reclaim(branch.team, 100),
        lambda: reserve_soon(branch.team, 80),
    )

    assert {row.invariant for row in broken_invariants()} == {"I1 not overspent"}


def test_a_reclaim_and_a_call_cannot_both_have_the_same_credits(raced: Account) -> None:
    branch, _members = a_team()

    answers = together(raced, lambda: reclaim(branch.team, 100), lambda: reserve(branch.team, 80))

    assert names(answers)["InsufficientCredits"] == (figures(branch.team)[2] == 80)
