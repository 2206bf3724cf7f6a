"""Whom credits are split over: all of a level below a node, or nodes chosen one by one."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from core.access.scopes import Scope
from core.credits.models import WalletKind
from core.credits.selectors import book_of, book_wallet
from core.credits.services.locking import among
from core.credits.services.splitting import SplitWish
from core.credits.services.standing import spots_of
from core.credits.split_rules import nearest_above
from core.hierarchy.errors import IsArchived
from core.hierarchy.node_wallets import NodeWallet, wallet_for
from core.hierarchy.product import Product
from core.kit.problems import InvalidInput, NotFound

LEVELS = (WalletKind.ORGANIZATION, WalletKind.TEAM, WalletKind.MEMBERSHIP)
_SOURCES = (WalletKind.UNALLOCATED, WalletKind.ORGANIZATION, WalletKind.TEAM)


@dataclass(frozen=True, slots=True)
class Selection:
    """Wallets that share, and the node whose free credits they share.

    `level` says that they are all of that kind below the source; empty if they were chosen.
    """

    source: NodeWallet
    wallets: frozenset[UUID]
    level: str = ""

    def wish(
        self,
        total: int,
        *,
        keeps_overrides: bool = True,
        cycle: UUID | None = None,
        seen: str | None = None,
    ) -> SplitWish:
        """Return what to ask the ledger for."""
        return SplitWish(
            source=self.source.wallet,
            wallets=self.wallets,
            total=total,
            level=self.level,
            keeps_overrides=keeps_overrides,
            cycle=cycle,
            seen=seen,
        )


def all_below(product: Product, scope: Scope, *, source_id: UUID, level: str) -> Selection:
    """Select all active nodes of a level below a node, in a scope.

    Of members, each person once: in their primary place there, or else in their first. Who is
    invited takes part; who was deactivated does not.

    Raises:
        NotFound: the node is not in the scope, or has no such level below it.
        IsArchived: the node is archived.
    """
    source = _source(product, scope, source_id)
    if level not in LEVELS or level == source.wallet.kind:
        raise NotFound("There is no such level below this.")
    if level == WalletKind.ORGANIZATION:
        rows = _organizations(product)
    elif level == WalletKind.TEAM:
        rows = _teams(product)
    else:
        places = _places(product).filter(**_below(source))
        return Selection(source, _one_place_each(places), level)
    found = rows.filter(**_below(source)).values_list("wallet_id", flat=True)
    return Selection(source, frozenset(found), level)


def chosen(
    product: Product,
    scope: Scope,
    *,
    wallet_ids: Collection[UUID],
    source_id: UUID | None = None,
) -> Selection:
    """Select nodes one by one; without a source, the nearest node above them all is it.

    Raises:
        NotFound: one of them is not below what the scope includes.
        IsArchived: one of them, or the source, is archived or deactivated.
        InvalidInput: none is selected.
    """
    wanted = frozenset(wallet_ids)
    if not wanted:
        raise InvalidInput("Select at least one.")
    _check(product, scope, wanted)
    if source_id is None:
        spots = spots_of(book_of(product.slug), wanted)
        source_id = nearest_above(wanted, spots=spots)
        assert source_id is not None, "Unallocated stands above all."
    return Selection(_source(product, scope, source_id), wanted)


def wallets_below(product: Product, scope: Scope, wallets: Collection[UUID]) -> set[UUID]:
    """Return which of these wallets somebody with a scope may give credits to."""
    known = among(wallets)
    found: set[UUID] = set()
    for model, allowed in (
        (product.organization, Q() if scope.everything else Q(pk=None)),
        (product.team, _teams_below(scope)),
        (product.membership, _places_below(scope)),
    ):
        rows: QuerySet[Any] = model._default_manager.filter(allowed, wallet_id__in=known)
        found |= set(rows.values_list("wallet_id", flat=True))
    return found


def all_wallets_below(product: Product, scope: Scope) -> set[UUID]:
    """Return all wallets that somebody who administers a branch may give credits to."""
    teams = _rows(product.team).filter(_teams_below(scope))
    places = _rows(product.membership).filter(_places_below(scope))
    return {wallet for rows in (teams, places) for wallet in rows.values_list("wallet", flat=True)}


def unallocated_id(product: Product) -> UUID:
    """Return the wallet that everybody's credits come from."""
    return book_wallet(book_of(product.slug), WalletKind.UNALLOCATED).pk


def _source(product: Product, scope: Scope, wallet_id: UUID) -> NodeWallet:
    source = wallet_for(product, scope, wallet_id)
    if source.wallet.kind not in _SOURCES:
        raise NotFound("Credits are split from Unallocated, an organization or a team.")
    if not source.is_active:
        raise IsArchived(f"{source.label} is archived. Restore it first.")
    return source


def _check(product: Product, scope: Scope, wanted: frozenset[UUID]) -> None:
    """Raises: NotFound, IsArchived."""
    in_scope = wallets_below(product, scope, wanted)
    active: set[UUID] = set()
    for rows in (_organizations(product), _teams(product), _places(product)):
        found = rows.filter(wallet_id__in=among(wanted))
        active |= set(found.values_list("wallet_id", flat=True))
    if wanted - in_scope:
        raise NotFound("Some of what is selected is not there.")
    if wanted - active:
        raise IsArchived(
            "Some of what is selected is archived or deactivated and gets no credits.",
            wallets=[str(wallet) for wallet in sorted(wanted - active)[:20]],
        )


def _teams_below(scope: Scope) -> Q:
    return Q() if scope.everything else Q(organization__in=scope.organizations)


def _places_below(scope: Scope) -> Q:
    if scope.everything:
        return Q()
    return Q(organization__in=scope.organizations) | Q(team__in=scope.teams)


def _below(source: NodeWallet) -> dict[str, Any]:
    if source.node is None:
        return {}
    if source.wallet.kind == WalletKind.TEAM:
        return {"team": source.node}
    return {"organization": source.node}


def _organizations(product: Product) -> QuerySet[Any]:
    return product.organization._default_manager.filter(is_global=False, archived_at=None)


def _teams(product: Product) -> QuerySet[Any]:
    return _rows(product.team).filter(archived_at=None, organization__archived_at=None)


def _places(product: Product) -> QuerySet[Any]:
    """Return the places that take part. Who never signed in is invited, not deactivated."""
    return _rows(product.membership).filter(
        Q(team=None) | Q(team__archived_at=None),
        Q(member__user__is_active=True) | Q(member__user__password__startswith="!"),  # noqa: S106
        archived_at=None,
        member__archived_at=None,
        organization__archived_at=None,
    )


def _rows(model: Any) -> QuerySet[Any]:
    """Return a table's rows. The abstract classes do not know the keys that a product adds."""
    rows: QuerySet[Any] = model._default_manager.all()
    return rows


def _one_place_each(places: QuerySet[Any]) -> frozenset[UUID]:
    rows = places.order_by(
        "member_id", "organization__is_global", F("is_primary").desc(), "created_at", "id"
    )
    return frozenset(rows.distinct("member_id").values_list("wallet_id", flat=True))
