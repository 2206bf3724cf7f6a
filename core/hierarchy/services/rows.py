"""What the services of the hierarchy share: saving, archiving and refusing."""

from typing import Any

from core.audit.services import Actor, record
from core.hierarchy import verbs
from core.hierarchy.errors import GlobalIsFixed, IsArchived
from core.hierarchy.models import AbstractOrganization, Node
from core.hierarchy.product import Product
from core.kit.clock import now
from core.tenancy.policy import bump_policy


def memberships_of(product: Product) -> Any:
    """Return the product's memberships; the abstract class does not know its foreign keys."""
    return product.membership._default_manager


def archive(node: Node, *, kind: str, product: Product, reason: str, actor: Actor) -> None:
    refuse_archived(node)
    node.archived_at = now()
    node.save(update_fields=("archived_at",))
    record(
        actor=actor,
        verb=verbs.ARCHIVED[kind],
        target=(kind, node.pk, str(node)),
        reason=reason,
        product=product.slug,
    )
    bump_policy()


def refuse_global(organization: AbstractOrganization) -> None:
    if organization.is_global:
        raise GlobalIsFixed("global holds everyone and has no teams or credits of its own.")


def refuse_archived(node: Node) -> None:
    if node.is_archived:
        raise IsArchived(f"{node} is archived. Restore it first.")
