"""What the services of the hierarchy share: saving, archiving and refusing."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from core.audit.services import Actor, record
from core.credits.models import Balance, CycleState
from core.hierarchy import verbs
from core.hierarchy.errors import GlobalIsFixed, IsArchived, MovedMeanwhile, NameTaken
from core.hierarchy.models import (
    AbstractMember,
    AbstractMembership,
    AbstractOrganization,
    AbstractTeam,
    Node,
)
from core.hierarchy.product import Product
from core.kit.clock import now
from core.tenancy.policy import bump_policy


def memberships_of(product: Product) -> Any:
    """Return the product's memberships; the abstract class does not know its foreign keys."""
    return product.membership._default_manager


def holding_credits(places: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of some places that have an allocation, or credits that are free."""
    free = Balance.objects.filter(
        wallet=OuterRef("wallet"),
        cycle__state=CycleState.OPEN,
        credited__gt=F("used") + F("reserved"),
    )
    return places.filter(Q(wallet__rule__isnull=False) | Exists(free))


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


def save_named(node: Node, *, update_fields: tuple[str, ...] | None = None) -> None:
    """Save an organization or a team.

    Raises:
        NameTaken: a sibling has the name.
    """
    try:
        with transaction.atomic():
            node.save(update_fields=update_fields)
    except IntegrityError as error:
        if "name_once" not in str(error):
            raise
        raise NameTaken(f"There is already one called {node}.") from None


def hold(*nodes: Node | None) -> None:
    """Lock nodes until our transaction ends, and bring them up to date.

    One order for everybody: organizations, teams, members, memberships, each by id; before any
    balance, and before the policy version.
    """
    present = {node.pk: node for node in nodes if node is not None}.values()
    for node in sorted(present, key=lambda node: (_rank(node), node.pk)):
        locked = type(node)._default_manager.select_for_update(no_key=True)
        node.refresh_from_db(from_queryset=locked)


def refuse_global(organization: AbstractOrganization) -> None:
    if organization.is_global:
        raise GlobalIsFixed("global holds everyone and has no teams or credits of its own.")


def refuse_moved(team: AbstractTeam | None, organization: AbstractOrganization) -> None:
    if team is not None and team.organization_id != organization.pk:  # type: ignore[attr-defined]
        raise MovedMeanwhile(f"{team} belongs to another organization. Look again.")


def refuse_archived(node: Node) -> None:
    if node.is_archived:
        raise IsArchived(f"{node} is archived. Restore it first.")


def _rank(node: Node) -> int:
    kinds: tuple[type[Any], ...] = (
        AbstractOrganization,
        AbstractTeam,
        AbstractMember,
        AbstractMembership,
    )
    return next(rank for rank, kind in enumerate(kinds) if isinstance(node, kind))
