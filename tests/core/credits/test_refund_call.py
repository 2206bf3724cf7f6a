"""A refund as an act: who gave it, why, once for each key, and where it is told."""

import pytest
from django.db import connection

from core.audit.models import AuditEntry
from core.credits import charging
from core.credits.errors import (
    CallUnsettled,
    IdempotencyMismatch,
    InvalidAmount,
    RefundTooLarge,
)
from core.credits.models import Act
from core.credits.refunds import charged_call, refunds_into, refunds_of
from core.credits.services import refunding
from core.credits.statements_of_wallets import statement_of
from core.kit.ids import uuid7
from core.kit.problems import NotFound
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    a_key,
    allocate,
    figures,
    hold,
    open_branch,
    set_overflow,
    settle,
    spend,
)
from tests.factories.cycles import open_cycle


@pytest.fixture
def member(branch: Branch) -> Branch:
    """The membership has 100 of its own."""
    allocate(branch.organization, 500)
    allocate(branch.team, 300)
    allocate(branch.membership, 100)
    return branch


def refund(branch: Branch, call: object, amount: int, key: str = "") -> Act:
    return refunding.refund_call(
        book=branch.book,
        call_id=call,  # type: ignore[arg-type]
        amount=amount,
        actor=TESTS,
        idempotency_key=key or a_key(),
        reason="The answer broke off",
    )


def test_a_refund_says_who_gave_it_and_why(member: Branch) -> None:
    call = spend(member.membership, 60)

    act = refund(member, call, 25)

    assert figures(member.membership) == (100, 35, 0)
    assert (act.verb, act.reason) == ("credits.refunded", "The answer broke off")
    (told,) = refunds_of(call)
    assert (told.id, told.call, told.amount, told.reason) == (act.pk, call, 25, act.reason)
    entry = AuditEntry.objects.get(verb="credits.refunded")
    assert (entry.target_id, entry.after) == (str(call), {"credits": "0.000025"})


def test_a_key_refunds_once(member: Branch) -> None:
    call = spend(member.membership, 60)
    act = refund(member, call, 25, "once")

    assert refund(member, call, 25, "once") == act
    with pytest.raises(IdempotencyMismatch):
        refund(member, call, 24, "once")
    assert figures(member.membership) == (100, 35, 0)
    assert AuditEntry.objects.filter(verb="credits.refunded").count() == 1


def test_more_than_is_left_is_refused_with_what_is_left(member: Branch) -> None:
    call = spend(member.membership, 60)
    refund(member, call, 50)

    with pytest.raises(RefundTooLarge) as caught:
        refund(member, call, 11)

    assert caught.value.extensions["left"] == "0.00001"
    assert figures(member.membership) == (100, 10, 0)
    assert Act.objects.filter(verb="credits.refunded").count() == 1


@pytest.mark.parametrize("amount", [0, -1, 10**19])
def test_what_is_no_amount_is_refused(member: Branch, amount: int) -> None:
    call = spend(member.membership, 60)

    with pytest.raises(InvalidAmount):
        refund(member, call, amount)


def test_a_call_that_runs_a_refund_and_nothing_are_not_refunded(member: Branch) -> None:
    act = refund(member, spend(member.membership, 20), 5)

    for other in (hold(member.membership, 60), act.pk, uuid7()):
        with pytest.raises(NotFound):
            refund(member, other, 1)


def test_a_call_of_another_book_is_not_there(member: Branch) -> None:
    other = open_branch("another", grant=100)
    allocate(other.organization, 50)
    call = spend(other.organization, 20)

    with pytest.raises(NotFound):
        refund(member, call, 1)


def test_a_guess_is_not_refunded(member: Branch) -> None:
    request_id = hold(member.membership, 60, estimate_microcredits=40)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE credits_reservation SET expires_at = clock_timestamp()")
    charging.sweep()

    assert charged_call(member.book, request_id).is_guess
    with pytest.raises(CallUnsettled):
        refund(member, request_id, 10)

    settle(request_id, 55)
    call = charged_call(member.book, request_id)
    assert (call.is_guess, call.charged, call.left) == (False, 55, 55)


def test_the_statement_of_each_payer_has_its_part(member: Branch) -> None:
    set_overflow(member.book, 50)
    call = spend(member.membership, 130)
    refund(member, call, 40)
    cycle = open_cycle(member.book)

    of_the_member = statement_of(member.membership, cycle)

    assert [refund.amount for refund in refunds_into(member.overflow, cycle)] == [30]
    assert [refund.amount for refund in of_the_member.refunds] == [10]
    assert (of_the_member.used, of_the_member.closing) == (100, 10)
