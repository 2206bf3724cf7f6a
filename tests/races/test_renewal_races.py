"""Renewal against everything that may happen at the same moment, on real connections."""

from collections.abc import Callable, Iterator
from time import sleep
from typing import Any

import pytest
from django.db import connection

from core.credits import charging
from core.credits.invariants import broken_invariants
from core.credits.models import Cycle, Transfer, UsageEvent
from core.credits.services import renewing
from tenants.models import Account
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    allocate,
    figures,
    free_in,
    hold,
    open_branch,
    reserve,
    settle,
    top_up,
)
from tests.factories.cycles import open_cycle, renew, set_plan
from tests.races.ledger_guards import replace_in, take_nothing_for_plain
from tests.races.test_ledger_races import outcomes, together

pytestmark = [pytest.mark.race, pytest.mark.slow]  # Threads, pauses and a copy of the database.

PAUSE = "PERFORM pg_sleep(0.3);"


@pytest.fixture
def raced(transactional_accounts: None, in_acme: Account) -> Iterator[Account]:
    """Acme with real commits; at the end, nothing is broken."""
    yield in_acme
    assert broken_invariants() == []


@pytest.fixture
def branch(raced: Account) -> Branch:
    return _branch()


def _branch(**plan: Any) -> Branch:
    """The membership has 100 of its own in each cycle; what is left rolls over."""
    found = open_branch(grant=10_000)
    set_plan(found.book, **{"grant": 10_000, "rollover": "all", **plan})
    allocate(found.organization, 5_000)
    allocate(found.team, 2_000)
    allocate(found.membership, 100)
    return found


def renewing_now(found: Branch) -> Callable[[], Any]:
    end = open_cycle(found.book).ends_at
    return lambda: renew(found.book, end)


def later(call: Callable[[], Any], seconds: float = 0.1) -> Callable[[], Any]:
    """Call when the other side is in the middle of its work."""

    def run() -> Any:
        sleep(seconds)
        return call()

    return run


# -- many renewals ---------------------------------------------------------------------------------


def test_of_many_renewals_at_once_one_renews(raced: Account, branch: Branch) -> None:
    answers = together(raced, *[renewing_now(branch)] * 8)

    assert sorted(len(cycles) for cycles in answers) == [0] * 7 + [1]
    assert Cycle.objects.filter(book=branch.book).count() == 2
    assert Transfer.objects.filter(kind="grant", cycle__number=2, book=branch.book).count() == 1


def test_without_the_lock_the_row_of_the_cycle_still_decides(
    raced: Account, branch: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewing, "_DUE", renewing._DUE.replace("FOR NO KEY UPDATE", ""))

    answers = together(raced, *[renewing_now(branch)] * 8)

    assert sum(len(cycles) for cycles in answers) == 1
    assert Cycle.objects.filter(book=branch.book).count() == 2


def test_without_both_guards_only_the_constraint_is_left(
    raced: Account, branch: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewing, "_DUE", renewing._DUE.replace("FOR NO KEY UPDATE", ""))
    monkeypatch.setattr(
        renewing, "_BEGIN", renewing._BEGIN.replace("ON CONFLICT (book_id, number) DO NOTHING", "")
    )

    answers = together(raced, *[renewing_now(branch)] * 8)

    found = outcomes(answers)
    assert found["IntegrityError"] >= 1
    assert Cycle.objects.filter(book=branch.book).count() == 2


# -- against reservations --------------------------------------------------------------------------


def slow_wind_down() -> None:
    """Let a renewal pause once it holds every balance and before it has moved any."""
    replace_in(
        "70_renew.sql",
        (
            "    -- Nothing more is drawn on its line than what calls hold already.\n",
            f"    {PAUSE}\n",
        ),
    )


def test_a_reservation_that_waited_for_a_renewal_is_held_in_the_new_cycle(
    raced: Account, branch: Branch
) -> None:
    slow_wind_down()

    answers = together(raced, renewing_now(branch), later(lambda: reserve(branch.membership, 150)))

    assert answers[1].outcome == "reserved"
    assert figures(branch.membership) == (200, 0, 150)


def test_without_looking_again_it_would_be_held_in_the_old_one(
    transactional_accounts: None, in_acme: Account
) -> None:
    found = _branch(rollover="none")
    take_nothing_for_plain()
    slow_wind_down()
    replace_in(
        "20_reserve.sql",
        (
            "SELECT FROM {schema}.credits_cycle c WHERE c.id = cycle.cycle_id AND c.state = 'open'",
            "SELECT 1",
        ),
        # As it was seen before the wait.
        (
            "SELECT b.credited + b.credit_limit - b.used - b.reserved INTO free\n"
            "            FROM {schema}.credits_balance b\n"
            "            WHERE b.wallet_id = payer.wallet_id AND b.cycle_id = cycle.cycle_id\n"
            "            FOR UPDATE;",
            "SELECT b.credited + b.credit_limit - b.used - b.reserved INTO free\n"
            "            FROM {schema}.credits_balance b\n"
            "            WHERE b.wallet_id = payer.wallet_id AND b.cycle_id = cycle.cycle_id;",
        ),
    )

    answers = together(in_acme, renewing_now(found), later(lambda: reserve(found.membership, 50)))

    # Either the constraint refuses, or a closed cycle holds credits.
    assert outcomes(answers)["IntegrityError"] == 1 or broken_invariants() != []


def test_reservations_and_renewals_never_hold_more_than_there_is(
    raced: Account, branch: Branch
) -> None:
    answers = together(
        raced,
        *[lambda: reserve(branch.membership, 10)] * 20,
        *[renewing_now(branch)] * 2,
        *[lambda: top_up(branch.membership, 1)] * 5,
    )

    found = outcomes(answers)
    assert set(found) <= {"reserved", "insufficient", "list", "Act"}
    assert found["Act"] == 5


# -- against settlements ---------------------------------------------------------------------------


def test_a_settlement_that_waited_for_a_renewal_is_charged_to_the_old_cycle(
    raced: Account, branch: Branch
) -> None:
    call = hold(branch.membership, 60)
    slow_wind_down()

    answers = together(raced, renewing_now(branch), later(lambda: settle(call, 45)))

    assert answers[1].outcome == "settled"
    assert UsageEvent.objects.get().cycle_id == Cycle.objects.get(book=branch.book, number=1).pk
    # What it left could not be seen by either; the close takes it along.
    renew(branch.book, open_cycle(branch.book).starts_at)
    assert Cycle.objects.get(book=branch.book, number=1).state == "closed"
    assert figures(branch.membership) == (40 + 15 + 100, 0, 0)


# The close holds its balances for as long as it takes, which is long here.
SLOW_CLOSE = (
    "    cover := GREATEST(line.used - line.credited, 0);\n",
    f"    {PAUSE}\n    cover := GREATEST(line.used - line.credited, 0);\n",
)
LOOKS_AGAIN = "        EXIT WHEN EXISTS (SELECT FROM {schema}.credits_cycle own\n"


def settled_while_it_closes(account: Account, found: Branch, *guard: tuple[str, str]) -> None:
    """A call that was given back is settled after all, while the close of its cycle runs."""
    late, last = hold(found.membership, 60), hold(found.team, 10)
    charging.release(late)
    renew(found.book)
    charging.release(last)
    assert Cycle.objects.get(book=found.book, number=1).state == "closing"
    replace_in("70_renew.sql", SLOW_CLOSE, *guard)

    answers = together(
        account,
        lambda: renewing.close_cycles(book=found.book, actor=TESTS),
        later(lambda: settle(late, 45)),
    )

    assert answers[0] == 1
    assert answers[1].outcome == "late"


def test_a_settlement_that_waited_for_the_close_is_charged_to_the_open_cycle(
    raced: Account, branch: Branch
) -> None:
    settled_while_it_closes(raced, branch)

    assert UsageEvent.objects.get().cycle_id == open_cycle(branch.book).pk
    assert figures(branch.membership) == (200, 45, 0)


def test_without_looking_again_it_would_be_charged_to_a_closed_cycle(
    transactional_accounts: None, in_acme: Account
) -> None:
    found = _branch()

    settled_while_it_closes(
        in_acme, found, (LOOKS_AGAIN, LOOKS_AGAIN.replace("EXISTS", "true OR EXISTS"))
    )

    # Behind the back of its statement: what was closed has changed.
    assert Cycle.objects.get(pk=UsageEvent.objects.get().cycle_id).state == "closed"


def test_settlements_that_end_together_share_the_room_of_a_cap(
    transactional_accounts: None, in_acme: Account
) -> None:
    found = _branch(rollover="capped", rollover_cap=9_950)
    calls = [hold(found.team, 20) for _ in range(10)]
    renew(found.book)
    room = Cycle.objects.get(book=found.book, number=1).rollover_left

    together(in_acme, *[_releasing(call) for call in calls])

    assert room == 150
    assert Cycle.objects.get(book=found.book, number=1).rollover_left == 0
    assert free_in(found.team) == 1_900 * 2 - 200 + 150
    assert broken_invariants() == []


def test_without_its_lock_more_than_the_cap_would_roll_over(
    transactional_accounts: None, in_acme: Account
) -> None:
    found = _branch(rollover="capped", rollover_cap=9_950)
    calls = [hold(wallet, 120) for wallet in (found.team, found.organization)]
    renew(found.book)
    replace_in(
        "70_renew.sql",
        (
            "b.cycle_id IN (target, open_cycle)\n"
            "        ORDER BY w.depth DESC, w.id, b.cycle_id\n"
            "        FOR UPDATE OF b;",
            "b.cycle_id IN (target, open_cycle);",
        ),
        ("    rolling := LEAST", f"    {PAUSE}\n    rolling := LEAST"),
    )

    answers = together(in_acme, *[_releasing(call) for call in calls])

    # Both saw the same room; a constraint of the cycle refuses the second.
    assert outcomes(answers)["IntegrityError"] == 1


def _releasing(call: Any) -> Callable[[], Any]:
    return lambda: charging.release(call)


def test_renewals_settlements_sweeps_and_moves_do_not_deadlock(
    raced: Account, branch: Branch
) -> None:
    calls = [hold(branch.membership, 9) for _ in range(10)]
    expiring = [hold(branch.team, 7, ttl_seconds=0, estimate_microcredits=3) for _ in range(10)]
    renew(branch.book)

    answers = together(
        raced,
        *[_settling(call, 12) for call in calls],
        *[_settling(call, 5) for call in expiring[:5]],
        *[lambda: charging.sweep(limit=4)] * 4,
        *[renewing_now(branch)] * 3,
        *[lambda: top_up(branch.membership, 1)] * 5,
        *[lambda: reserve(branch.membership, 5)] * 5,
    )

    assert [one for one in answers if isinstance(one, Exception)] == []


def _settling(call: Any, charge: int) -> Callable[[], Any]:
    return lambda: settle(call, charge)


def test_a_renewal_whose_connection_died_is_made_again(raced: Account, branch: Branch) -> None:
    replace_in(
        "70_renew.sql",
        (
            "    -- Nothing more is drawn on its line than what calls hold already.\n",
            "    PERFORM pg_terminate_backend(pg_backend_pid());\n",
        ),
    )
    died = together(raced, renewing_now(branch))
    assert outcomes(died) == {"OperationalError": 1}
    assert Cycle.objects.filter(book=branch.book).count() == 1

    replace_in("70_renew.sql")
    renewing.renew_book(book=branch.book, actor=TESTS, as_of=open_cycle(branch.book).ends_at)

    assert Cycle.objects.filter(book=branch.book).count() == 2
    assert connection.is_usable()
