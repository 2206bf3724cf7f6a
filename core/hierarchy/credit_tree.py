"""The credits of a product as a tree: who holds what, and by which rule."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Sum

from core.credits.models import AllocationRule, Balance, Book, CycleState, Wallet, WalletKind
from core.hierarchy.product import Product


@dataclass(frozen=True, slots=True)
class Holding:
    """One wallet in the current cycle, in micro-credits, and the rule that fills it.

    `rule` is None where a node has no own allocation: it draws on the nearest ancestor with one.
    """

    wallet_id: UUID
    kind: str
    label: str
    note: str
    depth: int
    node_id: UUID | None
    credited: int
    limit: int
    used: int
    reserved: int
    rule: int | None
    inherits_from: str = ""
    has_children: bool = False
    is_open: bool = False

    @property
    def free(self) -> int:
        """What can be spent or moved on."""
        return self.credited + self.limit - self.used - self.reserved

    @property
    def total(self) -> int:
        """What was there to spend, its credit line included."""
        return self.credited + self.limit


@dataclass(frozen=True, slots=True)
class CreditTree:
    """A book in its current cycle: the three book wallets and the rows in view."""

    book: Book
    cycle_number: int
    starts_at: Any
    ends_at: Any
    unallocated: Holding
    pool: Holding
    overflow: Holding
    rows: list[Holding]
    granted: int
    used: int
    reserved: int

    @property
    def left(self) -> int:
        """Everything that is not used or held yet, the overflow line left out."""
        return self.granted - self.used - self.reserved


def credit_tree(product: Product, *, open_id: UUID | None = None) -> CreditTree:
    """Return organizations and teams with their credits, and the members of the open node.

    A fixed number of queries: members are read for one team or organization at a time.
    """
    book = Book.objects.get(product=product.slug)
    cycle = book.cycles.filter(state=CycleState.OPEN).order_by("-number").first()
    assert cycle is not None, "A book always has an open cycle."
    organizations = list(product.organization._default_manager.filter(is_global=False))
    teams = list(product.team._default_manager.all())
    open_places = _open_places(product, open_id)
    book_wallets = {wallet.kind: wallet for wallet in book.wallets.filter(depth=0)}
    wallet_ids = [
        *(wallet.pk for wallet in book_wallets.values()),
        *(node.wallet_id for node in (*organizations, *teams, *open_places)),
    ]
    balances = {
        row.wallet_id: row for row in Balance.objects.filter(cycle=cycle, wallet_id__in=wallet_ids)
    }
    rules = dict(
        AllocationRule.objects.filter(wallet_id__in=wallet_ids).values_list("wallet_id", "amount")
    )

    def holding(wallet_id: UUID, kind: str, label: str, **extra: Any) -> Holding:
        row = balances.get(wallet_id)
        return Holding(
            wallet_id=wallet_id,
            kind=kind,
            label=label,
            note=extra.pop("note", ""),
            depth=extra.pop("depth", 0),
            node_id=extra.pop("node_id", None),
            credited=row.credited if row else 0,
            limit=row.limit if row else 0,
            used=row.used if row else 0,
            reserved=row.reserved if row else 0,
            rule=rules.get(wallet_id),
            **extra,
        )

    rows: list[Holding] = []
    for organization in organizations:
        own_teams = [team for team in teams if team.organization_id == organization.pk]
        top = holding(
            organization.wallet_id,
            WalletKind.ORGANIZATION,
            organization.name,
            depth=0,
            node_id=organization.pk,
            has_children=True,
            is_open=organization.pk == open_id,
        )
        if _is_gone(organization, top):
            continue
        rows.append(_inheriting(top, ()))
        direct = [
            place
            for place in open_places
            if place.team_id is None and place.organization_id == organization.pk
        ]
        rows.extend(_members(direct, holding, depth=1, above=(top,)))
        for team in own_teams:
            node = holding(
                team.wallet_id,
                WalletKind.TEAM,
                team.name,
                depth=1,
                node_id=team.pk,
                has_children=True,
                is_open=team.pk == open_id,
            )
            if _is_gone(team, node):
                continue
            rows.append(_inheriting(node, (top,)))
            inside = [place for place in open_places if place.team_id == team.pk]
            rows.extend(_members(inside, holding, depth=2, above=(node, top)))
    totals = _totals(cycle)
    return CreditTree(
        book=book,
        cycle_number=cycle.number,
        starts_at=cycle.starts_at,
        ends_at=cycle.ends_at,
        unallocated=holding(book_wallets["unallocated"].pk, "unallocated", "Unallocated"),
        pool=holding(book_wallets["pool"].pk, "pool", "Pool"),
        overflow=holding(book_wallets["overflow"].pk, "overflow", "Overflow"),
        rows=rows,
        **totals,
    )


def current_balance(wallet: Wallet) -> Balance:
    """Return what a wallet has in the current cycle; an empty balance where it has none yet."""
    row = Balance.objects.filter(wallet=wallet, cycle__state=CycleState.OPEN).first()
    return row or Balance(wallet=wallet)


def own_holdings(product: Product, member: Any) -> list[Holding]:
    """Return the wallets of a member's places, the primary one first."""
    places = list(
        product.membership._default_manager.filter(member=member, archived_at=None)
        .select_related("team", "organization")
        .order_by("-is_primary", "created_at")
    )
    book = Book.objects.get(product=product.slug)
    balances = {
        row.wallet_id: row
        for row in Balance.objects.filter(
            cycle__book=book,
            cycle__state=CycleState.OPEN,
            wallet_id__in=[place.wallet_id for place in places],
        )
    }
    rules = dict(
        AllocationRule.objects.filter(
            wallet_id__in=[place.wallet_id for place in places]
        ).values_list("wallet_id", "amount")
    )
    result = []
    for place in places:
        row = balances.get(place.wallet_id)
        result.append(
            Holding(
                wallet_id=place.wallet_id,
                kind=WalletKind.MEMBERSHIP,
                label=str(place),
                note="",
                depth=0,
                node_id=place.pk,
                credited=row.credited if row else 0,
                limit=row.limit if row else 0,
                used=row.used if row else 0,
                reserved=row.reserved if row else 0,
                rule=rules.get(place.wallet_id),
            )
        )
    return result


def wallet_label(product: Product, wallet: Wallet) -> str:
    """Return what people call a wallet: its node's name, or the book wallet's."""
    if wallet.depth == 0:
        return str(wallet.get_kind_display())
    for model in (product.organization, product.team):
        node = model._default_manager.filter(wallet=wallet).first()
        if node is not None:
            return str(node)
    place = (
        product.membership._default_manager.filter(wallet=wallet)
        .select_related("member__user", "team", "organization")
        .first()
    )
    return f"{place.member} in {place}" if place is not None else str(wallet)


def _open_places(product: Product, open_id: UUID | None) -> list[Any]:
    if open_id is None:
        return []
    places = product.membership._default_manager.filter(
        archived_at=None, member__archived_at=None
    ).select_related("member__user")
    inside = list(places.filter(team_id=open_id).order_by("member__user__email")[:500])
    return inside or list(
        places.filter(organization_id=open_id, team=None).order_by("member__user__email")[:500]
    )


def _members(
    places: Iterable[Any], holding: Any, *, depth: int, above: tuple[Holding, ...]
) -> list[Holding]:
    return [
        _inheriting(
            holding(
                place.wallet_id,
                WalletKind.MEMBERSHIP,
                str(place.member),
                depth=depth,
                node_id=place.pk,
                note=place.member.user.email,
            ),
            above,
        )
        for place in places
    ]


def _inheriting(row: Holding, above: tuple[Holding, ...]) -> Holding:
    if row.rule is not None:
        return row
    source = next((node.label for node in above if node.rule is not None), "")
    return replace(row, inherits_from=source)


def _is_gone(node: Any, row: Holding) -> bool:
    # An archived node still shows while its credits are in this cycle.
    return bool(node.archived_at) and not (row.credited or row.used)


def _totals(cycle: Any) -> dict[str, int]:
    sums = Balance.objects.filter(cycle=cycle).aggregate(
        total_granted=Sum("credited"), total_used=Sum("used"), total_reserved=Sum("reserved")
    )
    return {name.removeprefix("total_"): value or 0 for name, value in sums.items()}
