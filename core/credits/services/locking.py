"""The one order of locks, for services: the cycle shared, then balances as the ledger's SQL does.

Deepest first, then by wallet id. Reservations lock along the same order, so neither two services
nor a service and a call can wait for each other.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from core.credits.models import Balance, Book, Cycle

_HOLD = "SELECT * FROM credits_cycle WHERE book_id = %s AND state = 'open' FOR SHARE"
_KEEP = "SELECT * FROM credits_cycle WHERE book_id = %s AND state = 'open' FOR NO KEY UPDATE"


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


def lock_balances(cycle: Cycle, wallets: Iterable[UUID]) -> dict[UUID, Balance]:
    """Lock the balances of wallets in a cycle until our transaction ends."""
    rows = _balances(cycle, wallets).order_by("-wallet__depth", "wallet_id")
    return {row.wallet_id: row for row in rows.select_for_update(of=("self",))}


def read_balances(cycle: Cycle, wallets: Iterable[UUID]) -> dict[UUID, Balance]:
    """Return the balances of wallets in a cycle as they are, for a preview."""
    return {row.wallet_id: row for row in _balances(cycle, wallets)}


def _balances(cycle: Cycle, wallets: Iterable[UUID]) -> QuerySet[Balance]:
    rows = Balance.objects.filter(cycle=cycle, wallet_id__in=among(wallets))
    return rows.select_related("wallet")


def hold_splits(book: Book) -> None:
    """Let one act at a time change who shares in the splits of a book, until our transaction ends.

    Comes between the cycle and the balances. Calls never take it, and an act on a single wallet
    does not: those who change a split lock all its balances and look at the rules after that.
    """
    Book.objects.select_for_update(no_key=True).get(pk=book.pk)


def among(wallets: Iterable[UUID]) -> RawSQL:
    """Return ids for a `..__in` of a query that stays short with ten thousand of them."""
    return RawSQL("SELECT unnest(%s::uuid[])", [list(set(wallets))])
