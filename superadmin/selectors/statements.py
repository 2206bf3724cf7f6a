"""Overflow statements: the copies of all accounts, and one in full from its own ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from core.credits.cycle_figures import (
    CycleFigures,
    Drawn,
    cycles_of,
    overflow_by_llm,
    overflow_by_organization,
)
from core.credits.models import OverflowStatement
from core.kit.problems import NotFound
from core.tenancy.context import in_account
from tenants.models import StatementState, StatementSummary


@dataclass(frozen=True, slots=True)
class FullStatement:
    """A statement, the cycle that it is about, and who drew the overflow."""

    summary: StatementSummary
    cycle: CycleFigures
    by_organization: Sequence[Drawn]
    by_llm: Sequence[Drawn]


def summary_with(statement_id: UUID) -> StatementSummary:
    """Return the copy of a statement.

    Raises:
        NotFound: there is none.
    """
    found = StatementSummary.objects.select_related("account").filter(pk=statement_id).first()
    if found is None:
        raise NotFound("There is no such statement.")
    return found


def full_statement(statement_id: UUID) -> FullStatement:
    """Return a statement with what its account's ledger says about it.

    Raises:
        NotFound: there is none.
    """
    summary = summary_with(statement_id)
    with in_account(summary.account):
        statement = OverflowStatement.objects.select_related("book", "cycle").get(pk=summary.pk)
        (cycle,) = cycles_of(statement.book, number=statement.cycle.number)
        return FullStatement(
            summary,
            cycle,
            overflow_by_organization(statement),
            overflow_by_llm(statement),
        )


def summaries(
    *, state: str = "", product: str = "", account: str = ""
) -> QuerySet[StatementSummary]:
    """Return statements of all accounts, those of nothing to bill included."""
    named = {"state": state, "product": product, "account__slug": account}
    rows = StatementSummary.objects.select_related("account").order_by()
    return rows.filter(**{name: value for name, value in named.items() if value})


def every_summary(*, state: str, product: str, search: str) -> QuerySet[StatementSummary]:
    """Return what the list shows with these filters, in the same order."""
    rows = StatementSummary.objects.select_related("account").order_by("-frozen_at", "pk")
    if state in StatementState.values:
        rows = rows.filter(state=state)
    elif state != "all":
        rows = rows.exclude(amount_microcredits=0)
    if product in {"copilot", "console"}:
        rows = rows.filter(product=product)
    for word in search[:200].split():
        rows = rows.filter(
            Q(account__name__icontains=word)
            | Q(account__slug__icontains=word)
            | Q(reference__icontains=word)
        )
    return rows
