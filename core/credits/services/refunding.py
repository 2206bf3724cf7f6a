"""Giving back part of what a call was charged. The platform's to decide, as grants are."""

from uuid import UUID

from django.db import transaction

from core.audit.services import Actor, record
from core.credits import charging, rules, verbs
from core.credits.errors import CallUnsettled, InvalidAmount, RefundTooLarge
from core.credits.messages import RefundRequest
from core.credits.models import Act, Book
from core.credits.refunds import charged_call
from core.credits.services.moving import claim_act
from core.kit.money import format_credits


@transaction.atomic
def refund_call(
    *, book: Book, call_id: UUID, amount: int, actor: Actor, idempotency_key: str, reason: str = ""
) -> Act:
    """Give back `amount` micro-credits of what a call was charged, to the wallets that paid.

    The last payer gets back first, in the cycle that was charged, or the open one once that is
    closed. Idempotency keys work as in `core.credits.services.allocating`.

    Raises:
        InvalidAmount: `amount` is not positive, or out of range.
        NotFound: the book has no call of that id that has ended.
        RefundTooLarge: less of the charge is left.
        CallUnsettled: the call was charged an estimate, and its settlement may still come.
    """
    if not rules.is_movable(amount):
        raise InvalidAmount("Enter a number of credits above zero.")
    claim = claim_act(
        book=book,
        verb=verbs.REFUNDED,
        content={"call": call_id, "amount": amount},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if claim.is_repeat:
        return claim.act
    call = charged_call(book, call_id)
    request = RefundRequest(refund_id=claim.act.pk, request_id=call.id, amount=amount)
    answer = charging.refund(request)
    if answer.outcome == "unsettled":
        raise CallUnsettled("Its settlement may still come. Try again in some minutes.")
    if answer.outcome == "too_much":
        raise RefundTooLarge(
            f"{format_credits(answer.left)} credits of the charge are left to give back.",
            left=format_credits(answer.left),
        )
    assert answer.outcome == "refunded", answer
    record(
        actor=actor,
        verb=verbs.REFUNDED,
        target=("call", call.id, call.llm),
        after={"credits": format_credits(amount)},
        reason=reason,
        product=book.product,
        nodes=call.nodes,
    )
    return claim.act
