"""Wallets with the nodes that they belong to, as far as somebody administers them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from core.access.scopes import Scope
from core.credits.models import Wallet, WalletKind
from core.credits.services.locking import among
from core.credits.services.standing import spots_of
from core.credits.split_rules import nearest_above
from core.hierarchy.errors import IsArchived
from core.hierarchy.product import Product
from core.kit.problems import NotFound

_FIXED = (WalletKind.UNALLOCATED, WalletKind.OVERFLOW)
_ABOVE = ("organization", "team", "member")


@dataclass(frozen=True, slots=True)
class NodeWallet:
    """A wallet with its name, and the node it belongs to: None for the book's own wallets."""

    wallet: Wallet
    label: str
    node: Any

    @property
    def is_active(self) -> bool:
        """Whether the node takes part: neither it nor anything above it is archived."""
        nodes = (self.node, *(getattr(self.node, name, None) for name in _ABOVE))
        return not any(node is not None and node.is_archived for node in nodes)

    @property
    def organization_id(self) -> UUID | None:
        """The organization it is or belongs to."""
        if self.wallet.kind == WalletKind.ORGANIZATION:
            return UUID(str(self.node.pk))
        return getattr(self.node, "organization_id", None)

    @property
    def team_id(self) -> UUID | None:
        """The team it is or belongs to."""
        if self.wallet.kind == WalletKind.TEAM:
            return UUID(str(self.node.pk))
        return getattr(self.node, "team_id", None)

    @property
    def nodes(self) -> tuple[UUID, ...]:
        """The innermost organization or team that it is or belongs to, for the audit log."""
        node_id = self.team_id or self.organization_id
        return (node_id,) if node_id is not None else ()

    def is_in(self, scope: Scope) -> bool:
        """Whether a scope includes it."""
        return (
            scope.everything
            or self.organization_id in scope.organizations
            or self.team_id in scope.teams
        )

    def is_below(self, scope: Scope) -> bool:
        """Whether it stands below what somebody administers, who may change what it has."""
        if scope.everything:
            return True
        if self.wallet.kind == WalletKind.MEMBERSHIP:
            # Without a parent it would draw on Unallocated, which is nobody's branch.
            return self.wallet.parent_id is not None and self.is_in(scope)
        return self.wallet.kind == WalletKind.TEAM and self.organization_id in scope.organizations


def wallet_for(product: Product, scope: Scope, wallet_id: UUID) -> NodeWallet:
    """Return a wallet in a scope with the node that it belongs to.

    Raises:
        NotFound: the product has none of that id in the scope.
    """
    wallets = Wallet.objects.select_related("book", "parent")
    wallet = wallets.filter(pk=wallet_id, book__product=product.slug).first()
    found = _node_wallet(product, wallet) if wallet is not None else None
    if found is None or not found.is_in(scope):
        raise NotFound("There is no such wallet.")
    return found


def wallet_to_move(product: Product, scope: Scope, wallet_id: UUID) -> NodeWallet:
    """Return a wallet that somebody may give credits to and take them from.

    What an admin of a branch has is set from above: only what stands below can be changed.

    Raises:
        NotFound: there is none of that id below what the scope includes, or it is Unallocated or
            Overflow.
    """
    found = wallet_for(product, scope, wallet_id)
    if found.wallet.kind in _FIXED or not found.is_below(scope):
        raise NotFound("There is no such wallet to move credits to.")
    return found


def refuse_archived(found: NodeWallet) -> None:
    """Pass if a node may be given credits: what is archived only gives back.

    Raises:
        IsArchived: it, or what it belongs to, is archived.
    """
    if not found.is_active:
        raise IsArchived(f"{found.label} is archived. Restore it first.")


def archived_among(product: Product, wallets: Collection[UUID]) -> set[UUID]:
    """Return which of these wallets belong to nodes that are archived, or stand below one."""
    known = among(wallets)
    own, above = Q(archived_at__isnull=False), Q(organization__archived_at__isnull=False)
    of_place = Q(team__archived_at__isnull=False) | Q(member__archived_at__isnull=False)
    found: set[UUID] = set()
    for model, is_archived in (
        (product.organization, own),
        (product.team, own | above),
        (product.membership, own | above | of_place),
    ):
        rows = _rows(model).filter(is_archived, wallet_id__in=known)
        found |= set(rows.values_list("wallet_id", flat=True))
    return found


def may_pass_between(product: Product, scope: Scope, first: Wallet, second: Wallet) -> bool:
    """Whether somebody may move credits from one of two nodes to the other.

    What stands above both must be theirs: who administers two teams does not decide what each of
    them has.
    """
    if scope.everything:
        return True
    ids = {first.pk, second.pk}
    top = nearest_above(ids, spots=spots_of(first.book, ids))
    try:
        return top is not None and wallet_for(product, scope, top).node is not None
    except NotFound:
        return False


def _node_wallet(product: Product, wallet: Wallet) -> NodeWallet:
    if wallet.depth == 0:
        return NodeWallet(wallet, str(wallet.get_kind_display()), None)
    if wallet.kind == WalletKind.ORGANIZATION:
        node: Any = product.organization._default_manager.get(wallet=wallet)
        return NodeWallet(wallet, node.name, node)
    if wallet.kind == WalletKind.TEAM:
        node = _rows(product.team).select_related("organization").get(wallet=wallet)
        return NodeWallet(wallet, node.name, node)
    places = _rows(product.membership).select_related("member__user", "team", "organization")
    node = places.get(wallet=wallet)
    return NodeWallet(wallet, f"{node.member} in {node}", node)


def _rows(model: Any) -> QuerySet[Any]:
    """Return a table's rows. The abstract classes do not know the keys that a product adds."""
    rows: QuerySet[Any] = model._default_manager.all()
    return rows
