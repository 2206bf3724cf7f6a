"""The one order of locks, for services: the cycle shared, then balances as the ledger's SQL does.

Deepest first, then by wallet id. Reservations lock along the same order, so neither two services
nor a service and a call can wait for each other.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from core.credits.models import Balance, Book, Cycle

_HOLD = "SELECT * FROM credits_cycle WHERE book_id = %s AND state = 'open' FOR SHARE"


def hold_cycle(book: Book) -> Cycle:
    """Return the open cycle of a book, which cannot end before our transaction does.

    Calls do not take this lock; they look again after they have waited.
    """
    assert connection.in_atomic_block
    # Twice: a renewal that we waited for has just closed the cycle that we saw.
    for _ in range(2):
        found = list(Cycle.objects.raw(_HOLD, [book.pk]))
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
