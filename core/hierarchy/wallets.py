"""Wallets under the names that people know them by, and what moved between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.credits.models import Book, Transfer, Wallet, WalletKind
from core.hierarchy.product import Product
from core.kit.problems import NotFound

_OUTSIDE = "Platform"
_FIXED = (WalletKind.UNALLOCATED, WalletKind.OVERFLOW)


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer in micro-credits; an end outside the book is the platform."""

    at: datetime
    kind: str
    amount: int
    source: str
    destination: str
    reason: str


def wallet_label(product: Product, wallet: Wallet) -> str:
    """Return what people call a wallet: its node's name, or the book wallet's."""
    return wallet_labels(product, [wallet])[wallet.pk]


def wallet_labels(product: Product, wallets: Iterable[Wallet]) -> dict[UUID, str]:
    """Return what people call these wallets; three queries at most, however many they are."""
    wallets = list(wallets)
    labels = {wallet.pk: str(wallet.get_kind_display()) for wallet in wallets}
    of_nodes = {wallet.pk for wallet in wallets if wallet.depth > 0}
    for model in (product.organization, product.team):
        if of_nodes:
            nodes = model._default_manager.filter(wallet__in=of_nodes)
            found = dict(nodes.values_list("wallet_id", "name"))
            labels.update(found)
            of_nodes -= found.keys()
    if of_nodes:
        # The abstract class does not know the keys that a product adds.
        memberships: QuerySet[Any] = product.membership._default_manager.filter(wallet__in=of_nodes)
        for place in memberships.select_related("member__user", "team", "organization"):
            labels[place.wallet_id] = f"{place.member} in {place}"
    return labels


def wallet_to_move(product: Product, wallet_id: UUID) -> Wallet:
    """Return a wallet that an admin may give credits to and take them from.

    Raises:
        NotFound: the product has none of that id, or it is Unallocated or Overflow.
    """
    wallets = Wallet.objects.select_related("book", "parent")
    wallet = wallets.filter(pk=wallet_id, book__product=product.slug).first()
    if wallet is None or wallet.kind in _FIXED:
        raise NotFound("There is no such wallet to move credits to.")
    return wallet


def named_charges(product: Product, charges: Iterable[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return who paid for a call and how much, by name, from an event's `charges`."""
    amounts = {UUID(charge["wallet"]): int(charge["amount"]) for charge in charges}
    labels = wallet_labels(product, Wallet.objects.filter(pk__in=amounts))
    return [(labels[wallet_id], amount) for wallet_id, amount in amounts.items()]


def last_movements(product: Product, book: Book, *, limit: int = 12) -> list[Movement]:
    """Return the last transfers of a book, newest first."""
    rows = list(
        Transfer.objects.filter(book=book)
        .select_related("from_wallet", "to_wallet", "act")
        .order_by("-id")[:limit]
    )
    ends = {wallet for row in rows for wallet in (row.from_wallet, row.to_wallet) if wallet}
    labels = wallet_labels(product, ends)
    return [
        Movement(
            at=row.created_at,
            kind=str(row.get_kind_display()),
            amount=row.amount,
            source=labels[row.from_wallet_id] if row.from_wallet_id else _OUTSIDE,
            destination=labels[row.to_wallet_id] if row.to_wallet_id else _OUTSIDE,
            reason=row.act.reason,
        )
        for row in rows
    ]
