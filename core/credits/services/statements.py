"""Taking a statement further: open, invoiced, settled. Its figures never change."""

from django.db import transaction
from django.db.models.functions import Now

from core.audit.services import Actor, record
from core.credits import verbs
from core.credits.errors import StatementMoved
from core.credits.models import OverflowStatement, StatementState
from core.kit.money import format_credits


@transaction.atomic
def invoice_statement(
    *, statement: OverflowStatement, reference: str = "", reason: str, actor: Actor
) -> OverflowStatement:
    """Say that a statement has been billed; `reference` is the invoice's number.

    Raises:
        StatementMoved: it is not open.
    """
    found = _locked(statement, StatementState.OPEN)
    found.state = StatementState.INVOICED
    found.reference = reference.strip()[:120]
    return _moved(found, "invoiced_at", verbs.STATEMENT_INVOICED, reason=reason, actor=actor)


@transaction.atomic
def settle_statement(
    *, statement: OverflowStatement, reason: str, actor: Actor
) -> OverflowStatement:
    """Say that a billed statement has been paid, or that nobody will ask for it.

    Raises:
        StatementMoved: it has not been invoiced, or is settled already.
    """
    found = _locked(statement, StatementState.INVOICED)
    found.state = StatementState.SETTLED
    return _moved(found, "settled_at", verbs.STATEMENT_SETTLED, reason=reason, actor=actor)


def _locked(statement: OverflowStatement, wanted: StatementState) -> OverflowStatement:
    rows = OverflowStatement.objects.select_for_update(of=("self",))
    found = rows.select_related("cycle", "book").get(pk=statement.pk)
    if found.state != wanted:
        raise StatementMoved(
            f"This statement is {found.get_state_display().lower()}, not {wanted.label.lower()}."
        )
    return found


def _moved(
    found: OverflowStatement, moment: str, verb: str, *, reason: str, actor: Actor
) -> OverflowStatement:
    setattr(found, moment, Now())
    found.save(update_fields=("state", "reference", moment))
    found.refresh_from_db()
    record(
        actor=actor,
        verb=verb,
        target=("book", found.book_id, found.book.product),
        after={
            "cycle": found.cycle.number,
            "amount": format_credits(found.amount),
            "state": found.state,
            "reference": found.reference,
        },
        reason=reason,
        product=found.book.product,
    )
    return found
