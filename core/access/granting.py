"""Every write of grants: to allow, to deny, to take away, and what ends by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import transaction

from core.access.models import Grant
from core.access.nodes import KnownNode, known_nodes, places_of_members
from core.access.resources import Resource, resource_type, resources_of
from core.access.rules import grants as rules
from core.access.rules.paths import PathNode
from core.access.services import changed
from core.audit import verbs
from core.audit.services import Actor, Change, record, record_each
from core.kit.clock import now
from core.kit.problems import InvalidInput
from core.tenancy.policy import bump_policy, hold_policy

GRANT_SET = verbs.register(
    "grant.set", "{actor} set {after[thing]} for {target} to {after[state]}", icon="share"
)
GRANT_REMOVED = verbs.register(
    "grant.removed", "{actor} took back what was said of {before[thing]} for {target}", icon="undo"
)
GRANT_ENDED = verbs.register(
    "grant.ended", "What was said of {before[thing]} for {target} has ended", icon="event_busy"
)


@transaction.atomic
def set_grants(
    *,
    product: str,
    resource: Resource,
    grants: Mapping[PathNode, rules.Grant | None],
    seen: Mapping[PathNode, rules.Grant | None] | None = None,
    actor: Actor,
    reason: str = "",
) -> dict[PathNode, rules.Grant | None]:
    """Say who may use a thing, all or none, and return what the nodes that change said before.

    None says nothing: the node has what is above it. `seen` is what they said when the caller
    looked, if that is to be compared.

    Raises:
        ChangedMeanwhile: one of them says something else by now.
        InvalidInput: a grant ends in the past, or carries an LLM that the thing has not.
    """
    for grant in grants.values():
        _check(resource, grant)
    hold_policy()
    rows = Grant.objects.select_for_update().filter(
        product=product,
        resource_type=resource.type,
        resource_id=resource.id,
        node_id__in=[node.id for node in grants],
    )
    said = {row.node_id: row.as_grant() for row in rows.order_by("pk")}
    before: dict[PathNode, rules.Grant | None] = {}
    places = places_of_members(product, grants)
    for node, grant in grants.items():
        was = said.get(node.id)
        if seen is not None and was != seen.get(node, was):
            raise changed(node)
        if grant == was:
            continue
        before[node] = was
        _keep(product, resource, node, grant, actor)
        record(
            actor=actor,
            verb=GRANT_SET if grant is not None else GRANT_REMOVED,
            target=(node.kind, node.id, node.label),
            before=_in_words(resource, was),
            after=_in_words(resource, grant),
            reason=reason,
            product=product,
            nodes=places.get(node.id, ()),
        )
    if before:
        bump_policy()
    return before


@transaction.atomic
def end_grants() -> int:
    """Take away the grants whose time is over, and return how many.

    They have not counted since then; that the policy moves ends the streams that run by them.
    """
    if not Grant.objects.filter(ends_at__lte=now()).exists():
        return 0
    hold_policy()
    ended = list(
        Grant.objects.select_for_update(skip_locked=True).filter(ends_at__lte=now()).order_by("pk")
    )
    for product in sorted({row.product for row in ended}):
        _record_ends(product, [row for row in ended if row.product == product])
    Grant.objects.filter(pk__in=[row.pk for row in ended]).delete()
    if ended:
        bump_policy()
    return len(ended)


@transaction.atomic
def forget_resource(*, product: str, type: str, id: UUID) -> None:  # noqa: A002  as they are called
    """Forget all grants of a thing that is gone for good."""
    hold_policy()
    gone, _ = Grant.objects.filter(product=product, resource_type=type, resource_id=id).delete()
    if gone:
        bump_policy()


def _record_ends(product: str, ended: Sequence[Grant]) -> None:
    names = {each.thing: each.name for each in resources_of(product)}
    nodes = known_nodes(product, {row.node_id for row in ended})
    changes = []
    for row in ended:
        node = nodes.get(row.node_id, KnownNode(row.node_kind, ()))
        name = names.get((row.resource_type, row.resource_id), row.resource_type)
        before = {"thing": name, "ended_at": str(row.ends_at)}
        target = (row.node_kind, row.node_id, node.label)
        changes.append(Change(target, before, nodes=node.within))
    record_each(actor=Actor.system(), verb=GRANT_ENDED, changes=changes, product=product)


def _check(resource: Resource, grant: rules.Grant | None) -> None:
    if grant is None:
        return
    kind = resource_type(resource.type)
    if grant.ends_at is not None and grant.ends_at <= now():
        raise InvalidInput(
            "The end is in the past.",
            errors=[{"pointer": "/ends_at", "code": "past", "detail": "Choose a later moment."}],
        )
    if grant.carries_llm and (grant.is_denial or kind is None or not kind.may_carry_llm):
        detail = "Only what lets people use an agent can bring its LLM along."
        raise InvalidInput(
            detail, errors=[{"pointer": "/carries_llm", "code": "carries_llm", "detail": detail}]
        )


def _keep(
    product: str, resource: Resource, node: PathNode, grant: rules.Grant | None, actor: Actor
) -> None:
    named: dict[str, Any] = {
        "product": product,
        "resource_type": resource.type,
        "resource_id": resource.id,
        "node_id": node.id,
    }
    if grant is None:
        Grant.objects.filter(**named).delete()
    else:
        values = {**asdict(grant), "node_kind": node.kind, "created_by": actor.label}
        Grant.objects.update_or_create(**named, defaults=values)


def _in_words(resource: Resource, grant: rules.Grant | None) -> dict[str, object]:
    values: dict[str, object] = {"thing": resource.name, "state": "not said"}
    if grant is not None:
        values["state"] = "denied" if grant.is_denial else "allowed"
        values["ends_at"] = None if grant.ends_at is None else grant.ends_at.isoformat()
        values["carries_llm"] = grant.carries_llm
    return values
