"""Every write of members: seats in a product."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from core.audit.services import Actor, record
from core.credits.selectors import book_of
from core.credits.services.joining import hold_for_joiners, reclaim_from_leaver
from core.hierarchy import verbs
from core.hierarchy.errors import AlreadyThere, IsArchived
from core.hierarchy.models import AbstractMember, AbstractOrganization, AbstractTeam
from core.hierarchy.notices import tell_of_seat
from core.hierarchy.product import Product
from core.hierarchy.services.administrators import end_administration
from core.hierarchy.services.memberships import create_place, place_member, serve
from core.hierarchy.services.rows import archive, hold, place_ids, refuse_archived
from core.identity.models import Role, RoleAssignment, User
from core.identity.services import InvitationLink, create_user, give_role, invite_user, take_role
from core.tenancy.policy import bump_policy


@dataclass(frozen=True, slots=True)
class NewSeat:
    """A member that was just added, with the link to send to who cannot sign in yet."""

    member: AbstractMember
    link: InvitationLink | None


@transaction.atomic
def create_member(*, product: Product, user: User, actor: Actor) -> AbstractMember:
    """Give a user a seat in a product, under `global` until placed in a team.

    Raises:
        AlreadyThere: the user has a seat.
        IsArchived: the user had one; it can be restored.
    """
    seat = product.member._default_manager.filter(user=user).first()
    if seat is not None and seat.is_archived:
        raise IsArchived(f"{user} had a seat in {product.title}. Restore it among the archived.")
    if seat is not None:
        raise AlreadyThere(f"{user} already has a seat in {product.title}.")
    member = product.member._default_manager.create(user=user)
    everyone = product.organization._default_manager.get(is_global=True)
    create_place(
        product=product,
        member=member,
        organization=everyone,
        team=None,
        is_primary=True,
        actor=actor,
    )
    record(
        actor=actor,
        verb=verbs.MEMBER_ADDED,
        target=("member", member.pk, str(user)),
        after={"product": product.title},
        product=product.slug,
    )
    give_role(user=user, role=Role.MEMBER, product=product.slug, actor=actor)
    tell_of_seat(product=product, member=member, actor=actor)
    bump_policy()
    return member


@transaction.atomic
def invite_member(
    *,
    product: Product,
    email: str,
    name: str = "",
    organization: AbstractOrganization | None = None,
    team: AbstractTeam | None = None,
    actor: Actor,
) -> NewSeat:
    """Give somebody a seat by e-mail address, and a place if one is named.

    Who is new here gets a login and an invitation; the caller sends its link. Who has a seat gets
    the place alone.

    Raises:
        InvalidInput: the e-mail address is not one.
        AlreadyThere: the person has a seat, and the place that is named.
        IsArchived: the person had one, or the place is archived.
    """
    # Before the seat, which holds the policy version: who moves a team locks in that order too.
    hold(team or organization)
    hold_for_joiners(book_of(product.slug))
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        user = create_user(email=email, name=name, is_active=False, actor=actor)
    is_placed = organization is not None and not organization.is_global
    member = product.member._default_manager.filter(user=user, archived_at=None).first()
    if member is None or not is_placed:
        member = create_member(product=product, user=user, actor=actor)
    if organization is not None and is_placed:
        place_member(
            product=product, member=member, organization=organization, team=team, actor=actor
        )
    link = None if user.has_joined else invite_user(user=user, actor=actor)
    return NewSeat(member, link)


@transaction.atomic
def archive_member(
    *, product: Product, member: AbstractMember, reason: str = "", actor: Actor
) -> None:
    """Take somebody's seat away: keys and tokens of this product stop at once.

    What they administered in the product goes with it, and does not come back by itself.
    What is free in the wallets of their places goes back to where it came from.
    """
    hold(member)
    refuse_archived(member)
    for place in _places(member):
        reclaim_from_leaver(
            wallet=place.wallet,
            actor=actor,
            label=f"{member} in {place}",
            nodes=(place.team_id or place.organization_id,),
        )
    archive(
        member,
        kind="member",
        product=product,
        reason=reason,
        actor=actor,
        nodes=place_ids(member),
    )
    user = member.user
    end_administration(product=product, user=user, reason=reason, actor=actor)
    for role in RoleAssignment.objects.filter(user=user, product=product.slug):
        take_role(assignment=role, actor=actor)


@transaction.atomic
def restore_member(*, product: Product, member: AbstractMember, actor: Actor) -> None:
    """Give an archived member the seat back, in the places they had, as a joiner there."""
    hold(member)
    member.archived_at = None
    member.save(update_fields=("archived_at",))
    for place in _places(member):
        serve(membership=place, actor=actor)
    give_role(user=member.user, role=Role.MEMBER, product=product.slug, actor=actor)
    record(
        actor=actor,
        verb=verbs.RESTORED["member"],
        target=("member", member.pk, str(member)),
        product=product.slug,
        nodes=place_ids(member),
    )
    bump_policy()


def _places(member: AbstractMember) -> list[Any]:
    places: Any = member.memberships  # type: ignore[attr-defined]
    rows = places.filter(archived_at=None, organization__archived_at=None).order_by(
        "organization__is_global", "-is_primary", "created_at"
    )
    return list(rows.select_related("wallet__book", "member__user", "organization", "team"))
