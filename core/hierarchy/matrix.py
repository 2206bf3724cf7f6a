"""The rows of a matrix, a page at a time: what is shown of a large account at once.

A small account is open as a whole. Of a large one there are organizations first; the teams of one,
and the members of a team, come by opening it. A search, or a kind, lists nodes one below the other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from core.access.rules.paths import PathNode
from core.access.scopes import Scope
from core.hierarchy import reach, selectors
from core.hierarchy.policies import (
    PolicyRow,
    acting_places,
    global_of,
    in_one_branch,
    organizations_seen,
    row_at,
    row_of_organization,
    row_of_team,
    rows_of_nodes,
    team_rows,
)
from core.hierarchy.product import Product

PAGE = 50
# So many teams are shown without anybody opening anything.
FEW_TEAMS = 40
# What one change of all that match may take.
MOST_MATCHING = 5_000
KINDS = ("organization", "team", "member")


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody looks at: a tree in which one node is open, or the nodes that match.

    `within` narrows a list to what is directly below one organization or team.
    """

    term: str = ""
    kind: str = ""
    within: UUID | None = None
    open_id: UUID | None = None
    page: int = 1

    @property
    def is_list(self) -> bool:
        """Whether nodes are listed one below the other rather than as a tree."""
        return bool(self.term.strip() or self.kind)


@dataclass(frozen=True, slots=True)
class More:
    """What of the teams or members directly below an open node is not shown."""

    within: UUID
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """One page of rows. `more` stands after the row with the node that it is kept by.

    `matching` is how many a change of all that match would reach, members of a tree left out.
    """

    rows: list[PolicyRow]
    page: Page[Any]
    matching: int
    more: Mapping[UUID, list[More]] = field(default_factory=dict)


def matrix_of(product: Product, scope: Scope, look: Look) -> Matrix:
    """Return what to show; the number of queries does not depend on the account's size."""
    if look.is_list:
        return _list(product, scope, look)
    return _tree(product, scope, look)


def rows_matching(product: Product, scope: Scope, look: Look) -> list[PolicyRow]:
    """Return the nodes that a change of all that match reaches, `MOST_MATCHING` at most."""
    kinds = _kinds(product, scope, look)
    if not look.is_list:
        del kinds["member"]
    everyone = global_of(product)
    found: list[PolicyRow] = []
    # What a branch's top may use is decided above its admin.
    if scope.everything:
        rows = kinds.get("organization", ())[:MOST_MATCHING]
        found += [row_of_organization(scope, everyone, row) for row in rows]
    if "team" in kinds:
        found += team_rows(scope, everyone, kinds["team"][: MOST_MATCHING - len(found)])
    members = kinds.get("member")
    if members is not None:
        ids = list(members.values_list("pk", flat=True)[: MOST_MATCHING - len(found)])
        found += rows_of_nodes(product, scope, ids).values()
    return [row for row in found if row.can_edit]


def _list(product: Product, scope: Scope, look: Look) -> Matrix:
    listed: Any = _Listed(_kinds(product, scope, look))
    page: Page[Any] = Paginator(listed, PAGE).get_page(look.page)
    ids = list(page.object_list)
    rows = rows_of_nodes(product, scope, ids)
    # Somebody may have no place that calls come from.
    matching = page.paginator.count
    if not scope.everything:
        matching -= listed.counts.get("organization", 0)
    return Matrix([rows[key] for key in ids if key in rows], page, matching)


def _kinds(product: Product, scope: Scope, look: Look) -> dict[str, QuerySet[Any]]:
    """Return what matches, by kind: organizations, teams, members, each by name."""
    organizations = organizations_seen(product, scope)
    teams = selectors.team_choices(product, scope)
    members = reach.members_within(product, scope).filter(archived_at=None)
    if look.within is not None:
        organizations = organizations.none()
        teams = teams.filter(organization=look.within)
        places = acting_places(product)
        below = places.filter(team=look.within) | places.filter(team=None, organization=look.within)
        members = members.filter(pk__in=below.values("member"))
    found = {
        "organization": reach.named(organizations, look.term, "name"),
        "team": reach.named(teams, look.term, "name"),
        "member": selectors.named_like(members, look.term),
    }
    return {kind: rows for kind, rows in found.items() if look.kind in {"", kind}}


class _Listed:
    """Ids of several queries, one after the other, for a paginator."""

    def __init__(self, kinds: Mapping[str, QuerySet[Any]]) -> None:
        self.counts = {kind: rows.count() for kind, rows in kinds.items()}
        self._kinds = kinds

    def count(self) -> int:
        return sum(self.counts.values())

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[UUID]:
        found: list[UUID] = []
        start, stop = part.start, part.stop
        for kind, rows in self._kinds.items():
            count = self.counts[kind]
            if start < count and stop > 0:
                found += rows.values_list("pk", flat=True)[max(start, 0) : stop]
            start, stop = start - count, stop - count
        return found


def _tree(product: Product, scope: Scope, look: Look) -> Matrix:
    everyone = global_of(product)
    teams = selectors.team_choices(product, scope)
    count = teams.order_by().count()
    page: Page[Any] = Paginator(organizations_seen(product, scope), PAGE).get_page(look.page)
    shown = list(page.object_list)
    opened = teams.filter(pk=look.open_id).first() if look.open_id is not None else None
    if opened is not None and all(row.pk != opened.organization_id for row in shown):
        shown.append(opened.organization)
    tree = _Tree(product, scope, everyone, look.open_id, opened)
    if count <= FEW_TEAMS:
        tree.read_all(teams)
    elif tree.open_organization is not None:
        tree.read_teams(teams)
    rows = [row_at((everyone,), can_edit=scope.everything)] if page.number == 1 else []
    for row in shown:
        rows += tree.organization(row)
    above = page.paginator.count if scope.everything else 0
    return Matrix(rows, page, above + count, tree.more)


@dataclass(slots=True)
class _Tree:
    product: Product
    scope: Scope
    everyone: PathNode
    open_id: UUID | None
    open_team: Any
    teams: dict[UUID, list[Any]] = field(default_factory=dict)
    hidden_teams: int = 0
    more: dict[UUID, list[More]] = field(default_factory=dict)

    @property
    def open_organization(self) -> UUID | None:
        """The organization whose inside is shown."""
        return self.open_id if self.open_team is None else self.open_team.organization_id

    def read_all(self, teams: Iterable[Any]) -> None:
        """Take all teams."""
        for team in teams:
            self.teams.setdefault(team.organization_id, []).append(team)

    def read_teams(self, teams: QuerySet[Any]) -> None:
        """Take the first teams of the open organization, and the one that is open."""
        below = teams.filter(organization=self.open_organization)
        found = list(below[:PAGE])
        if self.open_team is not None and self.open_team not in found:
            found.append(self.open_team)
        self.read_all(found)
        self.hidden_teams = below.count() - len(found)

    def organization(self, row: Any) -> Iterator[PolicyRow]:
        """Yield an organization with what is shown below it."""
        at = row_of_organization(self.scope, self.everyone, row)
        is_open = row.pk == self.open_organization
        yield replace(at, is_open=is_open)
        last = at.node.id
        for team in self.teams.get(row.pk, []):
            inner = row_of_team(self.scope, self.everyone, team)
            yield replace(inner, is_open=team.pk == self.open_id)
            last = team.pk
            if team.pk == self.open_id:
                for member in self._members(inner, team=team.pk):
                    last = member.node.id
                    yield member
        if is_open and self.hidden_teams > 0:
            self._say_more(last, More(row.pk, "team", self.hidden_teams))
        if row.pk == self.open_id:
            yield from self._members(at, organization=row.pk, team=None)

    def _say_more(self, after: UUID, more: More) -> None:
        self.more.setdefault(after, []).append(more)

    def _members(self, above: PolicyRow, **where: Any) -> Iterator[PolicyRow]:
        within = selectors.places_for(self.product, self.scope).values("pk")
        places = acting_places(self.product).filter(pk__in=within, **where)
        named = places.select_related("member__user")
        found = list(named.order_by("member__user__name", "member__user__email")[: PAGE + 1])
        own = in_one_branch(self.product, self.scope, [place.member_id for place in found])
        for place in found[:PAGE]:
            node = PathNode("member", place.member_id, str(place.member))
            yield row_at((*above.path, node), can_edit=node.id in own)
        if len(found) > PAGE:
            hidden = More(above.node.id, "member", places.count() - PAGE)
            self._say_more(found[PAGE - 1].member_id, hidden)
