"""Every write of memberships: members' places in teams and organizations."""

from typing import Any
from uuid import UUID

from django.db import transaction

from core.audit.services import Actor, record
from core.credits.models import Book, WalletKind
from core.credits.services.books import create_wallet
from core.credits.services.joining import reclaim_from_leaver, serve_joiner
from core.hierarchy import verbs
from core.hierarchy.errors import AlreadyThere, GlobalIsFixed
from core.hierarchy.models import (
    AbstractMember,
    AbstractMembership,
    AbstractOrganization,
    AbstractTeam,
)
from core.hierarchy.notices import tell_of_place
from core.hierarchy.product import Product
from core.hierarchy.services.rows import (
    hold,
    holding_credits,
    memberships_of,
    refuse_archived,
    refuse_moved,
)
from core.kit.clock import now
from core.tenancy.policy import bump_policy


@transaction.atomic
def place_member(
    *,
    product: Product,
    member: AbstractMember,
    organization: AbstractOrganization,
    team: AbstractTeam | None = None,
    actor: Actor,
) -> AbstractMembership:
    """Put a member into a team, or directly into an organization.

    The first place becomes the primary one.

    Raises:
        AlreadyThere: the member is in this place.
        IsArchived: the member, the organization or the team is archived.
        MovedMeanwhile: the team is in another organization by now.
    """
    # In a team, nobody waits for others who join the same organization.
    hold(member, team or organization)
    for node in (member, organization, team):
        if node is not None:
            refuse_archived(node)
    refuse_moved(team, organization)
    places = memberships_of(product).filter(member=member, archived_at=None)
    if places.filter(organization=organization, team=team).exists():
        raise AlreadyThere(f"{member} is already in {team or organization}.")
    is_first = not places.filter(organization__is_global=False).exists()
    if is_first:
        # Nobody acts in `global` any more who has a place; a share of a split that stands for
        # everybody comes along into it, and any other credits go back.
        for alone in holding_credits(places).select_related("wallet"):
            reclaim_from_leaver(wallet=alone.wallet, actor=actor, label=str(member))
        places.update(is_primary=False)
    place = create_place(
        product=product,
        member=member,
        organization=organization,
        team=team,
        is_primary=is_first,
        actor=actor,
    )
    record(
        actor=actor,
        verb=verbs.PLACED,
        target=("member", member.pk, str(member)),
        after={"place": str(team or organization)},
        product=product.slug,
        nodes=(_node_id(place),),
    )
    tell_of_place(product=product, member=member, place=place, actor=actor)
    bump_policy()
    return place


@transaction.atomic
def make_primary(*, product: Product, membership: AbstractMembership, actor: Actor) -> None:
    """Make a place the one that calls without an acting team are charged to."""
    hold(membership.member, membership)  # type: ignore[attr-defined]
    refuse_archived(membership)
    member = membership.member  # type: ignore[attr-defined]
    places = memberships_of(product).filter(member=member, archived_at=None)
    places.exclude(pk=membership.pk).update(is_primary=False)
    places.filter(pk=membership.pk).update(is_primary=True)
    record(
        actor=actor,
        verb=verbs.PRIMARY_SET,
        target=("member", member.pk, str(member)),
        after={"place": str(membership)},
        product=product.slug,
        nodes=(_node_id(membership),),
    )
    bump_policy()


@transaction.atomic
def remove_membership(*, product: Product, membership: AbstractMembership, actor: Actor) -> None:
    """Take a member out of a place. The place under `global` stays as long as the seat does."""
    member = membership.member  # type: ignore[attr-defined]
    hold(member, membership)
    refuse_archived(membership)
    if membership.organization.is_global:  # type: ignore[attr-defined]
        raise GlobalIsFixed("Everyone is in global. Archive the member to take the seat away.")
    membership.archived_at, was_primary = now(), membership.is_primary
    membership.is_primary = False
    membership.save(update_fields=("archived_at", "is_primary"))
    reclaim_from_leaver(
        wallet=membership.wallet,
        actor=actor,
        label=f"{member} in {membership}",
        nodes=(_node_id(membership),),
    )
    if was_primary:
        places = memberships_of(product).filter(member=member, archived_at=None)
        heir = (
            places.select_related("wallet__book", "organization", "member__user")
            .order_by("organization__is_global", "created_at")
            .first()
        )
        if heir is not None:
            heir.is_primary = True
            heir.save(update_fields=("is_primary",))
            if heir.organization.is_global:
                serve(membership=heir, actor=actor)
    record(
        actor=actor,
        verb=verbs.UNPLACED,
        target=("member", member.pk, str(member)),
        before={"place": str(membership)},
        product=product.slug,
        nodes=(_node_id(membership),),
    )
    bump_policy()


def create_place(
    *,
    product: Product,
    member: AbstractMember,
    organization: AbstractOrganization,
    team: AbstractTeam | None,
    is_primary: bool,
    actor: Actor,
) -> AbstractMembership:
    """Create a membership whose wallet hangs under the team's, the organization's, or nothing.

    The split in force there serves it.
    """
    book = Book.objects.get(product=product.slug)
    parent = team.wallet if team is not None else organization.wallet
    wallet = create_wallet(book=book, kind=WalletKind.MEMBERSHIP, parent=parent)
    membership: AbstractMembership = memberships_of(product).create(
        member=member,
        organization=organization,
        team=team,
        is_primary=is_primary,
        wallet=wallet,
    )
    serve(membership=membership, actor=actor)
    return membership


def serve(*, membership: Any, actor: Actor) -> None:
    """Give a membership its share of the split in force in its place; each person gets one."""
    others = type(membership)._default_manager.filter(member=membership.member_id, archived_at=None)
    serve_joiner(
        wallet=membership.wallet,
        others=list(others.exclude(pk=membership.pk).values_list("wallet_id", flat=True)),
        actor=actor,
        label=f"{membership.member} in {membership}",
        nodes=(_node_id(membership),),
    )


def _node_id(membership: Any) -> UUID:
    node_id: UUID = membership.team_id or membership.organization_id
    return node_id
