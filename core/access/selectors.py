"""Reads of access."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from core.access.models import FeatureSwitch, Grant, LlmActivation, NodeLlmPolicy
from core.access.resources import resource_type
from core.access.rules import grants as rules
from core.access.rules.decisions import Decision
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import Path
from core.access.rules.product import ProductAccess, Thing
from core.access.rules.switches import Switch
from core.kit.clock import now


def active_llm_ids(product: str) -> frozenset[UUID]:
    """Return the catalogue ids that are on in a product of the current account."""
    return frozenset(LlmActivation.objects.filter(product=product).values_list("llm_id", flat=True))


def llm_policies(product: str, nodes: Iterable[UUID] | None = None) -> dict[UUID, LlmPolicy]:
    """Return what nodes of a product say about LLMs: all nodes, or these. One query."""
    rows = NodeLlmPolicy.objects.filter(product=product)
    if nodes is not None:
        rows = rows.filter(node_id__in=set(nodes))
    # Plain values: a large account has thousands of rows, and each move of its policy reads them.
    values = rows.values_list("node_id", "only", "add", "block", "is_locked")
    return {
        node: LlmPolicy(
            only=None if only is None else frozenset(only),
            add=frozenset(add),
            block=frozenset(block),
            is_locked=is_locked,
        )
        for node, only, add, block, is_locked in values
    }


def feature_switches(
    product: str, nodes: Iterable[UUID] | None = None
) -> dict[str, dict[UUID, Switch]]:
    """Return what nodes of a product say about features, by feature: all nodes, or these."""
    rows = FeatureSwitch.objects.filter(product=product)
    if nodes is not None:
        rows = rows.filter(node_id__in=set(nodes))
    switches: dict[str, dict[UUID, Switch]] = defaultdict(dict)
    for row in rows:
        switches[row.feature][row.node_id] = row.as_switch()
    return switches


def grants_by_thing(
    product: str, nodes: Iterable[UUID] | None = None
) -> dict[Thing, dict[UUID, rules.Grant]]:
    """Return what nodes of a product say about things that are granted: all nodes, or these."""
    rows = Grant.objects.filter(product=product)
    if nodes is not None:
        rows = rows.filter(node_id__in=set(nodes))
    grants: dict[Thing, dict[UUID, rules.Grant]] = defaultdict(dict)
    values = rows.values_list(
        "resource_type", "resource_id", "node_id", "is_denial", "ends_at", "carries_llm"
    )
    for kind, thing, node, is_denial, ends_at, carries_llm in values:
        grants[kind, thing][node] = rules.Grant(is_denial, ends_at, carries_llm)
    return dict(grants)


def access_of(
    product: str,
    *,
    offered: Iterable[UUID],
    withheld: Iterable[str] = (),
    open_things: Iterable[Thing] = (),
    nodes: Iterable[UUID] | None = None,
) -> ProductAccess:
    """Return all that decides about access in a product, as far as these nodes go; four queries.

    What the super admin offers and withholds lives in the public schema: the caller reads it.
    """
    known = None if nodes is None else frozenset(nodes)
    return ProductAccess(
        product=product,
        offered=frozenset(offered),
        on=active_llm_ids(product),
        policies=llm_policies(product, known),
        switches=feature_switches(product, known),
        withheld=frozenset(withheld),
        grants=grants_by_thing(product, known),
        open_things=frozenset(open_things),
    )


def decision_now(access: ProductAccess, kind: str, key: str, path: Path) -> Decision | None:
    """Return the decision about one thing, named as refusals name it; None if it is unknown."""
    if kind == "feature":
        return access.why_feature(key, path)
    try:
        thing = UUID(key)
    except ValueError:
        return None
    if kind == "llm":
        return access.why_llm(thing, path)
    if resource_type(kind) is None:
        return None
    return access.why_thing((kind, thing), path, at=now())
