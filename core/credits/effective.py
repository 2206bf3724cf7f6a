"""What wallets can spend, from where, and why: by the function that reservations walk."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from core.credits.models import Book
from core.credits.selectors import open_cycle_of
from core.credits.services.locking import array_of


@dataclass(frozen=True, slots=True)
class Effective:
    """What calls of one wallet can spend now, in micro-credits.

    `payers` are the wallets that pay, in order; `via` says why each of them does (own, leftover,
    inherits, spill, overflow), and `free` what it has, which may be less than nothing.
    """

    wallet_id: UUID
    payers: tuple[UUID, ...]
    via: tuple[str, ...]
    free: tuple[int, ...]
    spendable: int


def effective_of(book: Book, wallets: Iterable[UUID] | None = None) -> list[Effective]:
    """Return what wallets of a book can spend, or all of its memberships, in one query."""
    given: dict[str, Any] = {"cycle": open_cycle_of(book).pk, "book": book.pk}
    query = EFFECTIVE
    if wallets is not None:
        query, given["ids"] = EFFECTIVE_OF_SOME, array_of(wallets)
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return [
            Effective(wallet, tuple(payers), tuple(via), tuple(free), int(spendable))
            for wallet, payers, via, free, spendable in cursor.fetchall()
        ]


# Wallets of one kind under one parent that all have a rule, or all have none, differ in nothing
# that `ledger_payers()` looks at: each begins with itself, and the rest are the same. So it is
# asked for one of each such group, and a hundred thousand memberships need few answers.
_SHAPE = """
WITH acting AS MATERIALIZED (
    SELECT w.id, w.depth, COALESCE(w.parent_id, w.book_id) AS above,
        r.wallet_id IS NOT NULL AS has_rule,
        b.credited + b.credit_limit - b.used - b.reserved AS free
    FROM credits_wallet w
    JOIN credits_balance b ON b.wallet_id = w.id AND b.cycle_id = %(cycle)s
    LEFT JOIN credits_allocationrule r ON r.wallet_id = w.id
    WHERE w.book_id = %(book)s AND {which}
), example AS MATERIALIZED (
    SELECT DISTINCT ON (above, depth, has_rule) id, above, depth, has_rule FROM acting
), paths AS MATERIALIZED (
    SELECT e.above, e.depth, e.has_rule,
        array_agg(p.wallet_id ORDER BY p.place) FILTER (WHERE p.wallet_id <> e.id) AS payers,
        array_agg(p.via ORDER BY p.place) AS via,
        array_agg(b.credited + b.credit_limit - b.used - b.reserved ORDER BY p.place)
            FILTER (WHERE p.wallet_id <> e.id) AS free,
        sum(GREATEST(b.credited + b.credit_limit - b.used - b.reserved, 0))
            FILTER (WHERE p.wallet_id <> e.id)::bigint AS rest
    FROM example e
    -- OFFSET 0: by index for each of them, not for all wallets at once.
    CROSS JOIN LATERAL (SELECT * FROM ledger_payers() WHERE acting_id = e.id OFFSET 0) p
    JOIN credits_balance b ON b.wallet_id = p.wallet_id AND b.cycle_id = %(cycle)s
    GROUP BY e.above, e.depth, e.has_rule
)
SELECT a.id, a.id || p.payers AS payers, p.via, a.free || p.free AS free,
    GREATEST(a.free, 0) + p.rest AS spendable
FROM acting a
JOIN paths p ON p.above = a.above AND p.depth = a.depth AND p.has_rule = a.has_rule
"""

EFFECTIVE = _SHAPE.format(which="w.kind = 'membership'")
EFFECTIVE_OF_SOME = _SHAPE.format(which="w.id IN (SELECT unnest(%(ids)s::uuid[]))")
