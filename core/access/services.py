"""Every write of access: LLMs of a product, policies of nodes, switches of features.

The caller has found the node in the actor's scope, and knows what nodes and LLMs are called.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from core.access.errors import UnknownFeature
from core.access.features import features_of
from core.access.models import FeatureSwitch, LlmActivation, NodeLlmPolicy
from core.access.nodes import places_of_members
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.rules.switches import Switch
from core.audit import verbs
from core.audit.services import Actor, Change, record, record_each
from core.kit.clock import now
from core.kit.problems import ChangedMeanwhile
from core.tenancy.policy import bump_policy, hold_policy

_BATCH = 500

LLM_ON = verbs.register("llm.switched_on", "{actor} switched {target} on", icon="toggle_on")
POLICY_SET = verbs.register(
    "llm.policy_set", "{actor} changed which LLMs {target} may use", icon="rule"
)
FEATURE_SET = verbs.register(
    "feature.set", "{actor} set {after[feature]} for {target} to {after[state]}", icon="toggle_on"
)
LLM_OFF = verbs.register("llm.switched_off", "{actor} switched {target} off", icon="toggle_off")


@transaction.atomic
def switch_llm_on(*, product: str, llm_id: UUID, llm_name: str, actor: Actor) -> LlmActivation:
    """Let a product of this account use an LLM; the caller has checked that it is offered."""
    activation, is_new = LlmActivation.objects.get_or_create(product=product, llm_id=llm_id)
    if is_new:
        record(actor=actor, verb=LLM_ON, target=("llm", llm_id, llm_name), product=product)
        bump_policy()
    return activation


@transaction.atomic
def switch_llm_off(*, product: str, llm_id: UUID, llm_name: str, actor: Actor) -> None:
    """Stop a product of this account from using an LLM; running calls end at their next chunk."""
    gone, _ = LlmActivation.objects.filter(product=product, llm_id=llm_id).delete()
    if gone:
        record(actor=actor, verb=LLM_OFF, target=("llm", llm_id, llm_name), product=product)
        bump_policy()


@transaction.atomic
def set_llm_policy(
    *,
    product: str,
    node: PathNode,
    policy: LlmPolicy,
    names: Mapping[UUID, str],
    actor: Actor,
    reason: str = "",
) -> LlmPolicy:
    """Say which LLMs a node may use, and return what it said before. An empty policy inherits.

    `names` are what LLMs are called, for the audit log.
    """
    before = set_llm_policies(
        product=product, policies={node: policy}, names=names, actor=actor, reason=reason
    )
    return before.get(node, policy)


@transaction.atomic
def set_llm_policies(
    *,
    product: str,
    policies: Mapping[PathNode, LlmPolicy],
    names: Mapping[UUID, str],
    seen: Mapping[PathNode, LlmPolicy] | None = None,
    actor: Actor,
    reason: str = "",
) -> dict[PathNode, LlmPolicy]:
    """Say which LLMs some nodes may use, all or none, and return what those that change said.

    `seen` is what they said when the caller looked; None does not compare.

    Raises:
        ChangedMeanwhile: one of them says something else by now.
    """
    hold_policy()
    rows = NodeLlmPolicy.objects.select_for_update().filter(
        product=product, node_id__in=[node.id for node in policies]
    )
    said = {row.node_id: row.as_policy() for row in rows.order_by("node_id")}
    before = {}
    for node, policy in policies.items():
        was = said.get(node.id, LlmPolicy())
        if seen is not None and was != seen.get(node, was):
            raise changed(node)
        if policy != was:
            before[node] = was
    if not before:
        return before
    _keep_policies(product, {node: policies[node] for node in before})
    places = places_of_members(product, before)
    record_each(
        actor=actor,
        verb=POLICY_SET,
        changes=[
            Change(
                (node.kind, node.id, node.label),
                _in_words(was, names),
                _in_words(policies[node], names),
                places.get(node.id, ()),
            )
            for node, was in before.items()
        ],
        reason=reason,
        product=product,
    )
    bump_policy()
    return before


@transaction.atomic
def set_feature(
    *,
    product: str,
    node: PathNode,
    feature: str,
    switch: Switch | None,
    actor: Actor,
    reason: str = "",
) -> Switch | None:
    """Turn a feature on or off for a node, and return what it said before. None inherits.

    Raises:
        UnknownFeature: the product has no such feature.
    """
    before = set_features(
        product=product, switches={node: {feature: switch}}, actor=actor, reason=reason
    )
    return before[node][feature] if node in before else switch


@transaction.atomic
def set_features(
    *,
    product: str,
    switches: Mapping[PathNode, Mapping[str, Switch | None]],
    seen: Mapping[PathNode, Mapping[str, Switch | None]] | None = None,
    actor: Actor,
    reason: str = "",
) -> dict[PathNode, dict[str, Switch | None]]:
    """Turn features on or off for some nodes, all or none; return what those that change said.

    `seen` is what they said when the caller looked; None does not compare.

    Raises:
        ChangedMeanwhile: one of them says something else by now.
        UnknownFeature: the product has no feature of one of the keys.
    """
    known = {each.key: each for each in features_of(product)}
    asked = {key for said in switches.values() for key in said}
    if unknown := sorted(asked - known.keys()):
        raise UnknownFeature(f"{product.title()} has no feature {unknown[0]!r}.")
    hold_policy()
    rows = FeatureSwitch.objects.select_for_update().filter(
        product=product, node_id__in=[node.id for node in switches], feature__in=asked
    )
    said_before = {(row.node_id, row.feature): row.as_switch() for row in rows.order_by("pk")}
    before: dict[PathNode, dict[str, Switch | None]] = {}
    places = places_of_members(product, switches)
    changes = []
    for node, said in switches.items():
        for key, switch in said.items():
            was = said_before.get((node.id, key))
            if seen is not None and was != seen.get(node, {}).get(key, was):
                raise changed(node)
            if switch == was:
                continue
            before.setdefault(node, {})[key] = was
            title = str(known[key].title)
            changes.append(
                Change(
                    (node.kind, node.id, node.label),
                    {"feature": title, "state": _state(was)},
                    {"feature": title, "state": _state(switch)},
                    places.get(node.id, ()),
                )
            )
    if before:
        _keep_switches(
            product,
            {node: {key: switches[node][key] for key in was} for node, was in before.items()},
        )
        record_each(actor=actor, verb=FEATURE_SET, changes=changes, reason=reason, product=product)
        bump_policy()
    return before


def changed(node: PathNode) -> ChangedMeanwhile:
    """Return the problem of changing what somebody else has changed since one looked."""
    return ChangedMeanwhile(
        f"Somebody has changed {node.label or node.kind} since. Look at it again."
    )


def _keep_policies(product: str, policies: Mapping[PathNode, LlmPolicy]) -> None:
    gone = [node.id for node, policy in policies.items() if policy.is_empty]
    NodeLlmPolicy.objects.filter(product=product, node_id__in=gone).delete()
    moment = now()
    NodeLlmPolicy.objects.bulk_create(
        (
            NodeLlmPolicy(product=product, node_id=node.id, changed_at=moment, **_columns(policy))
            for node, policy in policies.items()
            if not policy.is_empty
        ),
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=("product", "node_id"),
        update_fields=("only", "add", "block", "is_locked", "changed_at"),
    )


def _keep_switches(product: str, switches: Mapping[PathNode, Mapping[str, Switch | None]]) -> None:
    rows = FeatureSwitch.objects.filter(product=product)
    gone: dict[str, list[UUID]] = {}
    kept = []
    for node, said in switches.items():
        for key, switch in said.items():
            if switch is None:
                gone.setdefault(key, []).append(node.id)
            else:
                row = FeatureSwitch(product=product, node_id=node.id, feature=key)
                row.is_on, row.is_locked = switch.is_on, switch.is_locked
                kept.append(row)
    for key, nodes in gone.items():
        rows.filter(feature=key, node_id__in=nodes).delete()
    FeatureSwitch.objects.bulk_create(
        kept,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=("product", "node_id", "feature"),
        update_fields=("is_on", "is_locked", "changed_at"),
    )


def _columns(policy: LlmPolicy) -> dict[str, Any]:
    return {
        "only": None if policy.only is None else sorted(policy.only),
        "add": sorted(policy.add),
        "block": sorted(policy.block),
        "is_locked": policy.is_locked,
    }


def _in_words(policy: LlmPolicy, names: Mapping[UUID, str]) -> dict[str, object]:
    def named(ids: frozenset[UUID]) -> list[str]:
        return sorted(names.get(each, str(each)) for each in ids)

    return {
        "only": None if policy.only is None else named(policy.only),
        "add": named(policy.add),
        "block": named(policy.block),
        "locked": policy.is_locked,
    }


def _state(switch: Switch | None) -> str:
    if switch is None:
        return "inherited"
    return ("on" if switch.is_on else "off") + (", locked" if switch.is_locked else "")
