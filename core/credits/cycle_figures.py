"""What each cycle of a book was given, what it used, and what became of the rest."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from core.credits.models import Book, Cycle, OverflowStatement, WalletKind
from core.credits.selectors import book_wallet


@dataclass(frozen=True, slots=True)
class CycleFigures:
    """One cycle, in micro-credits. All but the last four leave overflow out.

    granted + carried_in = used + rolled_over + expired + covered + what is still there.
    `carried_in` is less than zero where more was used before than there was. `billed` is what the
    statement says, empty until the cycle is closed.
    """

    number: int
    starts_at: datetime
    ends_at: datetime | None
    state: str
    plan_version: int
    shortfall: int
    granted: int
    carried_in: int
    used: int
    rolled_over: int
    expired: int
    overflow_used: int
    covered: int
    billed: int | None
    statement_id: UUID | None

    @property
    def left(self) -> int:
        """What is still there, held by calls or free."""
        return (
            self.granted
            + self.carried_in
            - self.used
            - self.rolled_over
            - self.expired
            - self.covered
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """How much of a cycle's overflow somebody, or some LLM, has drawn."""

    name: str
    amount: int
    calls: int


def cycles_of(book: Book, *, limit: int = 24, number: int | None = None) -> list[CycleFigures]:
    """Return the latest cycles of a book with their figures, the newest first, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_CYCLES, {"book": book.pk, "limit": limit, "number": number})
        return [CycleFigures(*row) for row in cursor.fetchall()]


def overflow_by_organization(statement: OverflowStatement) -> list[Drawn]:
    """Return which organizations drew the overflow of a statement, most first."""
    return _drawn(statement, _BY_ORGANIZATION)


def overflow_by_llm(statement: OverflowStatement) -> list[Drawn]:
    """Return for which LLMs the overflow of a statement was drawn, most first."""
    return _drawn(statement, _BY_LLM)


def _drawn(statement: OverflowStatement, query: str) -> list[Drawn]:
    cycle: Cycle = statement.cycle
    line = book_wallet(statement.book, WalletKind.OVERFLOW)
    with connection.cursor() as cursor:
        cursor.execute(
            query,
            {
                "product": statement.book.product,
                "cycle": cycle.pk,
                "from": cycle.starts_at,
                "to": cycle.closed_at,
                "line": str(line.pk),
            },
        )
        return [Drawn(*row) for row in cursor.fetchall()]


# Sums over transfers go by the acts that move credits in and out of a book: few, and indexed.
_CYCLES = """
WITH chosen AS (
    SELECT * FROM credits_cycle
    WHERE book_id = %(book)s AND (%(number)s::int IS NULL OR number = %(number)s)
    ORDER BY number DESC LIMIT %(limit)s
), crossing AS (
    SELECT id FROM credits_act
    WHERE book_id = %(book)s
        AND verb IN ('credits.granted', 'credits.taken_back', 'credits.renewed')
), moved AS (
    SELECT t.cycle_id,
        sum(CASE t.kind WHEN 'grant' THEN t.amount WHEN 'take_back' THEN -t.amount ELSE 0 END)
            AS granted,
        sum(CASE WHEN t.kind = 'rollover' AND t.from_wallet_id IS NULL THEN t.amount
            WHEN t.kind = 'adjust' AND t.to_wallet_id IS NULL THEN -t.amount ELSE 0 END)
            AS carried_in,
        sum(CASE WHEN t.kind = 'rollover' AND t.to_wallet_id IS NULL THEN t.amount
            WHEN t.kind = 'adjust' AND t.from_wallet_id IS NULL THEN -t.amount ELSE 0 END)
            AS rolled_over,
        sum(CASE t.kind WHEN 'expire' THEN t.amount ELSE 0 END) AS expired,
        sum(CASE t.kind WHEN 'overflow_settled' THEN t.amount ELSE 0 END) AS covered
    FROM credits_transfer t
    WHERE t.act_id IN (SELECT id FROM crossing) AND t.cycle_id IN (SELECT id FROM chosen)
    GROUP BY t.cycle_id
), spent AS (
    SELECT b.cycle_id, sum(b.used) FILTER (WHERE w.kind <> 'overflow') AS used,
        sum(b.used) FILTER (WHERE w.kind = 'overflow') AS overflow
    FROM credits_balance b JOIN credits_wallet w ON w.id = b.wallet_id
    WHERE b.cycle_id IN (SELECT id FROM chosen)
    GROUP BY b.cycle_id
)
SELECT c.number, c.starts_at, c.ends_at, c.state, c.plan_version, c.shortfall,
    COALESCE(m.granted, 0)::bigint, COALESCE(m.carried_in, 0)::bigint, s.used::bigint,
    COALESCE(m.rolled_over, 0)::bigint, COALESCE(m.expired, 0)::bigint, s.overflow::bigint,
    COALESCE(m.covered, 0)::bigint, o.amount, o.id
FROM chosen c
JOIN spent s ON s.cycle_id = c.id
LEFT JOIN moved m ON m.cycle_id = c.id
LEFT JOIN credits_overflowstatement o ON o.cycle_id = c.id
ORDER BY c.number DESC
"""

_EVENTS = """
FROM credits_usageevent e
CROSS JOIN LATERAL jsonb_array_elements(e.charges) charge
LEFT JOIN credits_label l ON l.subject = e.organization_id
WHERE e.product = %(product)s AND e.created_at BETWEEN %(from)s AND %(to)s
    AND e.cycle_id = %(cycle)s AND charge->>'wallet' = %(line)s
GROUP BY 1 ORDER BY 2 DESC, 1
"""

_SUMS = "sum((charge->>'amount')::bigint)::bigint, count(*)"

_BY_ORGANIZATION = f"SELECT COALESCE(NULLIF(l.text, ''), ''), {_SUMS} {_EVENTS}"

_BY_LLM = f"SELECT e.llm, {_SUMS} {_EVENTS}"
