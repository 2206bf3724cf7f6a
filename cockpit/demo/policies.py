"""Who may use what in the demo: an organization without one LLM, a team with a list of its own."""

from uuid import UUID

from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import NodeKind, PathNode
from core.access.rules.switches import Switch
from core.access.services import set_feature, set_llm_policy
from core.audit.services import Actor
from core.hierarchy.product import Product
from tenants.models import Llm

# By product and node: what it may use alone, and what it must never use.
_POLICIES: dict[str, tuple[tuple[NodeKind, str, tuple[str, ...] | None, tuple[str, ...]], ...]] = {
    "copilot": (
        ("organization", "Customer Care", None, ("gpt-5",)),
        ("team", "Support EMEA", ("claude-haiku-4-5", "gpt-5-mini"), ()),
    ),
}
# Teams without image generation.
_WITHOUT_IMAGES = {"copilot": ("Support Americas",)}


def seed_policies(product: Product, llms: dict[str, Llm], *, actor: Actor) -> None:
    """Set the policies and switches of those nodes that a company has."""
    names = {llm.pk: llm.name for llm in llms.values()}

    def ids(wanted: tuple[str, ...]) -> frozenset[UUID]:
        return frozenset(llms[name].pk for name in wanted if name in llms)

    for kind, name, only, block in _POLICIES.get(product.slug, ()):
        node = _node(product, kind, name)
        if node is not None:
            policy = LlmPolicy(only=None if only is None else ids(only), block=ids(block))
            set_llm_policy(product=product.slug, node=node, policy=policy, names=names, actor=actor)
    for name in _WITHOUT_IMAGES.get(product.slug, ()):
        node = _node(product, "team", name)
        if node is not None:
            set_feature(
                product=product.slug,
                node=node,
                feature="image_generation",
                switch=Switch(is_on=False),
                actor=actor,
            )


def _node(product: Product, kind: NodeKind, name: str) -> PathNode | None:
    model = product.organization if kind == "organization" else product.team
    row = model._default_manager.filter(name=name).first()
    return PathNode(kind, row.pk, row.name) if row is not None else None
