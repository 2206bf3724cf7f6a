"""Who gains and loses what by a change of policies: known before it counts.

Places are counted rather than people: somebody in two teams acts from either.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, Count, F, Func, Q, QuerySet, UUIDField, Value

from core.access.rules.grants import Grant
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import Path, PathNode
from core.access.rules.product import ProductAccess, Thing
from core.access.rules.switches import Switch
from core.hierarchy.policies import acting_places, global_of
from core.hierarchy.product import Product

# What somebody acting from a path has.
Having = Callable[[Path], frozenset[Any]]


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
    return effects_of_policies(product, access, {"": changes})[""]


def effects_of_policies(
    product: Product,
    access: ProductAccess,
    choices: Mapping[str, Mapping[PathNode, LlmPolicy]],
) -> dict[str, Effect]:
    """Return what each of several changes of the same nodes would do; two queries for all."""
    has: dict[str, Having] = {}
    nodes: dict[PathNode, None] = {}
    for name, changes in choices.items():
        nodes |= dict.fromkeys(changes)
        said = {node.id: policy for node, policy in changes.items()}
        has[name] = replace(access, policies={**access.policies, **said}).llms_of_many()
    speaking = {*access.policies, *(node.id for node in nodes)}
    return _effects(product, nodes, speaking, access.llms_of_many(), has)


def effect_of_llm(product: Product, access: ProductAccess, llm: UUID, *, is_on: bool) -> Effect:
    """Return who would gain or lose an LLM if it were switched on or off for the account."""
    one = frozenset({llm})
    after = replace(access, on=access.on | one if is_on else access.on - one)
    had, has = access.llms_of_many(), after.llms_of_many()
    return _effect(
        product,
        [global_of(product)],
        access.policies,
        lambda path: had(path) & one,
        lambda path: has(path) & one,
    )


def reach_of_llms(product: Product, access: ProductAccess) -> Mapping[UUID, int]:
    """Return how many places have each offered LLM, or would have it; two queries."""
    after = replace(access, on=access.offered)
    nobody: frozenset[Any] = frozenset()
    has = after.llms_of_many()
    effect = _effect(product, [global_of(product)], access.policies, lambda _: nobody, has)
    return effect.gains


def effect_of_switches(
    product: Product,
    access: ProductAccess,
    changes: Mapping[PathNode, Mapping[str, Switch | None]],
) -> Effect:
    """Return who would gain and lose which feature if these nodes said so; None inherits."""
    return effects_of_switches(product, access, {"": changes})[""]


def effects_of_switches(
    product: Product,
    access: ProductAccess,
    choices: Mapping[str, Mapping[PathNode, Mapping[str, Switch | None]]],
) -> dict[str, Effect]:
    """Return what each of several changes of the same nodes would do; two queries for all."""
    nodes = {node: None for changes in choices.values() for node in changes}
    features = frozenset(
        feature for changes in choices.values() for said in changes.values() for feature in said
    )
    has = {
        name: _features_by(_switched(access, changes), features)
        for name, changes in choices.items()
    }
    speaking = {node for feature in features for node in access.switches.get(feature, {})}
    return _effects(
        product,
        nodes,
        speaking | {node.id for node in nodes},
        _features_by(access, features),
        has,
    )


def _switched(
    access: ProductAccess, changes: Mapping[PathNode, Mapping[str, Switch | None]]
) -> ProductAccess:
    switches = {feature: dict(said) for feature, said in access.switches.items()}
    for node, said in changes.items():
        for feature, switch in said.items():
            of_feature = switches.setdefault(feature, {})
            of_feature.pop(node.id, None)
            if switch is not None:
                of_feature[node.id] = switch
    return replace(access, switches=switches)


def _features_by(access: ProductAccess, features: frozenset[str]) -> Having:
    return lambda path: frozenset(each for each in features if access.has(each, path))


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
    return _effect(
        product, changes, speaking, _thing_by(access, thing, at), _thing_by(after, thing, at)
    )


def effect_of_opening(
    product: Product, access: ProductAccess, thing: Thing, *, is_open: bool, at: datetime
) -> Effect:
    """Return who would gain and lose a thing if it were opened to everyone, or closed."""
    one = frozenset({thing})
    after = replace(
        access, open_things=access.open_things | one if is_open else access.open_things - one
    )
    said = access.grants.get(thing, {})
    nodes = [global_of(product)]
    return _effect(product, nodes, said, _thing_by(access, thing, at), _thing_by(after, thing, at))


def _thing_by(access: ProductAccess, thing: Thing, at: datetime) -> Having:
    one, nothing = frozenset({thing}), frozenset[Thing]()
    return lambda path: one if access.may_use(thing, path, at=at) else nothing


def _effect(
    product: Product, nodes: Iterable[PathNode], said: Iterable[UUID], had: Having, has: Having
) -> Effect:
    return _effects(product, nodes, said, had, {"": has})[""]


def _effects(
    product: Product,
    nodes: Iterable[PathNode],
    said: Iterable[UUID],
    had: Having,
    has: Mapping[str, Having],
) -> dict[str, Effect]:
    places = [(*place, had(place[1])) for place in _places_below(product, said, list(nodes))]
    return {name: _counted(places, after) for name, after in has.items()}


def _counted(places: Iterable[tuple[UUID, Path, int, frozenset[Any]]], after: Having) -> Effect:
    gains: Counter[Any] = Counter()
    losses: Counter[Any] = Counter()
    gaining: Counter[UUID] = Counter()
    losing: Counter[UUID] = Counter()
    touched = 0
    for organization, path, count, had in places:
        has = after(path)
        if had == has:
            continue
        touched += count
        gained, lost = has - had, had - has
        for thing in gained:
            gains[thing] += count
        for thing in lost:
            losses[thing] += count
        if gained:
            gaining[organization] += count
        if lost:
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
    own = Q(Among("member_id", [*(key for key in said if key not in groups), *members]))
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


class Among(Func):
    """Whether a column is one of some ids: one value, where thousands would each be one of SQL."""

    template, arg_joiner = "(%(expressions)s))", " = ANY("
    output_field = BooleanField()

    def __init__(self, column: str, ids: Sequence[UUID]) -> None:
        super().__init__(F(column), Value(list(ids), output_field=ArrayField(UUIDField())))


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
        found |= Q(Among(f"{kind}_id", ids))
    return found
