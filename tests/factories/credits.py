"""A book with one branch of wallets, and calls on it. All amounts are micro-credits.

The factor is 1, so a call that costs 30 micro-dollars is charged 30 micro-credits.

Steps go to the ledger one by one, or inside `in_batches()` as batches of one: every test of a step
may ask for either.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from core.credits import charging
from core.credits.batching import DispatchRequest, ReleaseRequest
from core.credits.messages import (
    CallContext,
    ReserveAnswer,
    ReserveRequest,
    SettleAnswer,
    SettleRequest,
)
from core.credits.models import Act, Balance, Book, Cap, Wallet, WalletKind
from core.credits.selectors import balance_of, book_wallet
from core.credits.services import allocating, books, splitting, undoing
from core.credits.services.splitting import How, SplitWish
from core.kit.ids import uuid7
from tests.cast import TESTS

PRODUCT = "testing"


@dataclass(frozen=True)
class Branch:
    """A book and one wallet of each kind: a membership in a team in an organization."""

    book: Book
    unallocated: Wallet
    pool: Wallet
    overflow: Wallet
    organization: Wallet
    team: Wallet
    membership: Wallet


def open_branch(
    product: str = PRODUCT,
    *,
    grant: int = 0,
    spill_team: bool = False,
    spill_organization: bool = False,
    spill_pool: bool = False,
) -> Branch:
    """Open a book with a branch; `grant` micro-credits are unallocated."""
    book = books.open_book(product=product, actor=TESTS)
    books.set_spill(
        book=book, team=spill_team, organization=spill_organization, pool=spill_pool, actor=TESTS
    )
    if grant:
        allocating.grant_credits(book=book, amount=grant, actor=TESTS, idempotency_key=a_key())
    organization = books.create_wallet(book=book, kind=WalletKind.ORGANIZATION, parent=None)
    team = books.create_wallet(book=book, kind=WalletKind.TEAM, parent=organization)
    return Branch(
        book=book,
        unallocated=book_wallet(book, WalletKind.UNALLOCATED),
        pool=book_wallet(book, WalletKind.POOL),
        overflow=book_wallet(book, WalletKind.OVERFLOW),
        organization=organization,
        team=team,
        membership=books.create_wallet(book=book, kind=WalletKind.MEMBERSHIP, parent=team),
    )


def allocate(wallet: Wallet, amount: int, key: str = "") -> Act:
    """Set a wallet's allocation, for reasons that do not matter."""
    return allocating.allocate_credits(
        wallet=wallet, amount=amount, actor=TESTS, idempotency_key=key or a_key()
    )


def top_up(wallet: Wallet, amount: int, key: str = "") -> Act:
    """Give a wallet credits once."""
    return allocating.top_up_credits(
        wallet=wallet, amount=amount, actor=TESTS, idempotency_key=key or a_key()
    )


def reclaim(wallet: Wallet, amount: int, key: str = "") -> Act:
    """Take a wallet's free credits back up."""
    return allocating.reclaim_credits(
        wallet=wallet, amount=amount, actor=TESTS, idempotency_key=key or a_key()
    )


def split(source: Wallet, wallets: Iterable[Wallet], total: int, **given: Any) -> Act:
    """Divide credits equally; `level`, `keeps_overrides` and `key` if given."""
    key = given.pop("key", "") or a_key()
    wish = SplitWish(
        source=source, wallets=frozenset(one.pk for one in wallets), total=total, **given
    )
    return splitting.split_credits(wish=wish, actor=TESTS, idempotency_key=key)


def override(wallet: Wallet, amount: int, how: How, key: str = "") -> Act:
    """Give one wallet of a split an amount of its own."""
    return splitting.override_share(
        wallet=wallet, amount=amount, how=how, actor=TESTS, idempotency_key=key or a_key()
    )


def undo(act: Act, key: str = "") -> Act:
    """Take an act back."""
    return undoing.undo_act(act=act, actor=TESTS, idempotency_key=key or a_key())


def seats(parent: Wallet, count: int) -> list[Wallet]:
    """Add memberships below a wallet; in the order of their ids."""
    found = [
        books.create_wallet(book=parent.book, kind=WalletKind.MEMBERSHIP, parent=parent)
        for _ in range(count)
    ]
    return sorted(found, key=lambda wallet: wallet.pk)


def set_overflow(book: Book, limit: int) -> None:
    """Set a book's credit line."""
    books.set_overflow_limit(book=book, limit=limit, actor=TESTS)


def cap(book: Book, subject: UUID, amount: int, window: str = "day") -> Cap:
    """Cap the spending below a node or key."""
    return Cap.objects.create(book=book, subject=subject, amount=amount, window=window)


def reserve_request(wallet: Wallet, amount: int, **fields: Any) -> ReserveRequest:
    """Return a request to hold credits of a call by `wallet`."""
    context = fields.pop("context", None) or call_context()
    given = {
        "request_id": uuid7(),
        "factor": Decimal(1),
        "factor_version": 1,
        "price_version": "1",
        "fingerprint": "print",
        "ttl_seconds": 600,
        **fields,
    }
    return ReserveRequest(wallet_id=wallet.pk, amount=amount, context=context, **given)


def call_context(**fields: Any) -> CallContext:
    """Return the circumstances of some call."""
    return CallContext(**{"product": PRODUCT, "llm": "gpt-5", "kind": "chat", **fields})


class Steps:
    """The ledger's steps, one by one."""

    def reserve(self, request: ReserveRequest) -> ReserveAnswer:
        return charging.reserve(request)

    def settle(self, request: SettleRequest) -> SettleAnswer:
        return charging.settle(request)

    def release(self, request_id: UUID) -> bool:
        return charging.release(request_id)

    def dispatch(self, request_id: UUID) -> bool:
        return charging.dispatch(request_id)


class BatchedSteps(Steps):
    """The same steps, each as a batch of its own."""

    def reserve(self, request: ReserveRequest) -> ReserveAnswer:
        return cast("ReserveAnswer", charging.batch(calls=[request])[0])

    def settle(self, request: SettleRequest) -> SettleAnswer:
        return cast("SettleAnswer", charging.batch(ends=[request])[0])

    def release(self, request_id: UUID) -> bool:
        return cast("bool", charging.batch(ends=[ReleaseRequest(request_id)])[0])

    def dispatch(self, request_id: UUID) -> bool:
        return cast("bool", charging.batch(ends=[DispatchRequest(request_id)])[0])


_ways: list[Steps] = [Steps()]


def steps() -> Steps:
    """Return how steps go to the ledger now."""
    return _ways[-1]


@contextmanager
def in_batches() -> Iterator[None]:
    """Make every step inside as a batch."""
    _ways.append(BatchedSteps())
    try:
        yield
    finally:
        _ways.pop()


def reserve(wallet: Wallet, amount: int, **fields: Any) -> ReserveAnswer:
    """Try to hold credits."""
    return steps().reserve(reserve_request(wallet, amount, **fields))


def hold(wallet: Wallet, amount: int, **fields: Any) -> UUID:
    """Hold credits, which must work; return the request's id."""
    request = reserve_request(wallet, amount, **{"dispatch": True, **fields})
    answer = steps().reserve(request)
    assert answer.outcome == "reserved", answer
    return request.request_id


def settle(request_id: UUID, charge: int, **fields: Any) -> SettleAnswer:
    """Settle a call at `charge` micro-credits."""
    given = {"cost_usd": Decimal(charge).scaleb(-6), "outcome": "ok", **fields}
    return steps().settle(SettleRequest(request_id=request_id, **given))


def spend(wallet: Wallet, amount: int, **fields: Any) -> UUID:
    """Make a call that costs exactly what was held."""
    request_id = hold(wallet, amount, **fields)
    assert settle(request_id, amount).outcome == "settled"
    return request_id


def figures(wallet: Wallet) -> tuple[int, int, int]:
    """Return what is credited to, used from and reserved in a wallet, in the open cycle."""
    balance = balance_of(wallet)
    return balance.credited, balance.used, balance.reserved


def free_in(wallet: Wallet) -> int:
    """Return what is free in a wallet."""
    return balance_of(wallet).free


def balance(wallet: Wallet) -> Balance:
    """Return a wallet's balance in the open cycle."""
    return balance_of(wallet)


def a_key() -> str:
    """Return an idempotency key that nobody has used."""
    return str(uuid7())


def fill(
    branch: Branch,
    *,
    membership: int = 0,
    team: int = 0,
    organization: int = 0,
    pool: int | None = None,
    overflow: int = 0,
) -> None:
    """Give every wallet that is named an own allocation, and this much of it to itself."""
    allocate(branch.organization, 900)
    allocate(branch.team, 500)
    allocate(branch.membership, membership)
    leave(branch.team, team)
    leave(branch.organization, organization)
    if pool is not None:
        allocating.allocate_to_pool(
            book=branch.book, amount=pool, actor=TESTS, idempotency_key=a_key()
        )
    set_overflow(branch.book, overflow)


def leave(wallet: Wallet, amount: int) -> None:
    """Send all but `amount` of a wallet's free credits back up."""
    allocating.reclaim_credits(
        wallet=wallet, amount=free_in(wallet) - amount, actor=TESTS, idempotency_key=a_key()
    )


def sources(answer: ReserveAnswer) -> list[tuple[str, int]]:
    return [(source.kind, source.amount) for source in answer.sources]
