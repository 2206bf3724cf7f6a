"""Moving teams and memberships to another place. `core.hierarchy.moves` previews it.

History stays where it was: usage of before belongs to the old place. Calls that run keep the
wallets that they hold credits of; the next call is decided and charged by the new place.
"""

from typing import Any

from django.db import transaction

from core.audit.services import Actor, record
from core.credits.services.joining import serve_joiner
from core.credits.services.moving_wallets import MovedCredits, move_wallet
from core.hierarchy import verbs
from core.hierarchy.errors import AlreadyThere, GlobalIsFixed, MovedMeanwhile
from core.hierarchy.models import AbstractMembership, AbstractOrganization, AbstractTeam
from core.hierarchy.product import Product
from core.hierarchy.services.memberships import serve
from core.hierarchy.services.rows import (
    hold,
    memberships_of,
    refuse_archived,
    refuse_global,
    refuse_moved,
    save_named,
)
from core.kit.money import format_credits
from core.tenancy.policy import bump_policy


@transaction.atomic
def move_team(
    *,
    product: Product,
    team: AbstractTeam,
    organization: AbstractOrganization,
    reason: str = "",
    actor: Actor,
) -> MovedCredits:
    """Move a team with its members, their credits and their keys to another organization.

    Raises:
        AlreadyThere: it is in this organization.
        NameTaken: the organization has a team of that name.
        GlobalIsFixed: `global` has no teams.
        IsArchived: the team or the organization is archived.
        MovedMeanwhile: somebody else has just moved it.
    """
    moving: Any = team
    source = moving.organization
    hold(source, organization, team)
    if moving.organization_id != source.pk:
        raise MovedMeanwhile(f"{team} has just moved to {moving.organization}. Look again.")
    refuse_global(organization)
    refuse_archived(organization)
    refuse_archived(team)
    if source.pk == organization.pk:
        raise AlreadyThere(f"{team} is in {organization} already.")
    moving.organization = organization
    save_named(team, update_fields=("organization",))
    # Those that are archived too: who comes back is then in the team where it stands.
    memberships_of(product).filter(team=team).update(organization=organization)
    moved = move_wallet(wallet=team.wallet, parent=organization.wallet, actor=actor, reason=reason)
    serve_joiner(wallet=team.wallet, actor=actor, label=team.name, nodes=(organization.pk,))
    record(
        actor=actor,
        verb=verbs.TEAM_MOVED,
        target=("team", team.pk, team.name),
        before={"organization": source.name},
        after={"organization": organization.name, "credits": format_credits(moved.kept)},
        reason=reason,
        product=product.slug,
        nodes=(source.pk, organization.pk),
    )
    bump_policy()
    return moved


@transaction.atomic
def move_membership(
    *,
    product: Product,
    membership: AbstractMembership,
    organization: AbstractOrganization,
    team: AbstractTeam | None = None,
    reason: str = "",
    actor: Actor,
) -> MovedCredits:
    """Move a member's place to another team, or directly into an organization; keys go with it.

    What is free in its wallet goes back to the place it leaves, and its allocation ends; the split
    in force in the new place serves it.

    Raises:
        AlreadyThere: the member is in that place.
        GlobalIsFixed: it is the place in `global`, or should become one.
        IsArchived: the place, the member, the team or the organization is archived.
        MovedMeanwhile: somebody else has just moved it, or the team.
    """
    place: Any = membership
    source, source_wallet = str(membership), membership.wallet.parent_id
    source_id = place.team_id or place.organization_id
    hold(place.member, membership, team or organization)
    for node in (membership, place.member, organization, team):
        if node is not None:
            refuse_archived(node)
    refuse_moved(team, organization)
    if place.organization.is_global or organization.is_global:
        raise GlobalIsFixed("Everyone is in global; only places beside it can be moved.")
    places = memberships_of(product).filter(member=place.member, archived_at=None)
    if places.filter(organization=organization, team=team).exists():
        raise AlreadyThere(f"{place.member} is already in {team or organization}.")
    if membership.wallet.parent_id != source_wallet:
        raise MovedMeanwhile(f"{place.member} has just moved to {membership}. Look again.")
    place.organization, place.team = organization, team
    place.save(update_fields=("organization", "team"))
    parent = team.wallet if team is not None else organization.wallet
    moved = move_wallet(wallet=membership.wallet, parent=parent, actor=actor, reason=reason)
    serve(membership=membership, actor=actor)
    record(
        actor=actor,
        verb=verbs.MEMBERSHIP_MOVED,
        target=("member", place.member_id, str(place.member)),
        before={"place": source},
        after={"place": str(membership), "credits given back": format_credits(moved.given_back)},
        reason=reason,
        product=product.slug,
        nodes=(source_id, (team or organization).pk),
    )
    bump_policy()
    return moved
