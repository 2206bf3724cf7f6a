"""What the services of the hierarchy share: saving, archiving and refusing."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from core.audit.services import Actor, record
from core.hierarchy import verbs
from core.hierarchy.errors import GlobalIsFixed, IsArchived
from core.hierarchy.models import AbstractMember, AbstractOrganization, Node
from core.hierarchy.product import Product
from core.kit.clock import now
from core.tenancy.policy import bump_policy


def memberships_of(product: Product) -> Any:
    """Return the product's memberships; the abstract class does not know its foreign keys."""
    return product.membership._default_manager


def place_ids(member: AbstractMember) -> list[UUID]:
    """Return the teams and organizations a member has a place in, `global` among them if alone."""
    places: Any = member.memberships  # type: ignore[attr-defined]
    rows = list(places.filter(archived_at=None).select_related("organization"))
    named = [place for place in rows if not place.organization.is_global] or rows
    return [place.team_id or place.organization_id for place in named]


def archive(
    node: Node,
    *,
    kind: str,
    product: Product,
    reason: str,
    actor: Actor,
    nodes: Iterable[UUID] = (),
) -> None:
    refuse_archived(node)
    node.archived_at = now()
    node.save(update_fields=("archived_at",))
    record(
        actor=actor,
        verb=verbs.ARCHIVED[kind],
        target=(kind, node.pk, str(node)),
        reason=reason,
        product=product.slug,
        nodes=nodes,
    )
    bump_policy()


def refuse_global(organization: AbstractOrganization) -> None:
    if organization.is_global:
        raise GlobalIsFixed("global holds everyone and has no teams or credits of its own.")


def refuse_archived(node: Node) -> None:
    if node.is_archived:
        raise IsArchived(f"{node} is archived. Restore it first.")
