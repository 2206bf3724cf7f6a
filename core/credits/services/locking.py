"""The one order of locks, for services: the cycle shared, then balances as the ledger's SQL does.

Deepest first, then by wallet id. Reservations lock along the same order, so neither two services
nor a service and a call can wait for each other.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models.expressions import RawSQL

from core.credits.models import Book, Cycle

_HOLD = "SELECT * FROM credits_cycle WHERE book_id = %s AND state = 'open' FOR SHARE"
_KEEP = "SELECT * FROM credits_cycle WHERE book_id = %s AND state = 'open' FOR NO KEY UPDATE"


class BalanceRow(NamedTuple):
    """A balance by its values: a split reads ten thousand, and as many models would be slow."""

    wallet_id: UUID
    kind: str
    credited: int
    limit: int
    used: int
    reserved: int

    @property
    def free(self) -> int:
        """As `Balance.free`."""
        return self.credited + self.limit - self.used - self.reserved


def hold_cycle(book: Book) -> Cycle:
    """Return the open cycle of a book, which cannot end before our transaction does.

    Calls do not take this lock; they look again after they have waited.
    """
    return _locked(book, _HOLD)


def keep_cycle(book: Book) -> Cycle:
    """Return the open cycle of a book, for us alone among services: its end is about to change."""
    return _locked(book, _KEEP)


def _locked(book: Book, query: str) -> Cycle:
    assert connection.in_atomic_block
    # Again where a renewal that we waited for has just ended the cycle that we saw; it may be
    # making up for several.
    for _ in range(100):
        found = list(Cycle.objects.raw(query, [book.pk]))
        if found:
            return found[0]
    raise Cycle.DoesNotExist(f"The book {book.pk} has no open cycle.")


def lock_balances(cycle: Cycle, wallets: Iterable[UUID]) -> dict[UUID, BalanceRow]:
    """Lock the balances of wallets in a cycle until our transaction ends."""
    assert connection.in_atomic_block
    return _balances(_READ + _IN_ORDER, cycle, wallets)


def read_balances(cycle: Cycle, wallets: Iterable[UUID]) -> dict[UUID, BalanceRow]:
    """Return the balances of wallets in a cycle as they are, for a preview."""
    return _balances(_READ, cycle, wallets)


def _balances(query: str, cycle: Cycle, wallets: Iterable[UUID]) -> dict[UUID, BalanceRow]:
    with connection.cursor() as cursor:
        cursor.execute(query, [cycle.pk, array_of(set(wallets))])
        return {row[0]: BalanceRow._make(row) for row in cursor.fetchall()}


def hold_splits(book: Book) -> None:
    """Let one act at a time change who shares in the splits of a book, until our transaction ends.

    Comes between the cycle and the balances. Calls never take it, and an act on a single wallet
    does not: those who change a split lock all its balances and look at the rules after that.
    """
    Book.objects.select_for_update(no_key=True).get(pk=book.pk)


def among(wallets: Iterable[UUID]) -> RawSQL:
    """Return ids for a `..__in` of a query that stays short with ten thousand of them."""
    return RawSQL("SELECT unnest(%s::uuid[])", [array_of(set(wallets))])


def array_of(ids: Iterable[UUID | None]) -> str:
    """Return ids as Postgres writes an array. The driver takes ten times as long over a list."""
    return "{" + ",".join(["NULL" if pk is None else pk.hex for pk in ids]) + "}"


_READ = """
SELECT b.wallet_id, w.kind, b.credited, b.credit_limit, b.used, b.reserved
FROM credits_balance b JOIN credits_wallet w ON w.id = b.wallet_id
WHERE b.cycle_id = %s AND b.wallet_id IN (SELECT unnest(%s::uuid[]))
"""
_IN_ORDER = "ORDER BY w.depth DESC, b.wallet_id FOR UPDATE OF b"
