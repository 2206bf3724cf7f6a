"""Reads of access."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from uuid import UUID

from core.access.models import LlmActivation
from core.access.reading import ALL_PARTS, read_rules, read_said
from core.access.resources import resource_type
from core.access.rules import grants as rules
from core.access.rules.decisions import Decision
from core.access.rules.llms import Ids, LlmPolicy
from core.access.rules.paths import Path
from core.access.rules.product import ProductAccess, Thing
from core.access.rules.switches import Switch
from core.kit.clock import now


def active_llm_ids(product: str) -> frozenset[UUID]:
    """Return the catalogue ids that are on in a product of the current account."""
    return frozenset(LlmActivation.objects.filter(product=product).values_list("llm_id", flat=True))


def active_llms() -> dict[str, Ids]:
    """Return the catalogue ids that are on in each product of the current account; one query."""
    found: dict[str, set[UUID]] = {}
    for product, llm_id in LlmActivation.objects.values_list("product", "llm_id"):
        found.setdefault(product, set()).add(llm_id)
    return {product: frozenset(ids) for product, ids in found.items()}


def llm_policies(product: str, nodes: Iterable[UUID] | None = None) -> Mapping[UUID, LlmPolicy]:
    """Return what nodes of a product say about LLMs: all nodes, or these. One query."""
    return read_said(product, nodes, parts=("policies",)).policies


def feature_switches(
    product: str, nodes: Iterable[UUID] | None = None
) -> Mapping[str, Mapping[UUID, Switch]]:
    """Return what nodes of a product say about features, by feature: all nodes, or these."""
    return read_said(product, nodes, parts=("switches",)).switches


def grants_by_thing(
    product: str, nodes: Iterable[UUID] | None = None
) -> Mapping[Thing, Mapping[UUID, rules.Grant]]:
    """Return what nodes of a product say about things that are granted: all nodes, or these."""
    return read_said(product, nodes, parts=("grants",)).grants


def access_of(
    product: str,
    *,
    offered: Iterable[UUID],
    withheld: Iterable[str] = (),
    open_things: Iterable[Thing] = (),
    needs: Mapping[UUID, str] = MappingProxyType({}),
    nodes: Iterable[UUID] | None = None,
    parts: Collection[str] = ALL_PARTS,
) -> ProductAccess:
    """Return all that decides about access in a product, as far as these nodes go; one query.

    What the super admin offers and withholds lives in the public schema: the caller reads it. Who
    asks about LLMs or features alone names that part, and waits for no other.
    """
    on, said = read_rules(product, nodes, parts=parts)
    # The same objects: what is alike is found out without being compared.
    known = {each: each for each in on}
    return ProductAccess(
        product=product,
        offered=frozenset(known.get(each, each) for each in offered),
        on=on,
        withheld=frozenset(withheld),
        open_things=frozenset(open_things),
        needs=needs,
    ).where(said)


def decision_now(access: ProductAccess, kind: str, key: str, path: Path) -> Decision | None:
    """Return the decision about one thing, named as refusals name it; None if it is unknown."""
    if kind == "feature":
        return access.why_feature(key, path)
    try:
        thing = UUID(key)
    except ValueError:
        return None
    if kind == "llm":
        return access.why_call(thing, path)
    known = resource_type(kind)
    if known is None or all(each.id != thing for each in known.all_of(access.product)):
        return None
    return access.why_thing((kind, thing), path, at=now())
