"""The credits of a product as a tree: who holds what, and by which rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from core.credits.models import Balance, Book, Cycle, WalletKind
from core.credits.selectors import (
    BookFigures,
    allocations_of,
    balances_of,
    book_of,
    figures_of,
    open_cycle_of,
)
from core.hierarchy.product import Product

# More members of one node than anybody reads as a list.
MOST_MEMBERS = 500


@dataclass(frozen=True, slots=True)
class Holding:
    """One node's wallet in the current cycle, in micro-credits, and the rule that fills it.

    `credited` is what was given to the node and not given on by it; `given_on` is what it gave to
    the nodes below. `rule` is None where a node has no own allocation: it draws on the nearest
    ancestor with one, which is `inherits_from`.
    """

    wallet_id: UUID
    kind: str
    label: str
    node_id: UUID
    depth: int = 0
    note: str = ""
    credited: int = 0
    given_on: int = 0
    used: int = 0
    reserved: int = 0
    rule: int | None = None
    inherits_from: str = ""
    is_open: bool = False
    is_archived: bool = False

    @property
    def has_children(self) -> bool:
        """Whether members stand below it."""
        return self.kind != WalletKind.MEMBERSHIP

    @property
    def allocated(self) -> int:
        """All that was given to the node in this cycle, by its rule and by top-ups."""
        return self.credited + self.given_on

    @property
    def free(self) -> int:
        """What can be spent or given on."""
        return self.credited - self.used - self.reserved

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever given to it or spent from it in this cycle."""
        return not (self.credited or self.given_on or self.used or self.reserved)


@dataclass(frozen=True, slots=True)
class CreditTree:
    """A book in its current cycle: its figures, and the rows in view, parents first.

    `is_cut` says that the open node has more members than the rows show.
    """

    book: Book
    cycle: Cycle
    figures: BookFigures
    rows: list[Holding]
    is_cut: bool


def credit_tree(product: Product, *, open_id: UUID | None = None) -> CreditTree:
    """Return organizations and teams with their credits, and the members of the open node.

    A fixed number of queries: members are read for one team or organization at a time. Archived
    nodes are left out unless they hold credits of this cycle.
    """
    book = book_of(product.slug)
    cycle = open_cycle_of(book)
    organizations = list(product.organization._default_manager.filter(is_global=False))
    teams: list[Any] = list(product.team._default_manager.all())
    places = _places_in(product, open_id)
    is_cut, places = len(places) > MOST_MEMBERS, places[:MOST_MEMBERS]
    ledger = _Ledger(cycle, [node.wallet_id for node in (*organizations, *teams, *places)])
    rows: list[Holding] = []
    for organization in organizations:
        own_teams = [team for team in teams if team.organization_id == organization.pk]
        given_to_teams = sum(ledger.allocated(team.wallet_id) for team in own_teams)
        top = ledger.of_node(organization, open_id=open_id, given_on=given_to_teams)
        if _is_gone(top):
            continue
        rows.append(top)
        direct = [p for p in places if p.team_id is None and p.organization_id == organization.pk]
        rows += [ledger.of_place(place, above=(top,)) for place in direct]
        for team in own_teams:
            node = ledger.of_node(team, open_id=open_id, above=(top,))
            if _is_gone(node):
                continue
            rows.append(node)
            inside = [place for place in places if place.team_id == team.pk]
            rows += [ledger.of_place(place, above=(node, top)) for place in inside]
    return CreditTree(book, cycle, figures_of(book), rows, is_cut)


def own_holdings(product: Product, member: Any) -> list[Holding]:
    """Return the wallets of a member's places, the primary one first."""
    places: list[Any] = list(
        _memberships(product)
        .filter(member=member)
        .select_related("member__user", "team", "organization")
        .order_by("-is_primary", "created_at")
    )
    ledger = _Ledger(open_cycle_of(book_of(product.slug)), [place.wallet_id for place in places])
    return [ledger.of_place(place, label=str(place)) for place in places]


class _Ledger:
    """The balances and rules of some wallets, read at once."""

    def __init__(self, cycle: Cycle, wallet_ids: Iterable[UUID | None]) -> None:
        known = {wallet_id for wallet_id in wallet_ids if wallet_id is not None}
        self._balances = balances_of(known)
        self._rules = allocations_of(known)
        # Members are too many to read one by one; their parents need the sum only.
        memberships = Balance.objects.filter(
            cycle=cycle, wallet__kind=WalletKind.MEMBERSHIP, wallet__parent__in=known
        )
        sums = memberships.values("wallet__parent").annotate(total=Sum("credited"))
        self._given_to_members = {row["wallet__parent"]: int(row["total"]) for row in sums}

    def allocated(self, wallet_id: UUID) -> int:
        """Return all that was given to a wallet above memberships, and given on to these."""
        balance = self._balances.get(wallet_id)
        return (balance.credited if balance else 0) + self._given_to_members.get(wallet_id, 0)

    def of_node(
        self, node: Any, *, open_id: UUID | None, given_on: int = 0, above: tuple[Holding, ...] = ()
    ) -> Holding:
        """Return what an organization or a team holds; `given_on` is what it gave to teams."""
        return self._holding(
            node.wallet_id,
            above,
            kind=WalletKind.TEAM if above else WalletKind.ORGANIZATION,
            label=node.name,
            node_id=node.pk,
            given_on=given_on + self._given_to_members.get(node.wallet_id, 0),
            is_open=node.pk == open_id,
            is_archived=node.is_archived,
        )

    def of_place(self, place: Any, *, above: tuple[Holding, ...] = (), label: str = "") -> Holding:
        """Return what a membership holds."""
        return self._holding(
            place.wallet_id,
            above,
            kind=WalletKind.MEMBERSHIP,
            label=label or str(place.member),
            note=place.member.user.email,
            node_id=place.pk,
        )

    def _holding(self, wallet_id: UUID, above: tuple[Holding, ...], **known: Any) -> Holding:
        balance = self._balances.get(wallet_id) or Balance()
        rule = self._rules.get(wallet_id)
        nearest = next((node.label for node in above if node.rule is not None), "")
        return Holding(
            wallet_id=wallet_id,
            depth=len(above),
            credited=balance.credited,
            used=balance.used,
            reserved=balance.reserved,
            rule=rule,
            inherits_from=nearest if rule is None else "",
            **known,
        )


def _memberships(product: Product) -> QuerySet[Any]:
    # The abstract class does not know the keys that a product adds.
    rows: QuerySet[Any] = product.membership._default_manager.filter(archived_at=None)
    return rows


def _places_in(product: Product, node_id: UUID | None) -> list[Any]:
    """Return the places of a team, or those of an organization that are in none of its teams."""
    if node_id is None:
        return []
    return list(
        _memberships(product)
        .filter(Q(team=node_id) | Q(organization=node_id, team=None), member__archived_at=None)
        .select_related("member__user")
        .order_by("member__user__name", "member__user__email")[: MOST_MEMBERS + 1]
    )


def _is_gone(node: Holding) -> bool:
    # An archived node still shows while its credits are in this cycle.
    return node.is_archived and node.is_empty
