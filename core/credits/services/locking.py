"""The one order of locks, for services: the cycle shared, then balances as the ledger's SQL does.

Deepest first, then by wallet id. Reservations lock along the same order, so neither two services
nor a service and a call can wait for each other.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

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
    rows = (
        Balance.objects.filter(cycle=cycle, wallet_id__in=set(wallets))
        .select_related("wallet")
        .order_by("-wallet__depth", "wallet_id")
        .select_for_update(of=("self",))
    )
    return {row.wallet_id: row for row in rows}
