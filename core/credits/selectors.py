"""What pages and APIs read of the ledger. Amounts are micro-credits."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.credits.errors import NoSuchBook
from core.credits.models import (
    AllocationRule,
    Balance,
    Book,
    Cycle,
    CycleState,
    Reservation,
    ReservationState,
    Transfer,
    TransferKind,
    Wallet,
    WalletKind,
)
from core.credits.sums import sums_of


@dataclass(frozen=True, slots=True)
class Payer:
    """One wallet that calls may draw on; `via` is own, leftover, inherits, spill or overflow.

    `free` may be negative: then the wallet pays nothing until that is covered.
    """

    wallet_id: UUID
    kind: str
    via: str
    free: int


@dataclass(frozen=True, slots=True)
class BookFigures:
    """Where the credits of a book's open cycle are.

    `granted` is what came in, less what was taken back. It is all in `unallocated`, `pool`, `nodes`
    (what organizations, teams and memberships have free), `reserved` and `used`. Overflow stands
    beside: `overflow_used` was drawn on the credit line `overflow_limit`.
    """

    granted: int
    unallocated: int
    pool: int
    nodes: int
    reserved: int
    used: int
    overflow_limit: int
    overflow_used: int

    @property
    def left(self) -> int:
        """What is neither used nor held; the credit line left out."""
        return self.unallocated + self.pool + self.nodes


@dataclass(frozen=True, slots=True)
class OpenCalls:
    """How many calls run, and what they hold together, from whatever wallets."""

    calls: int
    held: int


@dataclass(frozen=True, slots=True)
class LedgerHealth:
    """What an operator watches.

    Holds that are open, and those past their time; calls charged by a guess and never settled;
    books whose renewal is overdue, and since how many seconds the longest; cycles that wait for
    their last call; open cycles that began with less than their allocation rules ask for.
    """

    open_reservations: int
    expired_reservations: int
    unsettled_events: int
    overdue_books: int = 0
    overdue_seconds: int = 0
    closing_cycles: int = 0
    short_cycles: int = 0


def book_of(product: str) -> Book:
    """Return the book of a product.

    Raises:
        NoSuchBook: the account has none.
    """
    book = Book.objects.filter(product=product).first()
    if book is None:
        raise NoSuchBook(product=product)
    return book


def open_cycle_of(book: Book) -> Cycle:
    """Return the cycle that calls are charged to."""
    return Cycle.objects.get(book=book, state=CycleState.OPEN)


def book_wallet(book: Book, kind: WalletKind) -> Wallet:
    """Return unallocated, pool or overflow of a book."""
    return Wallet.objects.get(book=book, kind=kind, depth=0)


def balance_of(wallet: Wallet) -> Balance:
    """Return what a wallet has in the open cycle."""
    return Balance.objects.get(
        wallet=wallet, cycle__book_id=wallet.book_id, cycle__state=CycleState.OPEN
    )


def balances_of(wallets: Iterable[UUID]) -> dict[UUID, Balance]:
    """Return what each of these wallets has in the open cycle of its book, in one query."""
    rows = Balance.objects.filter(wallet_id__in=set(wallets), cycle__state=CycleState.OPEN)
    return {row.wallet_id: row for row in rows}


def balances_in(cycle: Cycle, wallets: Iterable[UUID]) -> dict[UUID, Balance]:
    """Return what each of these wallets has or had in a cycle, in one query."""
    rows = Balance.objects.filter(wallet_id__in=set(wallets), cycle=cycle)
    return {row.wallet_id: row for row in rows}


def allocations_of(wallets: Iterable[UUID]) -> dict[UUID, int]:
    """Return the own allocation of those of these wallets that have one, in one query."""
    rules = AllocationRule.objects.filter(wallet__in=set(wallets))
    return dict(rules.values_list("wallet_id", "amount"))


def open_calls_of(wallets: Iterable[UUID] | QuerySet[Any]) -> OpenCalls:
    """Return how many calls of these wallets run at the moment, and what they hold together."""
    rows = Reservation.objects.filter(wallet_id__in=wallets, state=ReservationState.OPEN)
    sums = rows.aggregate(calls=Count("pk"), held=Coalesce(Sum("amount"), 0))
    return OpenCalls(calls=sums["calls"], held=int(sums["held"]))


def payers_of(wallet_id: UUID) -> list[Payer]:
    """Return who pays for calls of a wallet, in order, by the function that enforces it."""
    with connection.cursor() as cursor:
        cursor.execute(_PAYERS, [wallet_id])
        return [Payer(*row) for row in cursor.fetchall()]


def spendable(wallet_id: UUID) -> int:
    """Return how much a wallet's calls can spend now, from all wallets together."""
    return sum(max(payer.free, 0) for payer in payers_of(wallet_id))


def figures_of(book: Book, cycle: Cycle | None = None) -> BookFigures:
    """Return where the credits of a cycle of a book are; of the open one, if none is named."""
    cycle = cycle or open_cycle_of(book)
    found = sums_of(cycle)
    outside = found.unallocated.free + found.pool.free + found.overflow.free
    return BookFigures(
        granted=granted_in(cycle),
        unallocated=found.unallocated.free,
        pool=found.pool.free,
        nodes=found.everything.free - outside,
        reserved=found.everything.reserved,
        used=found.everything.used - found.overflow.used,
        overflow_limit=found.overflow_limit,
        overflow_used=found.overflow.used,
    )


def health() -> LedgerHealth:
    """Return what an operator looks at first, for the current account."""
    with connection.cursor() as cursor:
        cursor.execute(_HEALTH)
        return LedgerHealth(*cursor.fetchone())


def granted_in(cycle: Cycle) -> int:
    """Return what came into a cycle: granted, less what was taken back, and carried over into it.

    What left it again when it ended, by rollover or expiry, does not count.
    """
    rows = Transfer.objects.filter(cycle=cycle, kind__in=_COMING_IN)
    came = rows.filter(from_wallet=None).aggregate(total=Sum("amount"))["total"] or 0
    back = rows.filter(to_wallet=None, kind__in=(TransferKind.TAKE_BACK, TransferKind.ADJUST))
    return int(came) - int(back.aggregate(total=Sum("amount"))["total"] or 0)


_COMING_IN = (
    TransferKind.GRANT,
    TransferKind.TAKE_BACK,
    TransferKind.ROLLOVER,
    TransferKind.ADJUST,
)


def products_to_renew() -> list[str]:
    """Return the products whose open cycle is over, or that have a cycle to close.

    By the database's clock, as renewal itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TO_RENEW)
        return [row[0] for row in cursor.fetchall()]


_PAYERS = """
SELECT p.wallet_id, p.kind, p.via, b.credited + b.credit_limit - b.used - b.reserved
FROM ledger_payers() p
JOIN credits_wallet w ON w.id = p.wallet_id
JOIN credits_cycle c ON c.book_id = w.book_id AND c.state = 'open'
JOIN credits_balance b ON b.wallet_id = p.wallet_id AND b.cycle_id = c.id
WHERE p.acting_id = %s ORDER BY p.place
"""

_HEALTH = """
SELECT
    (SELECT count(*) FROM credits_reservation WHERE state = 'open'),
    (SELECT count(*) FROM credits_reservation
        WHERE state = 'open' AND expires_at <= clock_timestamp()),
    (SELECT count(*) FROM credits_usageevent guess
        WHERE guess.is_unsettled AND NOT EXISTS (
            SELECT FROM credits_usageevent e WHERE e.corrects = guess.id)),
    (SELECT count(*) FROM credits_cycle WHERE state = 'open' AND ends_at <= clock_timestamp()),
    (SELECT COALESCE(extract(epoch FROM clock_timestamp() - min(ends_at))::bigint, 0)
        FROM credits_cycle WHERE state = 'open' AND ends_at <= clock_timestamp()),
    (SELECT count(*) FROM credits_cycle WHERE state = 'closing'),
    (SELECT count(*) FROM credits_cycle WHERE state = 'open' AND shortfall > 0)
"""

_TO_RENEW = """
SELECT DISTINCT b.product FROM credits_book b JOIN credits_cycle c ON c.book_id = b.id
WHERE c.state = 'closing' OR c.state = 'open' AND c.ends_at <= clock_timestamp()
ORDER BY b.product
"""
