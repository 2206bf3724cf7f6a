"""Opening a book, adding wallets, and the settings of a book."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now

from core.audit.services import Actor, record
from core.credits import rules, verbs
from core.credits.errors import InvalidAmount
from core.credits.models import Balance, Book, Cycle, Wallet, WalletKind
from core.credits.services.locking import hold_cycle, lock_balances
from core.kit.ids import uuid7
from core.kit.money import MAX_MICROCREDITS, format_credits


@transaction.atomic
def open_book(*, product: str, actor: Actor, time_zone: str = "UTC") -> Book:
    """Open the ledger of a product: its first cycle, and unallocated, pool and overflow, all empty.

    The first cycle has no end; the first plan gives it one.
    """
    book = Book.objects.create(product=product, time_zone=time_zone)
    cycle = Cycle.objects.create(book=book, number=1, starts_at=Now())
    # Calls lock the pool before overflow, since they draw on it first, and everybody locks by id.
    ids = sorted(uuid7() for _ in range(3))
    kinds = (WalletKind.UNALLOCATED, WalletKind.POOL, WalletKind.OVERFLOW)
    wallets = [
        Wallet(id=id_, book=book, kind=kind, depth=0) for id_, kind in zip(ids, kinds, strict=True)
    ]
    Wallet.objects.bulk_create(wallets)
    Balance.objects.bulk_create(Balance(wallet=wallet, cycle=cycle) for wallet in wallets)
    record(
        actor=actor,
        verb=verbs.BOOK_OPENED,
        target=("book", book.pk, product),
        after={"time_zone": time_zone},
        product=product,
    )
    return book


@transaction.atomic
def create_wallet(*, book: Book, kind: str, parent: Wallet | None) -> Wallet:
    """Give a node a wallet, empty and without an allocation rule, in the current cycle.

    Part of the caller's act: it writes no audit entry of its own.
    """
    depth = rules.depth_of(kind, parent.kind if parent else None)
    assert depth is not None, f"no {kind} below {parent}"
    assert parent is None or parent.book_id == book.pk
    # Held, so that a renewal at the same moment does not miss the new wallet.
    cycle = hold_cycle(book)
    wallet = Wallet.objects.create(book=book, kind=kind, parent=parent, depth=depth)
    Balance.objects.create(wallet=wallet, cycle=cycle)
    return wallet


@transaction.atomic
def create_wallets(*, book: Book, kind: str, parents: Sequence[Wallet | None]) -> list[Wallet]:
    """Give many nodes of one kind their wallets at once, in the order of `parents`."""
    cycle = hold_cycle(book)
    wallets = []
    for parent in parents:
        depth = rules.depth_of(kind, parent.kind if parent else None)
        assert depth is not None, f"no {kind} below {parent}"
        assert parent is None or parent.book_id == book.pk
        wallets.append(Wallet(book=book, kind=kind, parent=parent, depth=depth))
    Wallet.objects.bulk_create(wallets)
    Balance.objects.bulk_create(Balance(wallet=wallet, cycle=cycle) for wallet in wallets)
    return wallets


@transaction.atomic
def set_overflow_limit(*, book: Book, limit: int, actor: Actor, reason: str = "") -> None:
    """Set the credit line, in micro-credits, of the open cycle and of those to come.

    A limit below what is drawn already admits nothing more; what is drawn stays.

    Raises:
        InvalidAmount: it is negative or out of range.
    """
    if not 0 <= limit <= MAX_MICROCREDITS:
        raise InvalidAmount("An overflow limit is zero or more credits.")
    cycle = hold_cycle(book)
    wallet = Wallet.objects.get(book=book, kind=WalletKind.OVERFLOW)
    balance = lock_balances(cycle, [wallet.pk])[wallet.pk]
    before = balance.limit
    overrun = rules.uncovered(
        credited=balance.credited, limit=limit, used=balance.used, reserved=balance.reserved
    )
    Balance.objects.filter(wallet=wallet, cycle=cycle).update(limit=limit, overrun=overrun)
    Book.objects.filter(pk=book.pk).update(overflow_limit=limit)
    book.overflow_limit = limit
    record(
        actor=actor,
        verb=verbs.OVERFLOW_SET,
        target=("book", book.pk, book.product),
        before={"credits": format_credits(before)},
        after={"credits": format_credits(limit)},
        reason=reason,
        product=book.product,
    )


@transaction.atomic
def set_spill(
    *,
    book: Book,
    team: bool | None = None,
    organization: bool | None = None,
    pool: bool | None = None,
    actor: Actor,
    reason: str = "",
) -> None:
    """Say where calls may go on once the wallet that they live on is empty. Counts at once.

    None leaves a switch as it is.
    """
    before = _spill_of(Book.objects.select_for_update(no_key=True).get(pk=book.pk))
    asked = {"team": team, "organization": organization, "pool": pool}
    after = before | {name: is_on for name, is_on in asked.items() if is_on is not None}
    book.spill_team, book.spill_organization = after["team"], after["organization"]
    book.spill_pool = after["pool"]
    book.save(update_fields=("spill_team", "spill_organization", "spill_pool"))
    record(
        actor=actor,
        verb=verbs.SPILL_SET,
        target=("book", book.pk, book.product),
        before=before,
        after=_spill_of(book),
        reason=reason,
        product=book.product,
    )


def _spill_of(book: Book) -> dict[str, bool]:
    return {
        "team": book.spill_team,
        "organization": book.spill_organization,
        "pool": book.spill_pool,
    }
