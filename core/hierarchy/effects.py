"""Who gains and loses what by a change of policies: known before it counts.

Places are counted rather than people: somebody in two teams acts from either.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from core.access.rules.grants import Grant
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import Path, PathNode
from core.access.rules.product import ProductAccess, Thing
from core.access.rules.switches import Switch
from core.hierarchy.policies import acting_places, global_of
from core.hierarchy.product import Product


@dataclass(frozen=True, slots=True)
class Effect:
    """How many places gain and lose each thing, and how many a change touches at all.

    Things are named by what decides about them: LLMs by their ids, features by their keys.
    `gaining` and `losing` count places by organization.
    """

    gains: Mapping[Any, int] = field(default_factory=dict)
    losses: Mapping[Any, int] = field(default_factory=dict)
    places: int = 0
    gaining: Mapping[UUID, int] = field(default_factory=dict)
    losing: Mapping[UUID, int] = field(default_factory=dict)


def effect_of_policies(
    product: Product, access: ProductAccess, changes: Mapping[PathNode, LlmPolicy]
) -> Effect:
    """Return who would gain and lose which LLM if these nodes said so; two queries."""
    said = {node.id: policy for node, policy in changes.items()}
    after = replace(access, policies={**access.policies, **said})
    return _effect(
        product,
        changes,
        {*access.policies, *said},
        lambda path: (access.llms(path), after.llms(path)),
    )


def effect_of_llm(product: Product, access: ProductAccess, llm: UUID, *, is_on: bool) -> Effect:
    """Return who would gain or lose an LLM if it were switched on or off for the account."""
    one = frozenset({llm})
    after = replace(access, on=access.on | one if is_on else access.on - one)
    everyone = global_of(product)
    return _effect(
        product,
        [everyone],
        access.policies,
        lambda path: (access.llms(path) & one, after.llms(path) & one),
    )


def reach_of_llms(product: Product, access: ProductAccess) -> Mapping[UUID, int]:
    """Return how many places have each offered LLM, or would have it; two queries."""
    after = replace(access, on=access.offered)
    nobody: frozenset[Any] = frozenset()
    effect = _effect(
        product, [global_of(product)], access.policies, lambda path: (nobody, after.llms(path))
    )
    return effect.gains


def effect_of_switches(
    product: Product,
    access: ProductAccess,
    changes: Mapping[PathNode, Mapping[str, Switch | None]],
) -> Effect:
    """Return who would gain and lose which feature if these nodes said so; None inherits."""
    switches = {feature: dict(said) for feature, said in access.switches.items()}
    features: set[str] = set()
    for node, said in changes.items():
        for feature, switch in said.items():
            features.add(feature)
            of_feature = switches.setdefault(feature, {})
            of_feature.pop(node.id, None)
            if switch is not None:
                of_feature[node.id] = switch
    after = replace(access, switches=switches)

    def had_and_has(path: Path) -> tuple[frozenset[str], frozenset[str]]:
        had, has = (
            frozenset(feature for feature in features if at.has(feature, path))
            for at in (access, after)
        )
        return had, has

    speaking = {node for feature in features for node in access.switches.get(feature, {})}
    return _effect(product, changes, speaking | {node.id for node in changes}, had_and_has)


def effect_of_grants(
    product: Product,
    access: ProductAccess,
    thing: Thing,
    changes: Mapping[PathNode, Grant | None],
    at: datetime,
) -> Effect:
    """Return who would gain and lose a thing if these nodes said so; None says nothing."""
    said = dict(access.grants.get(thing, {}))
    speaking = {*said, *(node.id for node in changes)}
    for node, grant in changes.items():
        said.pop(node.id, None)
        if grant is not None:
            said[node.id] = grant
    after = replace(access, grants={**access.grants, thing: said})
    one = frozenset({thing})

    def had_and_has(path: Path) -> tuple[frozenset[Thing], frozenset[Thing]]:
        had, has = (
            one if each.may_use(thing, path, at=at) else frozenset() for each in (access, after)
        )
        return had, has

    return _effect(product, changes, speaking, had_and_has)


def effect_of_opening(
    product: Product, access: ProductAccess, thing: Thing, *, is_open: bool, at: datetime
) -> Effect:
    """Return who would gain and lose a thing if it were opened to everyone, or closed."""
    one = frozenset({thing})
    after = replace(
        access, open_things=access.open_things | one if is_open else access.open_things - one
    )

    def had_and_has(path: Path) -> tuple[frozenset[Thing], frozenset[Thing]]:
        had, has = (
            one if each.may_use(thing, path, at=at) else frozenset() for each in (access, after)
        )
        return had, has

    said = access.grants.get(thing, {})
    return _effect(product, [global_of(product)], said, had_and_has)


def _effect(
    product: Product,
    nodes: Iterable[PathNode],
    said: Iterable[UUID],
    had_and_has: Callable[[Path], tuple[frozenset[Any], frozenset[Any]]],
) -> Effect:
    gains: Counter[Any] = Counter()
    losses: Counter[Any] = Counter()
    gaining: Counter[UUID] = Counter()
    losing: Counter[UUID] = Counter()
    touched = 0
    for organization, path, count in _places_below(product, said, list(nodes)):
        had, has = had_and_has(path)
        touched += count * (had != has)
        gains.update(dict.fromkeys(has - had, count))
        losses.update(dict.fromkeys(had - has, count))
        if has - had:
            gaining[organization] += count
        if had - has:
            losing[organization] += count
    return Effect(gains, losses, touched, gaining, losing)


def _places_below(
    product: Product, said: Iterable[UUID], nodes: list[PathNode]
) -> Iterable[tuple[UUID, Path, int]]:
    """Yield the paths below some nodes, each with its organization and how many places share it.

    Places whose member is not among `said`, the nodes that say something, differ only by
    organization and team.
    """
    everyone = global_of(product)
    places: QuerySet[Any] = acting_places(product).filter(_below(nodes))
    groups = {node.id for node in nodes if node.kind != "member"} | {everyone.id}
    members = [node.id for node in nodes if node.kind == "member"]
    own = Q(member__in=[*(key for key in said if key not in groups), *members])
    silent = (
        places.exclude(own)
        .values_list("organization", "team", "organization__is_global")
        .annotate(count=Count("pk"))
        .order_by()
    )
    for organization, team, is_global, count in silent:
        path = _path(everyone, None if is_global else organization, team, None)
        yield organization, path, count
    named = places.filter(own).values_list(
        "organization", "team", "organization__is_global", "member"
    )
    for organization, team, is_global, member in named:
        yield organization, _path(everyone, None if is_global else organization, team, member), 1


def _path(everyone: PathNode, organization: Any, team: Any, member: Any) -> Path:
    nodes = [everyone]
    if organization is not None:
        nodes.append(PathNode("organization", organization))
    if team is not None:
        nodes.append(PathNode("team", team))
    if member is not None:
        nodes.append(PathNode("member", member))
    return tuple(nodes)


def _below(nodes: list[PathNode]) -> Q:
    if any(node.kind == "global" for node in nodes):
        return Q()
    by_kind: dict[str, list[UUID]] = {}
    for node in nodes:
        by_kind.setdefault(node.kind, []).append(node.id)
    found = Q(pk=None)
    for kind, ids in by_kind.items():
        found |= Q(**{f"{kind}__in": ids})
    return found
