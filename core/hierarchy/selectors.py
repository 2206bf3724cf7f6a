"""Reads of the hierarchy, for both products."""

from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core.access.scopes import Scope
from core.credits.models import AllocationRule
from core.hierarchy.models import (
    AbstractMember,
    AbstractMembership,
    AbstractOrganization,
    AbstractTeam,
)
from core.hierarchy.product import Product
from core.identity.models import Invitation, User
from core.kit.problems import NotFound

_ACTIVE = Q(archived_at=None)


def organizations_of(product: Product) -> QuerySet[Any]:
    """Return every organization with `team_count`, `member_count` and `allocation`.

    `allocation` is its own rule's amount, None where it has no rule.
    """
    return product.organization._default_manager.annotate(
        team_count=_count(product.team._default_manager.filter(_ACTIVE), "organization"),
        member_count=_count(_active_places(product), "organization", "member"),
        allocation=_allocation(),
    )


def teams_of(product: Product) -> QuerySet[Any]:
    """Return every team with its organization, `member_count` and `allocation`."""
    teams = _rows(product.team).select_related("organization")
    counted: QuerySet[Any] = teams.annotate(
        member_count=_count(_active_places(product), "team", "member"), allocation=_allocation()
    )
    return counted


def members_of(product: Product) -> QuerySet[Any]:
    """Return every member with the user, the places (`places`, primary first) and the invitation.

    `invited_until` is the date of an invitation that is still open.
    """
    open_invitations = Invitation.objects.filter(
        user=OuterRef("user"), accepted_at=None, revoked_at=None
    )
    return (
        product.member._default_manager.select_related("user")
        .prefetch_related(
            Prefetch("memberships", queryset=_named_places(product), to_attr="places")
        )
        .annotate(
            invited_until=Subquery(
                open_invitations.order_by("-created_at").values("expires_at")[:1]
            )
        )
    )


def organizations_for(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the organizations of `organizations_of` that a scope includes whole."""
    rows = organizations_of(product)
    return rows if scope.everything else rows.filter(pk__in=scope.organizations)


def teams_for(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the teams of `teams_of` in a scope."""
    rows = teams_of(product)
    if scope.everything:
        return rows
    return rows.filter(Q(organization__in=scope.organizations) | Q(pk__in=scope.teams))


def places_for(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the memberships in a scope that are not archived."""
    rows = _rows(product.membership).filter(_ACTIVE)
    if scope.everything:
        return rows
    return rows.filter(Q(organization__in=scope.organizations) | Q(team__in=scope.teams))


def members_for(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the members of `members_of` with a place in a scope.

    `places` still names all their places; a face shows of them only what `places_for` has.
    """
    rows = members_of(product)
    if scope.everything:
        return rows
    return rows.filter(pk__in=places_for(product, scope).values("member"))


def members_in(product: Product, node: AbstractOrganization | AbstractTeam) -> QuerySet[Any]:
    """Return the members with a place in an organization or a team, by name."""
    where = {"team" if isinstance(node, AbstractTeam) else "organization": node}
    places = _active_places(product).filter(**where)
    members = members_of(product).filter(pk__in=places.values("member"), archived_at=None)
    return members.order_by("user__name", "user__email")


def members_outside(
    product: Product, node: AbstractOrganization | AbstractTeam, *, term: str
) -> QuerySet[Any]:
    """Return members who could be put into an organization or a team, by a part of their name."""
    place = (
        {"team": node} if isinstance(node, AbstractTeam) else {"organization": node, "team": None}
    )
    inside = _rows(product.membership).filter(_ACTIVE, **place)
    rows = members_of(product).filter(archived_at=None).exclude(pk__in=inside.values("member"))
    for word in term.split():
        rows = rows.filter(Q(user__name__icontains=word) | Q(user__email__icontains=word))
    return rows.order_by("user__name", "user__email")


def places_of(product: Product, member: AbstractMember) -> list[Any]:
    """Return the places a member can act from, the primary one first, `global` last."""
    return list(
        _named_places(product)
        .filter(member=member, organization__archived_at=None)
        .filter(Q(team=None) | Q(team__archived_at=None))
    )


def member_of_user(product: Product, user: User) -> AbstractMember | None:
    """Return a user's seat that is not archived, or None."""
    return product.member._default_manager.filter(_ACTIVE, user=user).first()


def acting_membership(
    product: Product, member: AbstractMember, *, team_id: UUID | None = None
) -> AbstractMembership:
    """Return the place a call acts from: the team it names, or the primary place.

    Raises:
        NotFound: the member is not in that team.
    """
    places = (
        _rows(product.membership)
        .filter(_ACTIVE, member=member)
        .filter(Q(team=None) | Q(team__archived_at=None), organization__archived_at=None)
        .select_related("organization", "team", "wallet")
    )
    place = (
        places.filter(team_id=team_id).first()
        if team_id is not None
        else places.order_by("-is_primary", "organization__is_global", "created_at").first()
    )
    if place is None:
        raise NotFound("The member is not in this team.")
    found: AbstractMembership = place
    return found


def member_of(product: Product, member_id: UUID | str) -> Any:
    """Return one member with user, places and invitation.

    Raises:
        NotFound: there is none of that id.
    """
    return _one(members_of(product), member_id)


def organization_named(product: Product, organization_id: UUID | str) -> AbstractOrganization:
    """Return one organization.

    Raises:
        NotFound: there is none of that id.
    """
    found: AbstractOrganization = _one(organizations_of(product), organization_id)
    return found


def team_named(product: Product, team_id: UUID | str) -> AbstractTeam:
    """Return one team.

    Raises:
        NotFound: there is none of that id.
    """
    found: AbstractTeam = _one(teams_of(product), team_id)
    return found


def member_named(product: Product, member_id: UUID | str) -> AbstractMember:
    """Return one member.

    Raises:
        NotFound: there is none of that id.
    """
    found: AbstractMember = _one(_rows(product.member), member_id)
    return found


def _one(rows: QuerySet[Any], row_id: UUID | str) -> Any:
    try:
        row = rows.filter(pk=UUID(str(row_id))).first()
    except ValueError:
        row = None
    if row is None:
        raise NotFound(f"There is no such {rows.model._meta.verbose_name}.")
    return row


def _rows(model: Any) -> QuerySet[Any]:
    """Return a table's rows. The abstract classes do not know the keys that a product adds."""
    rows: QuerySet[Any] = model._default_manager.all()
    return rows


def _active_places(product: Product) -> QuerySet[Any]:
    return _rows(product.membership).filter(_ACTIVE, member__archived_at=None)


def _named_places(product: Product) -> QuerySet[Any]:
    return (
        _rows(product.membership)
        .filter(_ACTIVE)
        .select_related("organization", "team")
        .order_by("-is_primary", "organization__is_global", "created_at")
    )


def _count(rows: QuerySet[Any], parent: str, what: str = "pk") -> Coalesce:
    """Count rows below each parent by a subquery: joins would multiply teams with members."""
    counted = (
        rows.filter(**{parent: OuterRef("pk")})
        .order_by()
        .values(parent)
        .annotate(found=Count(what, distinct=True))
    )
    return Coalesce(Subquery(counted.values("found")), 0)


def _allocation() -> Subquery:
    rules = AllocationRule.objects.filter(wallet=OuterRef("wallet"))
    return Subquery(rules.values("amount"), output_field=BigIntegerField())
