"""Plans and renewals, at moments that a test names. Amounts are micro-credits."""

from datetime import UTC, datetime
from typing import Any

from django.db import connection

from core.credits.models import Book, Cycle, Plan
from core.credits.services import plans, renewing
from core.credits.services.plans import PlanTerms
from tests.cast import TESTS


def at(text: str) -> datetime:
    """Return a moment in UTC, written as `2026-01-31 23:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def set_plan(book: Book, **terms: Any) -> Plan:
    """Set a plan, monthly if nothing else is said."""
    return plans.set_plan(book=book, terms=PlanTerms(**{"period": "month", **terms}), actor=TESTS)


def begin_at(book: Book, moment: datetime, *, ends_at: datetime | None) -> None:
    """Say that the first cycle and the first plan began at some other moment than now."""
    Cycle.objects.filter(book=book, number=1).update(starts_at=moment, ends_at=ends_at)
    Plan.objects.filter(book=book, version=1).update(effective_from=moment)


def renew(book: Book, as_of: datetime | None = None) -> list[Cycle]:
    """Renew a book as of a moment; by default at the end of its open cycle."""
    if as_of is None:
        as_of = open_cycle(book).ends_at
    return renewing.renew_book(book=book, actor=TESTS, as_of=as_of)


def open_cycle(book: Book) -> Cycle:
    """Return the open cycle."""
    return Cycle.objects.get(book=book, state="open")


def ledger_text(book: Book) -> str:
    """Return all that the ledger holds of a book, as text without ids and times of writing.

    Two ledgers with the same history have the same text.
    """
    with connection.cursor() as cursor:
        lines = []
        for query in _DUMP:
            cursor.execute(query, [book.pk])
            lines += [" ".join(str(value) for value in row) for row in cursor.fetchall()]
    return "\n".join(lines)


# A wallet is known by its place among those of its kind.
_NAMES = """
WITH named AS (
    SELECT id, kind || row_number() OVER (PARTITION BY kind ORDER BY id) AS name
    FROM credits_wallet WHERE book_id = %s
)
"""
_DUMP = (
    _NAMES
    + """
SELECT 'cycle', c.number, c.starts_at, c.ends_at, c.plan_version, c.state, c.shortfall,
    c.rollover_left, c.overflow_limit, c.closed_at IS NOT NULL
FROM credits_cycle c WHERE c.book_id IN (SELECT book_id FROM credits_wallet JOIN named USING (id))
ORDER BY c.number
""",
    _NAMES
    + """
SELECT 'balance', c.number, n.name, b.credited, b.used, b.reserved, b.overrun, b.credit_limit
FROM credits_balance b JOIN named n ON n.id = b.wallet_id JOIN credits_cycle c ON c.id = b.cycle_id
ORDER BY c.number, n.name
""",
    _NAMES
    + """
SELECT 'transfer', c.number, t.kind, f.name, d.name, t.amount, a.verb, a.actor_kind, a.reason
FROM credits_transfer t JOIN credits_cycle c ON c.id = t.cycle_id
JOIN credits_act a ON a.id = t.act_id
LEFT JOIN named f ON f.id = t.from_wallet_id LEFT JOIN named d ON d.id = t.to_wallet_id
WHERE f.id IS NOT NULL OR d.id IS NOT NULL
ORDER BY c.number, t.kind, f.name, d.name, t.amount
""",
    """
SELECT 'act', a.verb, a.actor_kind, a.reason FROM credits_act a WHERE a.book_id = %s
ORDER BY a.verb, a.created_at
""",
    """
SELECT 'event', c.number, e.credits, e.is_late, e.is_unsettled, e.corrects IS NOT NULL
FROM credits_usageevent e JOIN credits_cycle c ON c.id = e.cycle_id WHERE e.book_id = %s
ORDER BY c.number, e.created_at, e.credits
""",
    """
SELECT 'statement', c.number, s.used, s.covered, s.amount, s.credit_limit, s.state
FROM credits_overflowstatement s JOIN credits_cycle c ON c.id = s.cycle_id WHERE s.book_id = %s
ORDER BY c.number
""",
    """
SELECT 'audit', a.verb, a.before, a.after FROM audit_auditentry a
WHERE a.target_kind = 'book' AND a.target_id = %s::text ORDER BY a.verb, a.after::text
""",
)
