"""Overflow statements for the super admin: copies in public, and the way to being paid."""

from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.credits.models import OverflowStatement
from core.credits.services import statements
from core.hierarchy.product import product_named
from core.kit.money import format_credits
from core.kit.problems import InvalidInput, NotFound
from core.tenancy.context import in_account, in_public
from tenants.models import Account, StatementSummary

INVOICED = verbs.register(
    "account.overflow_invoiced",
    "{actor} invoiced {after[amount]} credits of {after[product]} overflow to {target}",
    icon="receipt",
)
SETTLED = verbs.register(
    "account.overflow_settled",
    "{actor} settled {after[amount]} credits of {after[product]} overflow of {target}",
    icon="task_alt",
)


def push_statements(*, account: Account) -> int:
    """Copy an account's statements to the public schema; return how many. Again changes nothing."""
    with in_account(account):
        found = list(OverflowStatement.objects.select_related("book", "cycle").order_by("pk"))
        rows = [_summary(account, statement) for statement in found]
    with in_public():
        StatementSummary.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=("id",),
            update_fields=("state", "reference", "invoiced_at", "settled_at"),
        )
    return len(rows)


def invoice_statement(
    *, account: Account, statement_id: UUID, reference: str = "", reason: str, actor: Actor
) -> None:
    """Say that a statement has been billed.

    Raises:
        NotFound: the account has no such statement.
        InvalidInput: no reason.
        StatementMoved: it is not open.
    """

    def act(statement: OverflowStatement) -> OverflowStatement:
        return statements.invoice_statement(
            statement=statement, reference=reference, reason=reason.strip(), actor=actor
        )

    _move(act, INVOICED, account=account, statement_id=statement_id, reason=reason, actor=actor)


def settle_statement(*, account: Account, statement_id: UUID, reason: str, actor: Actor) -> None:
    """Say that a billed statement has been paid, or is not asked for any more.

    Raises:
        NotFound: the account has no such statement.
        InvalidInput: no reason.
        StatementMoved: it has not been invoiced, or is settled already.
    """

    def act(statement: OverflowStatement) -> OverflowStatement:
        return statements.settle_statement(statement=statement, reason=reason.strip(), actor=actor)

    _move(act, SETTLED, account=account, statement_id=statement_id, reason=reason, actor=actor)


@transaction.atomic
def _move(
    act: Callable[[OverflowStatement], OverflowStatement],
    verb: str,
    *,
    account: Account,
    statement_id: UUID,
    reason: str,
    actor: Actor,
) -> None:
    if not reason.strip():
        detail = "Say why; the reason stands in both audit logs."
        errors = [{"pointer": "/reason", "code": "required", "detail": detail}]
        raise InvalidInput(detail, errors=errors)
    with in_account(account):
        statement = OverflowStatement.objects.filter(pk=statement_id).first()
        if statement is None:
            raise NotFound("There is no such statement.")
        moved = act(statement)
        product = moved.book.product
    record(
        actor=actor,
        verb=verb,
        target=("account", account.pk, account.name),
        after={
            "product": product_named(product).title,
            "cycle": moved.cycle.number,
            "amount": format_credits(moved.amount),
            "reference": moved.reference,
        },
        reason=reason.strip(),
    )
    push_statements(account=account)


def _summary(account: Account, statement: OverflowStatement) -> StatementSummary:
    cycle = statement.cycle
    assert cycle.ends_at is not None, "Only a cycle that has ended has a statement."
    return StatementSummary(
        id=statement.pk,
        account_id=account.pk,
        product=statement.book.product,
        cycle_number=cycle.number,
        starts_at=cycle.starts_at,
        ends_at=cycle.ends_at,
        used_microcredits=statement.used,
        covered_microcredits=statement.covered,
        amount_microcredits=statement.amount,
        limit_microcredits=statement.limit,
        state=statement.state,
        reference=statement.reference,
        frozen_at=statement.frozen_at,
        invoiced_at=statement.invoiced_at,
        settled_at=statement.settled_at,
    )
