"""Policies of nodes, by name: the rows of the matrix, and whose hands a node is in."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import Path, PathNode
from core.access.rules.product import ProductAccess
from core.access.rules.switches import Switch
from core.access.scopes import EVERYTHING, Scope
from core.hierarchy import selectors
from core.hierarchy.product import Product
from core.kit.problems import NotAllowed, NotFound

# What a page shows of the members of one node.
MOST_MEMBERS = 100


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A node with its path from `global` down. `can_edit`: the node lies in the viewer's hands."""

    node: PathNode
    path: Path
    members: int
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


def policy_rows(product: Product, scope: Scope, *, open_id: UUID | None = None) -> list[PolicyRow]:
    """Return the nodes of a scope, parents first, with the members of the one that is open.

    A branch admin also sees the nodes above the branch, which explain what it inherits, and cannot
    change those or the branch's own top: what somebody has is decided above them.
    """
    organizations = {row.pk: row for row in _organizations(product, scope)}
    everyone = global_of(product)
    rows = [_row((everyone,), _count_of_all(product, scope), can_edit=scope.everything)]
    teams: dict[UUID, list[Any]] = {}
    for team in selectors.teams_for(product, scope).filter(archived_at=None):
        teams.setdefault(team.organization_id, []).append(team)
    for organization in organizations.values():
        path = (everyone, PathNode("organization", organization.pk, organization.name))
        rows.append(
            _row(path, organization.member_count, can_edit=scope.everything, open_id=open_id)
        )
        rows += _members(product, scope, path, open_id, organization=organization.pk, team=None)
        for team in teams.get(organization.pk, ()):
            inner = (*path, PathNode("team", team.pk, team.name))
            can_edit = scope.everything or organization.pk in scope.organizations
            rows.append(_row(inner, team.member_count, can_edit=can_edit, open_id=open_id))
            rows += _members(product, scope, inner, open_id, team=team.pk)
    return rows


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
        row = _row((everyone,), _count_of_all(product, scope), can_edit=scope.everything)
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


def _organizations(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the organizations to show: those of the scope, and those above its teams."""
    rows = selectors.organizations_for(product, EVERYTHING).filter(
        is_global=False, archived_at=None
    )
    if scope.everything:
        return rows
    above = selectors.teams_for(product, scope).values("organization")
    return rows.filter(Q(pk__in=scope.organizations) | Q(pk__in=above))


def global_of(product: Product) -> PathNode:
    """Return the node that everyone is below."""
    row = product.organization._default_manager.get(is_global=True)
    return PathNode("global", row.pk, row.name)


def _count_of_all(product: Product, scope: Scope) -> int:
    return selectors.places_for(product, scope).values("member").distinct().count()


def _row(path: Path, members: int, *, can_edit: bool, open_id: UUID | None = None) -> PolicyRow:
    return PolicyRow(path[-1], path, members, can_edit, is_open=path[-1].id == open_id)


def _members(
    product: Product, scope: Scope, path: Path, open_id: UUID | None, **where: Any
) -> list[PolicyRow]:
    if path[-1].id != open_id:
        return []
    places = list(
        acting_places(product)
        .filter(pk__in=selectors.places_for(product, scope).values("pk"), **where)
        .select_related("member__user")
        .order_by("member__user__name", "member__user__email")[:MOST_MEMBERS]
    )
    own = _in_one_branch(product, scope, [place.member_id for place in places])
    return [
        _row(
            (*path, PathNode("member", place.member_id, str(place.member))),
            1,
            can_edit=place.member_id in own,
        )
        for place in places
    ]


def _in_one_branch(product: Product, scope: Scope, members: Collection[UUID]) -> set[UUID]:
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
        found[everyone.id] = _row((everyone,), 0, can_edit=scope.everything)
    for row in _organizations(product, scope).filter(pk__in=ids):
        path = (everyone, PathNode("organization", row.pk, row.name))
        found[row.pk] = _row(path, row.member_count, can_edit=scope.everything)
    for team in selectors.teams_for(product, scope).filter(archived_at=None, pk__in=ids):
        found[team.pk] = _row_of_team(scope, everyone, team)
    places = (
        acting_places(product)
        .filter(member__in=ids, pk__in=selectors.places_for(product, scope).values("pk"))
        .select_related("member__user", "organization", "team")
        .order_by("is_primary", "-organization__is_global", "-created_at")
    )
    own = _in_one_branch(product, scope, ids)
    for place in places:
        can_edit = place.member_id in own
        found[place.member_id] = _row(path_below(everyone, place), 1, can_edit=can_edit)
    return found


def _organization_row(
    product: Product, scope: Scope, everyone: PathNode, node_id: UUID
) -> PolicyRow | None:
    found = _organizations(product, scope).filter(pk=node_id).first()
    if found is None:
        return None
    path = (everyone, PathNode("organization", found.pk, found.name))
    return _row(path, found.member_count, can_edit=scope.everything)


def _team_row(
    product: Product, scope: Scope, everyone: PathNode, node_id: UUID
) -> PolicyRow | None:
    found = selectors.teams_for(product, scope).filter(archived_at=None, pk=node_id).first()
    return None if found is None else _row_of_team(scope, everyone, found)


def _row_of_team(scope: Scope, everyone: PathNode, team: Any) -> PolicyRow:
    above = team.organization
    path = (
        everyone,
        PathNode("organization", above.pk, above.name),
        PathNode("team", team.pk, team.name),
    )
    return _row(path, team.member_count, can_edit=scope.has_organization(above.pk))


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
    own = _in_one_branch(product, scope, [member_id])
    return _row(path_of(product, place), 1, can_edit=member_id in own)
