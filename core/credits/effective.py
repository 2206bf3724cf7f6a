"""What wallets can spend, from where, and why: by the function that reservations walk."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from core.credits.models import Book
from core.credits.selectors import open_cycle_of


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
    ids = None if wallets is None else list(wallets)
    with connection.cursor() as cursor:
        cursor.execute(
            EFFECTIVE if ids is None else EFFECTIVE_OF_SOME,
            {"cycle": open_cycle_of(book).pk, "book": book.pk, "ids": ids},
        )
        return [
            Effective(wallet, tuple(payers), tuple(via), tuple(free), int(spendable))
            for wallet, payers, via, free, spendable in cursor.fetchall()
        ]


_SHAPE = """
SELECT p.acting_id,
    array_agg(p.wallet_id ORDER BY p.place),
    array_agg(p.via ORDER BY p.place),
    array_agg(b.credited + b.credit_limit - b.used - b.reserved ORDER BY p.place),
    sum(GREATEST(b.credited + b.credit_limit - b.used - b.reserved, 0))::bigint
FROM ledger_payers() p
JOIN credits_balance b ON b.wallet_id = p.wallet_id AND b.cycle_id = %(cycle)s
JOIN credits_wallet a ON a.id = p.acting_id
WHERE {which}
GROUP BY p.acting_id
"""

EFFECTIVE = _SHAPE.format(which="a.book_id = %(book)s AND a.kind = 'membership'")
EFFECTIVE_OF_SOME = _SHAPE.format(which="a.book_id = %(book)s AND a.id = ANY(%(ids)s::uuid[])")
