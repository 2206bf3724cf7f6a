"""LLM policies of nodes, by name: the rows of the matrix, and who gains or loses by a change."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from core.access.rules.llms import Ids, LlmPolicy
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


@dataclass(frozen=True, slots=True)
class Effect:
    """How many places gain and lose each LLM, and how many a change touches at all."""

    gains: Mapping[UUID, int] = field(default_factory=dict)
    losses: Mapping[UUID, int] = field(default_factory=dict)
    places: int = 0


def path_of(product: Product, place: Any) -> Path:
    """Return the path of a membership, from `global` down to its member."""
    path = [_global_of(product)]
    if not place.organization.is_global:
        path.append(PathNode("organization", place.organization_id, place.organization.name))
    if place.team is not None:
        path.append(PathNode("team", place.team_id, place.team.name))
    return (*path, PathNode("member", place.member_id, str(place.member)))


def paths_of_user(product: Product, user: Any) -> list[Path]:
    """Return the paths that a user's calls can take: one for each place."""
    places = (
        _places(product)
        .filter(Q(team=None) | Q(team__archived_at=None), member__user=user)
        .filter(organization__archived_at=None)
        .select_related("member__user", "organization", "team")
    )
    return [path_of(product, place) for place in places]


def policy_rows(product: Product, scope: Scope, *, open_id: UUID | None = None) -> list[PolicyRow]:
    """Return the nodes of a scope, parents first, with the members of the one that is open.

    A branch admin also sees the nodes above the branch, which explain what it inherits, and cannot
    change those or the branch's own top: what somebody has is decided above them.
    """
    organizations = {row.pk: row for row in _organizations(product, scope)}
    everyone = _global_of(product)
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
    for row in policy_rows(product, scope):
        if (row.node.kind, row.node.id) == (kind, node_id):
            return row
    raise NotFound(f"There is no such {kind}.")


def check_editable(row: PolicyRow) -> None:
    """Refuse to change what is decided above who asks.

    Raises:
        NotAllowed: the node is the top of their branch, or above it.
    """
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
    top = next(
        place
        for place, node in enumerate(row.path)
        if node.id in scope.organizations or node.id in scope.teams
    )
    given = policy.add | (policy.only or frozenset())
    if not given <= access.llms(row.path[: top + 1]):
        raise NotAllowed("You can give only LLMs that your own branch may use.")


def effect_of(product: Product, access: ProductAccess, node: PathNode, policy: LlmPolicy) -> Effect:
    """Return who would gain and lose what if a node said `policy`; two queries.

    Places are counted rather than people: somebody in two teams acts from either.
    """
    after = replace(access, policies={**access.policies, node.id: policy})
    gains: Counter[UUID] = Counter()
    losses: Counter[UUID] = Counter()
    touched = 0
    for path, count in _places_below(product, access.policies, node):
        before_ids, after_ids = access.llms(path), after.llms(path)
        if before_ids != after_ids:
            touched += count
        gains.update(_times(after_ids - before_ids, count))
        losses.update(_times(before_ids - after_ids, count))
    return Effect(gains, losses, touched)


def effect_of_switch(
    product: Product, access: ProductAccess, node: PathNode, feature: str, switch: Switch | None
) -> tuple[int, int]:
    """Return how many places gain, and how many lose, a feature if a node said `switch`."""
    switches = dict(access.switches.get(feature, {}))
    speaking = set(switches)
    switches.pop(node.id, None)
    if switch is not None:
        switches[node.id] = switch
    after = replace(access, switches={**access.switches, feature: switches})
    gains = losses = 0
    for path, count in _places_below(product, speaking, node):
        has, will_have = access.has(feature, path), after.has(feature, path)
        gains += count * (will_have and not has)
        losses += count * (has and not will_have)
    return gains, losses


def _times(ids: Ids, count: int) -> dict[UUID, int]:
    return dict.fromkeys(ids, count)


def _places_below(
    product: Product, said: Iterable[UUID], node: PathNode
) -> Iterable[tuple[Path, int]]:
    """Yield the paths below a node with how many places share each.

    Places whose member is not among `said`, the nodes that say something, differ only by
    organization and team.
    """
    everyone = _global_of(product)
    places: Any = _places(product).filter(_below(node))
    speaking = [key for key in said if key not in {node.id, everyone.id}]
    own = Q(member__in=speaking) | (Q(member=node.id) if node.kind == "member" else Q(pk=None))
    silent = (
        places.exclude(own)
        .values_list("organization", "team", "organization__is_global")
        .annotate(count=Count("pk"))
        .order_by()
    )
    for organization, team, is_global, count in silent:
        yield _path(everyone, None if is_global else organization, team, None), count
    named = places.filter(own).values_list(
        "organization", "team", "organization__is_global", "member"
    )
    for organization, team, is_global, member in named:
        yield _path(everyone, None if is_global else organization, team, member), 1


def _path(everyone: PathNode, organization: Any, team: Any, member: Any) -> Path:
    nodes = [everyone]
    if organization is not None:
        nodes.append(PathNode("organization", organization))
    if team is not None:
        nodes.append(PathNode("team", team))
    if member is not None:
        nodes.append(PathNode("member", member))
    return tuple(nodes)


def _below(node: PathNode) -> Q:
    return Q() if node.kind == "global" else Q(**{node.kind: node.id})


def _places(product: Product) -> QuerySet[Any]:
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


def _global_of(product: Product) -> PathNode:
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
    places = (
        _places(product)
        .filter(pk__in=selectors.places_for(product, scope).values("pk"), **where)
        .select_related("member__user")
        .order_by("member__user__name", "member__user__email")[:MOST_MEMBERS]
    )
    return [
        _row((*path, PathNode("member", place.member_id, str(place.member))), 1, can_edit=True)
        for place in places
    ]


def _member_row(product: Product, scope: Scope, member_id: UUID) -> PolicyRow:
    place = (
        _places(product)
        .filter(member=member_id, pk__in=selectors.places_for(product, scope).values("pk"))
        .select_related("member__user", "organization", "team")
        .order_by("-is_primary", "organization__is_global", "created_at")
        .first()
    )
    if place is None:
        raise NotFound("There is no such member.")
    return _row(path_of(product, place), 1, can_edit=True)
