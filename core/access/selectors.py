"""Reads of access."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from core.access.models import FeatureSwitch, LlmActivation, NodeLlmPolicy
from core.access.rules.decisions import Decision
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import Path
from core.access.rules.product import ProductAccess
from core.access.rules.switches import Switch


def active_llm_ids(product: str) -> frozenset[UUID]:
    """Return the catalogue ids that are on in a product of the current account."""
    return frozenset(LlmActivation.objects.filter(product=product).values_list("llm_id", flat=True))


def llm_policies(product: str, nodes: Iterable[UUID] | None = None) -> dict[UUID, LlmPolicy]:
    """Return what nodes of a product say about LLMs: all nodes, or these. One query."""
    rows = NodeLlmPolicy.objects.filter(product=product)
    if nodes is not None:
        rows = rows.filter(node_id__in=set(nodes))
    return {row.node_id: row.as_policy() for row in rows}


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


def access_of(
    product: str,
    *,
    offered: Iterable[UUID],
    withheld: Iterable[str] = (),
    nodes: Iterable[UUID] | None = None,
) -> ProductAccess:
    """Return all that decides about access in a product, as far as these nodes go; three queries.

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
    )


def decision_now(access: ProductAccess, kind: str, key: str, path: Path) -> Decision | None:
    """Return the decision about one thing, named as refusals name it; None if it is unknown."""
    if kind == "feature":
        return access.why_feature(key, path)
    try:
        return access.why_llm(UUID(key), path) if kind == "llm" else None
    except ValueError:
        return None
