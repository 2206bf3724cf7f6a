"""Wallets under the names that people know them by, and what moved between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.access.scopes import Scope
from core.credits.models import Balance, Book, Transfer, Wallet
from core.credits.selectors import book_of, open_cycle_of
from core.credits.statements_of_wallets import WalletStatement
from core.hierarchy.product import Product
from core.kit.money import format_credits

_OUTSIDE = "Platform"


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer in micro-credits; an end outside the book is the platform."""

    at: datetime
    kind: str
    amount: int
    source: str
    destination: str
    reason: str


@dataclass(frozen=True, slots=True)
class BranchCredits:
    """What the wallets of a branch hold together in the current cycle, in micro-credits."""

    credited: int
    used: int
    reserved: int

    @property
    def free(self) -> int:
        """What can still be spent or given on."""
        return self.credited - self.used - self.reserved


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


def wallets_in(product: Product, scope: Scope) -> list[QuerySet[Any]]:
    """Return the wallets of a scope by id: of its organizations, teams and memberships."""
    organizations: Any = product.organization._default_manager.filter(wallet__isnull=False)
    teams: Any = product.team._default_manager.all()
    places: Any = product.membership._default_manager.all()
    if not scope.everything:
        below = Q(organization__in=scope.organizations)
        organizations = organizations.filter(pk__in=scope.organizations)
        teams = teams.filter(below | Q(pk__in=scope.teams))
        places = places.filter(below | Q(team__in=scope.teams))
    return [rows.order_by().values("wallet") for rows in (organizations, teams, places)]


def branch_credits(product: Product, scope: Scope) -> BranchCredits:
    """Return what the wallets of a scope hold together in the current cycle."""
    organizations, teams, places = wallets_in(product, scope)
    rows = Balance.objects.filter(
        Q(wallet__in=organizations) | Q(wallet__in=teams) | Q(wallet__in=places),
        cycle=open_cycle_of(book_of(product.slug)),
    )
    found = rows.aggregate(
        credited=Coalesce(Sum("credited"), 0),
        used=Coalesce(Sum("used"), 0),
        reserved=Coalesce(Sum("reserved"), 0),
    )
    return BranchCredits(**{name: int(value) for name, value in found.items()})


def named_charges(product: Product, charges: Iterable[dict[str, Any]]) -> list[tuple[str, int]]:
    """Return who paid for a call and how much, by name, from an event's `charges`."""
    amounts = {UUID(charge["wallet"]): int(charge["amount"]) for charge in charges}
    labels = wallet_labels(product, Wallet.objects.filter(pk__in=amounts))
    return [(labels[wallet_id], amount) for wallet_id, amount in amounts.items()]


def statement_rows(product: Product, made: WalletStatement) -> list[tuple[str, ...]]:
    """Return a wallet's statement as rows of a file, the other ends by name."""
    others = Wallet.objects.filter(pk__in={line.other for line in made.lines if line.other})
    labels = wallet_labels(product, others)
    return [
        ("at", "kind", "from_or_to", "amount", "reason", "credited_so_far"),
        ("", "opening balance", "", format_credits(made.opening), "", format_credits(made.opening)),
        *(
            (
                f"{line.at:%Y-%m-%dT%H:%M:%SZ}",
                line.kind.lower(),
                labels.get(line.other, "platform") if line.other else "platform",
                format_credits(line.amount),
                line.reason,
                format_credits(line.balance),
            )
            for line in made.lines
        ),
        ("", "used by calls", "", format_credits(-made.used), "", ""),
        *(
            (
                f"{refund.at:%Y-%m-%dT%H:%M:%SZ}",
                "refund",
                f"call {refund.call}",
                format_credits(refund.amount),
                refund.reason,
                "",
            )
            for refund in made.refunds
        ),
        ("", "closing balance", "", format_credits(made.closing), "", ""),
    ]


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
