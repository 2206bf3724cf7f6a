"""A process that dies in the middle: what was committed counts, the rest never happened."""

import pytest
from django.db import OperationalError, connection, transaction

from core.credits import charging
from tenants.models import Account
from tests.factories.credits import Branch, figures, free_in, hold, settle, top_up
from tests.races.test_ledger_races import together

pytestmark = [pytest.mark.race, pytest.mark.slow]  # Threads and a copy of the database.


def test_a_reservation_whose_process_died_before_the_commit_holds_nothing(
    raced: Account, branch: Branch
) -> None:
    def die() -> None:
        with transaction.atomic():
            hold(branch.membership, 60)
            _kill_this_connection()

    died = together(raced, die)

    assert isinstance(died[0], OperationalError)
    assert figures(branch.membership) == (100, 0, 0)


def test_a_call_whose_process_died_is_charged_its_estimate(raced: Account, branch: Branch) -> None:
    def die() -> None:
        hold(branch.membership, 60, ttl_seconds=0, estimate_microcredits=25)
        _kill_this_connection()

    together(raced, die)
    assert figures(branch.membership) == (100, 0, 60)

    charging.sweep()

    assert figures(branch.membership) == (100, 25, 0)


def test_a_settlement_that_died_before_the_commit_can_be_repeated(
    raced: Account, branch: Branch
) -> None:
    request_id = hold(branch.membership, 60)

    def die() -> None:
        with transaction.atomic():
            settle(request_id, 40)
            _kill_this_connection()

    together(raced, die)
    assert figures(branch.membership) == (100, 0, 60)

    assert settle(request_id, 40).outcome == "settled"
    assert figures(branch.membership) == (100, 40, 0)


def test_a_settlement_whose_answer_was_lost_can_be_repeated(raced: Account, branch: Branch) -> None:
    request_id = hold(branch.membership, 60)

    def die() -> None:
        settle(request_id, 40)
        _kill_this_connection()

    together(raced, die)

    assert settle(request_id, 40).outcome == "duplicate"
    assert figures(branch.membership) == (100, 40, 0)


def _kill_this_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_the_lock_of_a_key_is_given_back_when_its_holder_dies(
    raced: Account, branch: Branch
) -> None:
    def die() -> None:
        with transaction.atomic():
            top_up(branch.membership, 7, key="once")
            _kill_this_connection()

    together(raced, die)

    top_up(branch.membership, 7, key="once")
    assert free_in(branch.membership) == 107
