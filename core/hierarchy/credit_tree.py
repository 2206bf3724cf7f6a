"""The credits of a product as a tree: who holds what, and by which rule."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core.access.scopes import EVERYTHING, Scope
from core.credits.models import Book, Cycle, WalletKind
from core.credits.selectors import BookFigures, book_of, figures_of, open_cycle_of
from core.credits.sums import Sums, sums_below, sums_below_organizations
from core.hierarchy.holdings import Holding, Ledger, More
from core.hierarchy.node_wallets import NodeWallet
from core.hierarchy.product import Product

# As many rows of a branch come at once.
PAGE = 50
# What the row of those is who stand in no organization; it has no wallet of its own.
ALONE = "global"
# With more teams than this, an organization opens only when somebody asks.
MOST_TEAMS = 40


@dataclass(frozen=True, slots=True)
class CreditTree:
    """A book in one cycle: its figures, and the rows in view, parents first.

    `figures` is None for who administers a branch only.
    """

    book: Book
    cycle: Cycle
    figures: BookFigures | None
    rows: list[Holding]


def credit_tree(
    product: Product,
    scope: Scope = EVERYTHING,
    *,
    open_id: UUID | None = None,
    cycle: Cycle | None = None,
    term: str = "",
) -> CreditTree:
    """Return organizations and teams with their credits, and the members of the open node.

    A fixed number of queries: what stands below is read for the open node only, a page of it.
    Archived nodes are left out unless they hold credits of this cycle. Last come the members who
    are in `global` only. With a `term`, the teams and members whose name has it, a page of each.
    """
    book = book_of(product.slug)
    cycle = cycle or open_cycle_of(book)
    tree = _Tree(product, scope, cycle)
    figures = figures_of(book, cycle) if scope.everything else None
    return CreditTree(book, cycle, figures, tree.found(term) if term else tree.rows(open_id))


def branch_rows(
    product: Product, scope: Scope, node: NodeWallet, *, cycle: Cycle, start: int = 0
) -> list[Holding]:
    """Return a page of what stands below an organization or a team."""
    return _Tree(product, scope, cycle).below(node, start=start)


def alone_id(product: Product, scope: Scope) -> UUID | None:
    """Return the id of `global` if members in a scope are in nothing else; its row goes by it."""
    if not scope.everything:
        return None
    found: UUID | None = _alone(product).values_list("organization_id", flat=True).first()
    return found


def alone_rows(product: Product, *, cycle: Cycle, start: int = 0) -> list[Holding]:
    """Return a page of the members who are in `global` only."""
    return _Tree(product, EVERYTHING, cycle).alone_below(start=start)


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
    cycle = open_cycle_of(book_of(product.slug))
    ledger = Ledger(cycle, [place.wallet_id for place in places], below={})
    return [ledger.of_place(place, label=str(place)) for place in places]


class _Tree:
    """Organizations and teams of a scope with what they hold."""

    def __init__(self, product: Product, scope: Scope, cycle: Cycle) -> None:
        self._product, self._scope, self._cycle = product, scope, cycle
        self._alone_sums: Sums | None = None

    def rows(self, open_id: UUID | None) -> list[Holding]:
        """Return what is in view with one node open."""
        tops = list(self._organizations())
        teams, opened = self._teams_in_view(tops, open_id)
        places, goes_on = self._places(open_id)
        ledger = self._ledger(tops, teams, places)
        members = _Members(ledger, places, open_id, goes_on=goes_on)
        with_members = self._with_direct_members(tops)
        rows: list[Holding] = []
        for organization in tops:
            top = self._top(ledger, organization)
            if not _is_gone(top):
                is_open = opened is None or opened == organization.pk
                rows.append(replace(top, is_open=is_open))
                own = [team for team in teams if team.organization_id == organization.pk]
                if is_open:
                    rows += self._opened(ledger, top, own, members)
                    _close(rows, top, own, members, has_members=organization.pk in with_members)
        known = {organization.pk for organization in tops}
        for team in teams:
            if team.organization_id not in known:
                rows += self._branch(ledger, team, (), members)
        everyone = alone_id(self._product, self._scope)
        if everyone is not None:
            top = replace(self._alone_row(everyone), is_open=open_id == everyone)
            rows += [top, *(members.below(top) if top.is_open else [])]
        return rows

    def _opened(
        self, ledger: Ledger, top: Holding, teams: Sequence[Any], members: "_Members"
    ) -> list[Holding]:
        """Return the rows below an organization: a page of its teams, then its own members."""
        rows: list[Holding] = []
        shown = _up_to(teams, members.open_id)
        for team in shown:
            rows += self._branch(ledger, team, (top,), members)
        if top.node_id == members.open_id and len(shown) == len(teams):
            rows += members.below(top, start=len(teams))
        return rows

    def below(self, node: NodeWallet, *, start: int) -> list[Holding]:
        """Return a page of the rows below one node."""
        tops, teams = self._line(node)
        if node.wallet.kind == WalletKind.TEAM:
            places, goes_on = self._places(node.node.pk, start=start)
            ledger = self._ledger((), (), places, more=(*tops, *teams))
            line = self._holdings(ledger, tops, teams)
            members = _Members(ledger, places, node.node.pk, goes_on=goes_on)
            return members.below(line[-1], start=start, above=tuple(reversed(line)))
        own = list(self._teams().filter(organization=node.node.pk))
        page = own[start : start + PAGE]
        has_all = start + PAGE >= len(own)
        places, goes_on = (
            self._places(node.node.pk, start=max(start - len(own), 0)) if has_all else ([], False)
        )
        ledger = self._ledger((), page, places, more=tops)
        top = self._top(ledger, tops[0])
        rows: list[Holding] = []
        for team in page:
            row = ledger.of_node(team, kind=WalletKind.TEAM, above=(top,))
            rows += [] if _is_gone(row) else [row]
        if not has_all and not rows:
            # All of the page are archived and empty.
            return self.below(node, start=start + PAGE)
        if not has_all:
            _goes_on(rows, top, start + PAGE)
        members = _Members(ledger, places, node.node.pk, goes_on=goes_on)
        return rows + members.below(top, start=max(start, len(own)))

    def alone_below(self, *, start: int) -> list[Holding]:
        """Return a page of the rows of those who are in `global` only."""
        everyone = alone_id(self._product, self._scope)
        places, goes_on = self._places(everyone, start=start)
        members = _Members(self._ledger((), (), places), places, everyone, goes_on=goes_on)
        return members.below(_row_of_alone(everyone), start=start) if everyone and places else []

    def line(self, node: NodeWallet) -> list[Holding]:
        """Return a node's row and those above it."""
        if node.wallet.kind == WalletKind.MEMBERSHIP and node.wallet.parent_id is None:
            top = self._alone_row(node.node.organization_id)
            return [top, self._ledger((), (), [node.node]).of_place(node.node, above=(top,))]
        tops, teams = self._line(node)
        place = [node.node] if node.wallet.kind == WalletKind.MEMBERSHIP else []
        ledger = self._ledger(tops, teams, place, is_branch=True)
        rows = self._holdings(ledger, tops, teams)
        if place:
            rows.append(ledger.of_place(node.node, above=tuple(reversed(rows))))
        return rows

    def found(self, term: str) -> list[Holding]:
        """Return teams and members by a part of their name, without what stands above."""
        teams = self._teams().filter(archived_at=None)
        within = Q(organization__in=self._organizations().values("pk"))
        within |= Q(team__in=self._teams().values("pk"))
        if self._scope.everything:
            within |= _IS_ALONE
        places = _memberships(self._product).filter(within, member__archived_at=None)
        for word in term.split():
            teams = teams.filter(name__icontains=word)
            places = places.filter(
                Q(member__user__name__icontains=word) | Q(member__user__email__icontains=word)
            )
        hits = list(places.select_related("member__user", "team", "organization")[:PAGE])
        named = list(teams.select_related("organization")[:PAGE])
        tops = {
            hit.organization_id: hit.organization
            for hit in (*named, *hits)
            if not hit.organization.is_global
        }
        above = {hit.team_id: hit.team for hit in hits if hit.team_id}
        ledger = self._ledger((), named, hits, more=(*tops.values(), *above.values()))
        mine = {pk: self._top(ledger, top) for pk, top in tops.items() if self._is_mine(pk)}
        rows = []
        for team in named:
            line = (mine[team.organization_id],) if team.organization_id in mine else ()
            row = ledger.of_node(team, kind=WalletKind.TEAM, above=line)
            rows.append(replace(row, depth=0, can_change=bool(line)))
        for hit in hits:
            line = (mine[hit.organization_id],) if hit.organization_id in mine else ()
            if hit.organization.is_global:
                line = (_row_of_alone(hit.organization_id),)
            elif hit.team_id:
                team = ledger.of_node(above[hit.team_id], kind=WalletKind.TEAM, above=line)
                line = (team, *line)
            row = ledger.of_place(hit, above=line, label=f"{hit.member} in {hit}")
            rows.append(replace(row, depth=0))
        return rows

    def _organizations(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = self._product.organization._default_manager.filter(is_global=False)
        return rows if self._scope.everything else rows.filter(pk__in=self._scope.organizations)

    def _teams(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = self._product.team._default_manager.all()
        if self._scope.everything:
            return rows
        # The abstract class does not know the keys that a product adds.
        return rows.filter(
            Q(organization__in=self._scope.organizations) | Q(pk__in=self._scope.teams)
        )

    def _is_mine(self, organization_id: UUID) -> bool:
        return self._scope.everything or organization_id in self._scope.organizations

    def _teams_in_view(
        self, tops: Sequence[Any], open_id: UUID | None
    ) -> tuple[list[Any], UUID | None]:
        """Return the teams to show and the one organization that is open; None if all are."""
        teams = list(self._teams()[: MOST_TEAMS + 1])
        if len(teams) <= MOST_TEAMS:
            return teams, None
        opened = open_id if open_id in {top.pk for top in tops} else None
        if open_id is not None and opened is None:
            team = self._teams().filter(pk=open_id).first()
            opened = team.organization_id if team is not None else None
        in_view = Q(organization=opened)
        if not self._scope.everything:
            in_view |= ~Q(organization__in=self._scope.organizations)
        # An id of nobody: no organization is open.
        return list(self._teams().filter(in_view)), opened or UUID(int=0)

    def _with_direct_members(self, tops: Sequence[Any]) -> set[UUID]:
        places = _memberships(self._product).filter(
            organization__in=[top.pk for top in tops], team=None, member__archived_at=None
        )
        return set(places.order_by().values_list("organization_id", flat=True).distinct())

    def _top(self, ledger: Ledger, organization: Any) -> Holding:
        row = ledger.of_node(organization, kind=WalletKind.ORGANIZATION)
        return replace(row, can_change=self._scope.everything)

    def _alone_row(self, everyone: UUID) -> Holding:
        """Return the row above those who are in `global` only, with what they have together."""
        if self._alone_sums is None:
            self._alone_sums = sums_below_organizations(self._cycle).get(None, Sums())
        have = self._alone_sums
        return replace(
            _row_of_alone(everyone),
            given_on=have.credited,
            used_below=have.used,
            held_below=have.reserved,
        )

    def _line(self, node: NodeWallet) -> tuple[list[Any], list[Any]]:
        """Return the organization and the team of a node, as far as they are in the scope."""
        tops = list(self._organizations().filter(pk=node.organization_id))
        return tops, list(self._teams().filter(pk=node.team_id)) if node.team_id else []

    def _holdings(self, ledger: Ledger, tops: Sequence[Any], teams: Sequence[Any]) -> list[Holding]:
        rows = [self._top(ledger, organization) for organization in tops]
        for team in teams:
            row = ledger.of_node(team, kind=WalletKind.TEAM, above=tuple(reversed(rows)))
            rows.append(replace(row, can_change=bool(rows)))
        return rows

    def _branch(
        self, ledger: Ledger, team: Any, above: tuple[Holding, ...], members: "_Members"
    ) -> list[Holding]:
        """Return a team's row, and if it is open those of its members."""
        row = ledger.of_node(team, kind=WalletKind.TEAM, above=above)
        if _is_gone(row):
            return []
        is_open = team.pk == members.open_id
        row = replace(row, is_open=is_open, can_change=bool(above))
        return [row, *members.below(row, above=(row, *above))] if is_open else [row]

    def _ledger(
        self,
        tops: Sequence[Any],
        teams: Sequence[Any],
        places: Sequence[Any],
        *,
        more: Iterable[Any] = (),
        is_branch: bool = False,
    ) -> Ledger:
        """Read what nodes hold; of `more` without what stands below them."""
        nodes = (*tops, *teams, *places, *more)
        own = None
        if not self._scope.everything:
            # Who administers a branch overrides the shares of what is split inside it.
            mine = self._organizations().values_list("wallet_id", flat=True)
            own = [*mine, *self._teams().values_list("wallet_id", flat=True)]
        return Ledger(
            self._cycle,
            [node.wallet_id for node in nodes],
            below=self._below(tops, teams, is_branch=is_branch),
            shared_by=own,
        )

    def _below(
        self, tops: Sequence[Any], teams: Sequence[Any], *, is_branch: bool
    ) -> Mapping[UUID, Sums]:
        some = [node.wallet_id for node in (*tops, *teams)]
        if not self._scope.everything or is_branch or not tops:
            return sums_below(self._cycle, some) if some else {}
        found = sums_below(self._cycle, [team.wallet_id for team in teams])
        for top, sums in sums_below_organizations(self._cycle).items():
            if top is None:
                self._alone_sums = sums
            else:
                found[top] = sums
        return found

    def _places(self, node_id: UUID | None, *, start: int = 0) -> tuple[list[Any], bool]:
        """Return a page of those in a team, or directly in an organization, and if it goes on."""
        if node_id is None:
            return [], False
        found = list(
            _memberships(self._product)
            .filter(Q(team=node_id) | Q(organization=node_id, team=None))
            .filter(Q(organization__is_global=False) | _IS_ALONE, member__archived_at=None)
            .select_related("member__user", "team", "organization")
            .order_by("member__user__name", "member__user__email", "pk")[start : start + PAGE + 1]
        )
        return found[:PAGE], len(found) > PAGE


class _Members:
    """A page of the members of the one node that is open."""

    def __init__(
        self, ledger: Ledger, places: Collection[Any], open_id: UUID | None, *, goes_on: bool
    ) -> None:
        self._ledger, self._places, self._has_more = ledger, places, goes_on
        self.open_id = open_id

    def below(
        self, node: Holding, *, start: int = 0, above: tuple[Holding, ...] = ()
    ) -> list[Holding]:
        """Return their rows below that node; `start` is how many rows of it come before."""
        rows = [self._ledger.of_place(place, above=above or (node,)) for place in self._places]
        if self._has_more:
            _goes_on(rows, node, start + PAGE)
        return rows


def _close(
    rows: list[Holding],
    top: Holding,
    teams: Sequence[Any],
    members: _Members,
    *,
    has_members: bool,
) -> None:
    """Say after an open organization's rows which of those below it are not shown yet."""
    shown = len(_up_to(teams, members.open_id))
    if shown < len(teams) or (has_members and top.node_id != members.open_id):
        _goes_on(rows, top, shown)


def _goes_on(rows: list[Holding], node: Holding, start: int) -> None:
    """Say after the last row that what stands below a node goes on."""
    last = rows[-1]
    more = More(node.wallet_id, start, (*node.path, node.wallet_id))
    rows[-1] = replace(last, more=(*last.more, more))


def _up_to(teams: Sequence[Any], open_id: UUID | None) -> Sequence[Any]:
    """Return a page of teams, and as many more as it takes to see the one that is open."""
    place = next((place for place, team in enumerate(teams) if team.pk == open_id), 0)
    return teams[: max(PAGE, place + 1)]


def _memberships(product: Product) -> QuerySet[Any]:
    # The abstract class does not know the keys that a product adds.
    rows: QuerySet[Any] = product.membership._default_manager.filter(archived_at=None)
    return rows


# Everybody is in `global`; it is the primary place of those who are nowhere else.
_IS_ALONE = Q(organization__is_global=True, is_primary=True)


def _alone(product: Product) -> QuerySet[Any]:
    return _memberships(product).filter(_IS_ALONE, member__archived_at=None)


def _row_of_alone(everyone: UUID) -> Holding:
    return Holding(
        wallet_id=everyone,
        kind=ALONE,
        label=str(_("Only in global")),
        node_id=everyone,
        can_change=False,
        members_draw_on=str(WalletKind.POOL.label),
    )


def _is_gone(node: Holding) -> bool:
    # An archived node still shows while its credits are in this cycle.
    return node.is_archived and node.is_empty
