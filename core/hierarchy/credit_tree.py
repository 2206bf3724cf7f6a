"""The credits of a product as a tree: who holds what, and by which rule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from core.access.scopes import EVERYTHING, Scope
from core.credits.models import Balance, Book, Cycle, Split, WalletKind
from core.credits.selectors import BookFigures, book_of, figures_of, open_cycle_of
from core.credits.services.locking import among
from core.credits.services.standing import standing_of
from core.credits.split_rules import Standing
from core.hierarchy.node_wallets import NodeWallet
from core.hierarchy.product import Product

# As many rows of a branch come at once.
PAGE = 50
# With more teams than this, an organization opens only when somebody asks.
MOST_TEAMS = 40


@dataclass(frozen=True, slots=True)
class Holding:
    """One node's wallet in a cycle, in micro-credits, and the rule that fills it.

    `credited` is what was given to the node and not given on by it; `given_on` is what it gave to
    the nodes below, of which `used_below` and `held_below` are spent or held there. `rule` is None
    where a node has no own allocation: it draws on the nearest ancestor with one, which is
    `inherits_from`.
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
    used_below: int = 0
    held_below: int = 0
    standing: Standing | None = None
    inherits_from: str = ""
    is_open: bool = False
    is_archived: bool = False
    can_change: bool = True
    can_override: bool = False
    path: tuple[UUID, ...] = field(default=())

    @property
    def rule(self) -> int | None:
        """The own allocation of each cycle."""
        return self.standing.amount if self.standing else None

    @property
    def source(self) -> str:
        """By which instruction it has credits: own, equal, pinned, added, inherits or none."""
        if self.standing is None:
            return "inherits" if self.inherits_from else "none"
        if self.standing.split is None:
            return "own"
        if not self.standing.is_override:
            return "equal"
        return "pinned" if self.standing.is_pinned else "added"

    @property
    def has_children(self) -> bool:
        """Whether members stand below it."""
        return self.kind != WalletKind.MEMBERSHIP

    @property
    def allocated(self) -> int:
        """All that was given to the node in this cycle, by its rule and by top-ups."""
        return self.credited + self.given_on

    @property
    def used_in_all(self) -> int:
        """What it and all below have used."""
        return self.used + self.used_below

    @property
    def held_in_all(self) -> int:
        """What running calls hold of it and of all below."""
        return self.reserved + self.held_below

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
    """A book in one cycle: its figures, and the rows in view, parents first.

    `figures` is None for who administers a branch only. `more_at` says where the open node goes
    on: the number of members shown so far, None when all are.
    """

    book: Book
    cycle: Cycle
    figures: BookFigures | None
    rows: list[Holding]
    more_at: int | None = None


def credit_tree(
    product: Product,
    scope: Scope = EVERYTHING,
    *,
    open_id: UUID | None = None,
    cycle: Cycle | None = None,
    term: str = "",
) -> CreditTree:
    """Return organizations and teams with their credits, and the members of the open node.

    A fixed number of queries: members are read for one team or organization at a time. Archived
    nodes are left out unless they hold credits of this cycle. With a `term`, the teams and members
    whose name has it, a page of each.
    """
    book = book_of(product.slug)
    cycle = cycle or open_cycle_of(book)
    tree = _Tree(product, scope, cycle)
    figures = figures_of(book, cycle) if scope.everything else None
    if term:
        return CreditTree(book, cycle, figures, tree.found(term))
    rows, more_at = tree.rows(open_id)
    return CreditTree(book, cycle, figures, rows, more_at)


def branch_rows(
    product: Product, scope: Scope, node: NodeWallet, *, cycle: Cycle, start: int = 0
) -> tuple[list[Holding], int | None]:
    """Return what stands below an organization or a team, a page of it, and where it goes on."""
    return _Tree(product, scope, cycle).below(node.node.pk, start=start)


def line_of(product: Product, scope: Scope, node: NodeWallet) -> list[Holding]:
    """Return the rows of a node and of all above it in the open cycle, the node last."""
    return _Tree(product, scope, open_cycle_of(node.wallet.book)).line(node)


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


class _Tree:
    """Organizations and teams of a scope with what they hold."""

    def __init__(self, product: Product, scope: Scope, cycle: Cycle) -> None:
        self._product, self._scope, self._cycle = product, scope, cycle
        teams: QuerySet[Any] = product.team._default_manager.all()
        organizations: QuerySet[Any] = product.organization._default_manager.filter(is_global=False)
        if not scope.everything:
            teams = teams.filter(Q(organization__in=scope.organizations) | Q(pk__in=scope.teams))
            organizations = organizations.filter(pk__in=scope.organizations)
        self._organizations = list(organizations)
        self._teams = list(teams)
        self._own = {organization.pk for organization in self._organizations}
        # Who administers a branch overrides the shares of what is split inside it.
        own = [node.wallet_id for node in (*self._organizations, *self._teams)]
        self._sources = None if scope.everything else own

    def rows(self, open_id: UUID | None) -> tuple[list[Holding], int | None]:
        """Return what is in view with one node open."""
        places, more_at = self._places(open_id)
        ledger = self._ledger(places)
        shows_teams = len(self._teams) <= MOST_TEAMS
        opened = next((t.organization_id for t in self._teams if t.pk == open_id), open_id)
        rows: list[Holding] = []
        for organization in self._organizations:
            top = self._top(ledger, organization, open_id)
            if _is_gone(top):
                continue
            is_open = shows_teams or organization.pk == opened
            rows.append(replace(top, is_open=organization.pk == open_id or is_open))
            rows += self._members(ledger, places, organization.pk, None, (top,))
            if is_open:
                rows += self._team_rows(ledger, places, top, open_id)
        alone = [team for team in self._teams if team.organization_id not in self._own]
        for team in alone:
            node = replace(ledger.of_node(team, kind=WalletKind.TEAM), is_open=team.pk == open_id)
            rows.append(replace(node, can_change=False))
            rows += self._members(ledger, places, team.organization_id, team.pk, (node,))
        return rows, more_at

    def below(self, node_id: UUID, *, start: int) -> tuple[list[Holding], int | None]:
        """Return the rows below one node."""
        places, more_at = self._places(node_id, start=start)
        ledger = self._ledger(places)
        for organization in self._organizations:
            if organization.pk == node_id:
                top = self._top(ledger, organization, node_id)
                rows = self._members(ledger, places, node_id, None, (top,))
                teams = self._team_rows(ledger, places, top, None) if start == 0 else []
                return [*teams, *rows], more_at
        team = next(team for team in self._teams if team.pk == node_id)
        above = self._above(ledger, team)
        node = ledger.of_node(team, kind=WalletKind.TEAM, above=above)
        return self._members(ledger, places, team.organization_id, team.pk, (node, *above)), more_at

    def line(self, node: NodeWallet) -> list[Holding]:
        """Return a node's row and those above it."""
        place = [node.node] if node.wallet.kind == WalletKind.MEMBERSHIP else []
        ledger = self._ledger(place)
        rows = [
            self._top(ledger, organization, None)
            for organization in self._organizations
            if organization.pk == node.organization_id
        ]
        for team in self._teams:
            if team.pk == node.team_id:
                above = tuple(reversed(rows))
                row = ledger.of_node(team, kind=WalletKind.TEAM, above=above)
                rows.append(replace(row, can_change=bool(above)))
        if place:
            rows.append(ledger.of_place(node.node, above=tuple(reversed(rows))))
        return rows

    def found(self, term: str) -> list[Holding]:
        """Return teams and members by a part of their name, under their organization."""
        words = term.split()
        places = _memberships(self._product).filter(
            Q(organization__in=self._own) | Q(team__in=[team.pk for team in self._teams]),
            member__archived_at=None,
        )
        for word in words:
            places = places.filter(
                Q(member__user__name__icontains=word) | Q(member__user__email__icontains=word)
            )
        hits = list(places.select_related("member__user", "team", "organization")[:PAGE])
        ledger = self._ledger(hits)
        rows = []
        for team in self._teams:
            if all(word.lower() in team.name.lower() for word in words) and not team.is_archived:
                above = self._above(ledger, team)
                row = ledger.of_node(team, kind=WalletKind.TEAM, above=above)
                rows.append(replace(row, depth=0, can_change=bool(above)))
        rows += [
            replace(ledger.of_place(place), depth=0, label=f"{place.member} in {place}")
            for place in hits
        ]
        return rows[: 2 * PAGE]

    def _top(self, ledger: "_Ledger", organization: Any, open_id: UUID | None) -> Holding:
        own_teams = [team for team in self._teams if team.organization_id == organization.pk]
        row = ledger.of_node(
            organization,
            kind=WalletKind.ORGANIZATION,
            below=[team.wallet_id for team in own_teams],
        )
        return replace(row, is_open=organization.pk == open_id, can_change=self._scope.everything)

    def _team_rows(
        self, ledger: "_Ledger", places: Sequence[Any], top: Holding, open_id: UUID | None
    ) -> list[Holding]:
        rows = []
        for team in self._teams:
            if team.organization_id != top.node_id:
                continue
            node = ledger.of_node(team, kind=WalletKind.TEAM, above=(top,))
            if _is_gone(node):
                continue
            rows.append(replace(node, is_open=team.pk == open_id))
            rows += self._members(ledger, places, top.node_id, team.pk, (node, top))
        return rows

    def _members(
        self,
        ledger: "_Ledger",
        places: Sequence[Any],
        organization: UUID,
        team: UUID | None,
        above: tuple[Holding, ...],
    ) -> list[Holding]:
        inside = [p for p in places if p.team_id == team and p.organization_id == organization]
        return [ledger.of_place(place, above=above) for place in inside]

    def _above(self, ledger: "_Ledger", team: Any) -> tuple[Holding, ...]:
        for organization in self._organizations:
            if organization.pk == team.organization_id:
                return (self._top(ledger, organization, None),)
        return ()

    def _ledger(self, places: Sequence[Any]) -> "_Ledger":
        nodes = (*self._organizations, *self._teams, *places)
        return _Ledger(self._cycle, [node.wallet_id for node in nodes], shared_by=self._sources)

    def _places(self, node_id: UUID | None, *, start: int = 0) -> tuple[list[Any], int | None]:
        """Return a page of the places of a team, or of those directly in an organization."""
        if node_id is None:
            return [], None
        found = list(
            _memberships(self._product)
            .filter(Q(team=node_id) | Q(organization=node_id, team=None))
            .filter(member__archived_at=None)
            .select_related("member__user", "team", "organization")
            .order_by("member__user__name", "member__user__email", "pk")[start : start + PAGE + 1]
        )
        return found[:PAGE], start + PAGE if len(found) > PAGE else None


class _Ledger:
    """The balances and rules of some wallets, read at once."""

    def __init__(
        self,
        cycle: Cycle,
        wallet_ids: Iterable[UUID | None],
        *,
        shared_by: Iterable[UUID] | None = None,
    ) -> None:
        known = {wallet_id for wallet_id in wallet_ids if wallet_id is not None}
        self._splits: set[UUID] | None = None
        if shared_by is not None:
            splits = Split.objects.filter(source__in=among(shared_by))
            self._splits = set(splits.values_list("pk", flat=True))
        balances = Balance.objects.filter(cycle=cycle, wallet_id__in=among(known))
        self._balances = {balance.wallet_id: balance for balance in balances}
        self._standing = standing_of(known)
        # Members are too many to read one by one; their parents need the sums only.
        sums = (
            Balance.objects.filter(
                cycle=cycle,
                wallet__kind=WalletKind.MEMBERSHIP,
                wallet__parent__in=among(known),
            )
            .order_by()
            .values_list("wallet__parent")
            .annotate(Sum("credited"), Sum("used"), Sum("reserved"))
        )
        self._members = {
            parent: (int(credited), int(used), int(held)) for parent, credited, used, held in sums
        }

    def of_node(
        self,
        node: Any,
        *,
        kind: str,
        below: Iterable[UUID] = (),
        above: tuple[Holding, ...] = (),
    ) -> Holding:
        """Return what an organization or a team holds; `below` are the wallets of its teams."""
        parts = [self._members.get(node.wallet_id, (0, 0, 0))]
        for wallet_id in below:
            balance = self._balances.get(wallet_id) or Balance()
            parts.append((balance.credited, balance.used, balance.reserved))
            parts.append(self._members.get(wallet_id, (0, 0, 0)))
        credited, used, held = (sum(column) for column in zip(*parts, strict=True))
        return self._holding(
            node.wallet_id,
            above,
            kind=kind,
            label=node.name,
            node_id=node.pk,
            given_on=credited,
            used_below=used,
            held_below=held,
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
        standing = self._standing.get(wallet_id)
        split = standing.split if standing else None
        nearest = next((node.label for node in above if node.rule is not None), "")
        return Holding(
            wallet_id=wallet_id,
            depth=len(above),
            credited=balance.credited,
            used=balance.used,
            reserved=balance.reserved,
            standing=standing,
            inherits_from=nearest if standing is None else "",
            can_override=split is not None and (self._splits is None or split in self._splits),
            path=tuple(node.wallet_id for node in reversed(above)),
            **known,
        )


def _memberships(product: Product) -> QuerySet[Any]:
    # The abstract class does not know the keys that a product adds.
    rows: QuerySet[Any] = product.membership._default_manager.filter(archived_at=None)
    return rows


def _is_gone(node: Holding) -> bool:
    # An archived node still shows while its credits are in this cycle.
    return node.is_archived and node.is_empty
