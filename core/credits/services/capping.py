"""Setting and removing caps: limits on all spending below a node or key in a window.

A cap counts from the moment it is set; what was spent before does not count. Amounts are
micro-credits.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from core.audit.services import Actor, record
from core.credits import verbs
from core.credits.errors import InvalidAmount
from core.credits.models import Book, Cap, CapWindow
from core.kit.money import MAX_MICROCREDITS, format_credits
from core.kit.problems import InvalidInput, NotFound


@transaction.atomic
def set_cap(
    *,
    book: Book,
    subject: UUID,
    window: str,
    amount: int,
    actor: Actor,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Cap:
    """Let at most `amount` be spent below a node or key in each window. 0 stops all spending.

    A cap that is there for the window takes the new amount, and what it has counted still counts.

    Raises:
        InvalidAmount: it is negative or out of range.
        InvalidInput: there is no such window.
    """
    if not 0 <= amount <= MAX_MICROCREDITS:
        raise InvalidAmount("A cap is zero or more credits.")
    if window not in CapWindow.values:
        raise InvalidInput(
            "A cap counts by day, week, month or cycle.",
            errors=[{"pointer": "/window", "code": "window", "detail": "Choose a window."}],
        )
    before = (
        Cap.objects.select_for_update().filter(book=book, subject=subject, window=window).first()
    )
    cap, _ = Cap.objects.update_or_create(
        book=book, subject=subject, window=window, defaults={"amount": amount}
    )
    if before is None or before.amount != amount:
        record(
            actor=actor,
            verb=verbs.CAP_SET,
            target=("cap", subject, label or str(subject)),
            before={"credits": format_credits(before.amount)} if before else None,
            after={"credits": format_credits(amount), "window": window},
            reason=reason,
            product=book.product,
            nodes=nodes,
        )
    return cap


@transaction.atomic
def remove_cap(
    *, cap: Cap, actor: Actor, reason: str = "", label: str = "", nodes: Iterable[UUID] = ()
) -> None:
    """Stop counting and limiting what is spent below a node or key.

    Raises:
        NotFound: somebody has removed it.
    """
    found = Cap.objects.select_for_update().filter(pk=cap.pk).first()
    if found is None:
        raise NotFound("This cap was removed before.")
    # A call that runs may still count in it; a counter that is gone counts nothing.
    found.delete()
    record(
        actor=actor,
        verb=verbs.CAP_REMOVED,
        target=("cap", cap.subject, label or str(cap.subject)),
        before={"credits": format_credits(found.amount), "window": found.window},
        reason=reason,
        product=cap.book.product,
        nodes=nodes,
    )
