"""Policies of nodes, by name: the rows of the matrix, and whose hands a node is in."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import Path, PathNode
from core.access.rules.product import ProductAccess
from core.access.rules.switches import Switch
from core.access.scopes import EVERYTHING, Scope
from core.hierarchy import selectors
from core.hierarchy.product import Product
from core.kit.problems import NotAllowed, NotFound

RowT = TypeVar("RowT", bound=Model)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A node with its path from `global` down. `can_edit`: the node lies in the viewer's hands."""

    node: PathNode
    path: Path
    can_edit: bool
    is_open: bool = False

    @property
    def depth(self) -> int:
        """How far below `global` it stands."""
        return len(self.path) - 1


def path_of(product: Product, place: Any) -> Path:
    """Return the path of a membership, from `global` down to its member."""
    return path_below(global_of(product), place)


def path_below(everyone: PathNode, place: Any) -> Path:
    """Return the path of a membership, where `global` is known."""
    path = [everyone]
    if not place.organization.is_global:
        path.append(PathNode("organization", place.organization_id, place.organization.name))
    if place.team is not None:
        path.append(PathNode("team", place.team_id, place.team.name))
    return (*path, PathNode("member", place.member_id, str(place.member)))


def paths_of_user(product: Product, user: Any) -> list[Path]:
    """Return the paths that a user's calls can take: one for each place."""
    places = (
        acting_places(product)
        .filter(Q(team=None) | Q(team__archived_at=None), member__user=user)
        .filter(organization__archived_at=None)
        .select_related("member__user", "organization", "team")
    )
    everyone = global_of(product)
    return [path_below(everyone, place) for place in places]


def row_named(product: Product, scope: Scope, kind: str, node_id: UUID) -> PolicyRow:
    """Return one node of a scope; a member stands on the path of the first place there.

    Raises:
        NotFound: the scope has no such node.
    """
    if kind == "member":
        return _member_row(product, scope, node_id)
    everyone = global_of(product)
    row: PolicyRow | None = None
    if kind == "global" and node_id == everyone.id:
        row = row_at((everyone,), can_edit=scope.everything)
    if kind == "organization":
        row = _organization_row(product, scope, everyone, node_id)
    if kind == "team":
        row = _team_row(product, scope, everyone, node_id)
    if row is None:
        raise NotFound(f"There is no such {kind}.")
    return row


def check_editable(row: PolicyRow) -> None:
    """Refuse to change what is decided above who asks.

    Raises:
        NotAllowed: the node is the top of their branch, or above it; or it is somebody who acts
            from other branches too.
    """
    if not row.can_edit and row.node.kind == "member":
        raise NotAllowed(
            "This person also acts from where you administer nothing. Say it for a team of yours, "
            "or ask an account admin."
        )
    if not row.can_edit:
        raise NotAllowed("What this node may use is decided above it. Ask an account admin.")


def check_within(access: ProductAccess, row: PolicyRow, scope: Scope, policy: LlmPolicy) -> None:
    """Refuse what goes beyond the hands of who asks.

    Raises:
        NotAllowed: the node is not theirs to change, or they would give what they do not have.
    """
    check_editable(row)
    if scope.everything:
        return
    given = policy.add | (policy.only or frozenset())
    if not given <= access.llms(branch_of(row, scope)):
        raise NotAllowed("You can give only LLMs that your own branch may use.")


def check_feature_within(
    access: ProductAccess, row: PolicyRow, scope: Scope, feature: str, switch: Switch | None
) -> None:
    """Refuse to give a feature beyond the hands of who asks.

    Raises:
        NotAllowed: the node is not theirs to change, or they would give what they do not have.
    """
    check_editable(row)
    gives = switch is not None and switch.is_on
    if not scope.everything and gives and not access.has(feature, branch_of(row, scope)):
        raise NotAllowed("Your own branch does not have this feature.")


def branch_of(row: PolicyRow, scope: Scope) -> Path:
    """Return the path down to the top of the branch that a node belongs to in a scope."""
    top = next(
        place
        for place, node in enumerate(row.path)
        if node.id in scope.organizations or node.id in scope.teams
    )
    return row.path[: top + 1]


def acting_places(product: Product) -> QuerySet[Any]:
    """Return the memberships that calls can come from."""
    # The abstract class does not know the keys that a product adds.
    rows: QuerySet[Any] = product.membership._default_manager.all()
    # Who has another place does not act from `global` (core.hierarchy.seats).
    return rows.filter(
        Q(is_primary=True) | Q(organization__is_global=False),
        archived_at=None,
        member__archived_at=None,
    )


def organizations_seen(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the organizations in use to show: those of the scope, and those above its teams."""
    rows = selectors.organization_choices(product, EVERYTHING)
    if scope.everything:
        return rows
    above = selectors.team_choices(product, scope).order_by().values("organization")
    return rows.filter(Q(pk__in=scope.organizations) | Q(pk__in=above))


def global_of(product: Product) -> PathNode:
    """Return the node that everyone is below."""
    row = product.organization._default_manager.get(is_global=True)
    return PathNode("global", row.pk, row.name)


def row_at(path: Path, *, can_edit: bool, is_open: bool = False) -> PolicyRow:
    """Return the row at the end of a path."""
    return PolicyRow(path[-1], path, can_edit, is_open)


def row_of_organization(scope: Scope, everyone: PathNode, row: Any) -> PolicyRow:
    """Return the row of an organization below `global`."""
    path = (everyone, PathNode("organization", row.pk, row.name))
    return row_at(path, can_edit=scope.everything)


def row_of_team(scope: Scope, everyone: PathNode, team: Any) -> PolicyRow:
    """Return the row of a team, whose organization is read with it."""
    above = PathNode("organization", team.organization_id, team.organization.name)
    path = (everyone, above, PathNode("team", team.pk, team.name))
    return row_at(path, can_edit=scope.has_organization(above.id))


def team_rows(scope: Scope, everyone: PathNode, teams: QuerySet[Any]) -> list[PolicyRow]:
    """Return the rows of thousands of teams, without an object of each from the database."""
    columns = ("pk", "name", "organization", "organization__name")
    above: dict[UUID, PathNode] = {}
    found = []
    for key, name, organization, title in teams.values_list(*columns):
        parent = above.get(organization)
        if parent is None:
            parent = above[organization] = PathNode("organization", organization, title)
        path = (everyone, parent, PathNode("team", key, name))
        found.append(row_at(path, can_edit=scope.has_organization(organization)))
    return found


def in_one_branch(product: Product, scope: Scope, members: Collection[UUID]) -> set[UUID]:
    """Return those of some members who act from one branch of a scope and from nowhere else.

    What is said of a member counts wherever they act from, so it is for those alone to say who
    administer all of that.
    """
    if scope.everything:
        return set(members)
    tops: dict[UUID, set[UUID | None]] = {}
    places = acting_places(product).filter(member__in=members)
    for member, organization, team in places.values_list("member", "organization", "team"):
        of_team = team if team in scope.teams else None
        top = organization if organization in scope.organizations else of_team
        tops.setdefault(member, set()).add(top)
    return {member for member, found in tops.items() if len(found) == 1 and None not in found}


def rows_of_nodes(product: Product, scope: Scope, ids: Collection[UUID]) -> dict[UUID, PolicyRow]:
    """Return those of some nodes that a scope shows, by id; a fixed number of queries."""
    everyone = global_of(product)
    found: dict[UUID, PolicyRow] = {}
    if everyone.id in ids:
        found[everyone.id] = row_at((everyone,), can_edit=scope.everything)
    for row in organizations_seen(product, scope).filter(pk__in=ids):
        found[row.pk] = row_of_organization(scope, everyone, row)
    for team in selectors.team_choices(product, scope).filter(pk__in=ids):
        found[team.pk] = row_of_team(scope, everyone, team)
    places = (
        acting_places(product)
        .filter(member__in=ids, pk__in=selectors.places_for(product, scope).values("pk"))
        .select_related("member__user", "organization", "team")
        .order_by("is_primary", "-organization__is_global", "-created_at")
    )
    own = in_one_branch(product, scope, ids)
    for place in places:
        found[place.member_id] = row_at(
            path_below(everyone, place), can_edit=place.member_id in own
        )
    return found


def of_nodes_shown(product: Product, scope: Scope, rows: QuerySet[RowT]) -> QuerySet[RowT]:
    """Return those of some rows with a `node_id` whose node `rows_of_nodes` would find.

    A page of them is as long as it says: what is not in sight is left out before it is counted.
    """
    teams = selectors.team_choices(product, scope).order_by()
    places = acting_places(product).filter(
        pk__in=selectors.places_for(product, scope).order_by().values("pk")
    )
    return rows.filter(
        Q(node_id=global_of(product).id)
        | Exists(organizations_seen(product, scope).order_by().filter(pk=OuterRef("node_id")))
        | Exists(teams.filter(pk=OuterRef("node_id")))
        | Exists(places.filter(member=OuterRef("node_id")))
    )


def _organization_row(
    product: Product, scope: Scope, everyone: PathNode, node_id: UUID
) -> PolicyRow | None:
    found = organizations_seen(product, scope).filter(pk=node_id).first()
    return None if found is None else row_of_organization(scope, everyone, found)


def _team_row(
    product: Product, scope: Scope, everyone: PathNode, node_id: UUID
) -> PolicyRow | None:
    found = selectors.team_choices(product, scope).filter(pk=node_id).first()
    return None if found is None else row_of_team(scope, everyone, found)


def _member_row(product: Product, scope: Scope, member_id: UUID) -> PolicyRow:
    place = (
        acting_places(product)
        .filter(member=member_id, pk__in=selectors.places_for(product, scope).values("pk"))
        .select_related("member__user", "organization", "team")
        .order_by("-is_primary", "organization__is_global", "created_at")
        .first()
    )
    if place is None:
        raise NotFound("There is no such member.")
    own = in_one_branch(product, scope, [member_id])
    return row_at(path_of(product, place), can_edit=member_id in own)
