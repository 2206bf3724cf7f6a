"""Part of what an ended call was charged comes back, as an event of its own."""

import pytest
from django.db import connection

from core.credits import charging
from core.credits.invariants import broken_invariants
from core.credits.messages import RefundAnswer, RefundRequest
from core.credits.models import UsageEvent
from core.credits.services import plans, renewing
from core.credits.services.plans import PlanTerms
from core.kit.ids import uuid7
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    allocate,
    cap,
    figures,
    hold,
    open_branch,
    set_overflow,
    settle,
    spend,
)
from tests.factories.cycles import open_cycle


@pytest.fixture
def member(in_acme: object) -> Branch:
    """The membership has 100 of its own."""
    branch = open_branch(grant=1000)
    allocate(branch.organization, 500)
    allocate(branch.team, 300)
    allocate(branch.membership, 100)
    return branch


def refund(request_id: object, amount: int, refund_id: object = None) -> RefundAnswer:
    return charging.refund(
        RefundRequest(refund_id=refund_id or uuid7(), request_id=request_id, amount=amount)  # type: ignore[arg-type]
    )


def test_credits_come_back_to_who_paid(member: Branch) -> None:
    call = spend(member.membership, 60)

    answer = refund(call, 25)

    assert (answer.outcome, answer.left) == ("refunded", 35)
    assert figures(member.membership) == (100, 35, 0)
    event = UsageEvent.objects.get(refund_of=call)
    assert (event.credits, event.cost_usd.is_zero(), event.input_tokens) == (-25, True, 0)
    assert broken_invariants() == []


def test_the_last_payer_gets_back_first(member: Branch) -> None:
    set_overflow(member.book, 50)
    call = spend(member.membership, 130)

    refund(call, 40)

    assert figures(member.membership) == (100, 90, 0)
    assert figures(member.overflow) == (0, 0, 0)


def test_a_refund_repeated_is_made_once(member: Branch) -> None:
    call, once = spend(member.membership, 60), uuid7()
    refund(call, 25, once)

    assert refund(call, 25, once).outcome == "duplicate"
    assert refund(call, 24, once).outcome == "mismatch"
    assert refund(spend(member.membership, 30), 25, once).outcome == "mismatch"
    assert figures(member.membership) == (100, 65, 0)


def test_no_more_comes_back_than_was_charged(member: Branch) -> None:
    call = spend(member.membership, 60)
    refund(call, 50)

    answer = refund(call, 11)

    assert (answer.outcome, answer.left) == ("too_much", 10)
    assert refund(call, 10).outcome == "refunded"
    assert refund(call, 1).outcome == "too_much"
    assert figures(member.membership) == (100, 0, 0)


def test_only_a_call_that_has_ended_is_refunded(member: Branch) -> None:
    running = hold(member.membership, 60)

    assert refund(running, 1).outcome == "unknown"
    assert refund(uuid7(), 1).outcome == "unknown"


def test_a_refund_is_not_refunded(member: Branch) -> None:
    call, back = spend(member.membership, 60), uuid7()
    refund(call, 25, back)

    assert refund(back, 5).outcome == "unknown"


def test_a_guess_is_not_refunded_before_its_settlement(member: Branch) -> None:
    call = hold(member.membership, 60, estimate_microcredits=40)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE credits_reservation SET expires_at = clock_timestamp()")
    charging.sweep()

    assert refund(call, 10).outcome == "unsettled"

    settle(call, 55)
    assert (refund(call, 50).outcome, figures(member.membership)) == ("refunded", (100, 5, 0))
    assert broken_invariants() == []


def test_what_comes_back_may_be_spent_again_below_a_cap(member: Branch) -> None:
    key = uuid7()
    cap(member.book, key, 60)
    call = spend(member.membership, 60, cap_subjects=(key,))
    refund(call, 20)

    spend(member.membership, 20, cap_subjects=(key,))

    assert broken_invariants() == []


def test_once_its_cycle_is_closed_a_call_is_refunded_in_the_open_one(member: Branch) -> None:
    plans.set_plan(book=member.book, terms=PlanTerms(grant=1000, period="month"), actor=TESTS)
    call = spend(member.membership, 60)
    renewing.renew_book(book=member.book, actor=TESTS, as_of=open_cycle(member.book).ends_at)

    refund(call, 25)

    assert figures(member.membership) == (100, -25, 0)
    assert UsageEvent.objects.get(refund_of=call).is_late
    assert broken_invariants() == []
