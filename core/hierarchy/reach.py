"""What somebody's scope reaches, row by row. The selectors stand on it and add figures.

Without them the primary key's index alone finds a page among 100,000 members.
"""

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, OuterRef, Prefetch, Q, QuerySet, Subquery

from core.access.scopes import Scope
from core.hierarchy.product import Product
from core.identity.models import Invitation
from core.kit.problems import NotFound

RowT = TypeVar("RowT", bound=Model)
PRIMARY_FIRST = ("-is_primary", "organization__is_global", "created_at")


def organizations_within(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the organizations that a scope includes whole."""
    rows: QuerySet[Any] = product.organization._default_manager.all()
    return rows if scope.everything else rows.filter(pk__in=scope.organizations)


def teams_within(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the teams in a scope, with their organizations."""
    rows: QuerySet[Any] = product.team._default_manager.all()
    rows = rows.select_related("organization")
    if scope.everything:
        return rows
    return rows.filter(Q(organization__in=scope.organizations) | Q(pk__in=scope.teams))


def places_within(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the memberships in a scope that are not archived, with organization and team."""
    rows: QuerySet[Any] = product.membership._default_manager.filter(archived_at=None)
    rows = rows.select_related("organization", "team", "wallet")
    if scope.everything:
        return rows
    return rows.filter(Q(organization__in=scope.organizations) | Q(team__in=scope.teams))


def members_within(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the members of `members_showing` with a place in a scope, archived ones too."""
    rows = members_showing(product, scope)
    if scope.everything:
        return rows
    return rows.filter(pk__in=places_within(product, scope).values("member"))


def members_showing(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return all members, each with what a scope shows of it.

    That is `user`, those of its places that are in the scope (`places`, primary first), and the
    date of an invitation that is still open (`invited_until`).
    """
    places = places_within(product, scope).order_by(*PRIMARY_FIRST)
    invitations = Invitation.objects.filter(
        user=OuterRef("user"), accepted_at=None, revoked_at=None
    )
    rows: QuerySet[Any] = product.member._default_manager.all()
    shown: QuerySet[Any] = (
        rows.select_related("user")
        .prefetch_related(Prefetch("memberships", queryset=places, to_attr="places"))
        .annotate(
            invited_until=Subquery(invitations.order_by("-created_at").values("expires_at")[:1])
        )
    )
    return shown


def invitations_within(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the invitations of a scope's members, with `user` and `member_id`."""
    members: QuerySet[Any] = product.member._default_manager.filter(user=OuterRef("user"))
    reached = members_within(product, scope).order_by()
    return (
        Invitation.objects.filter(user__in=reached.values("user"))
        .select_related("user")
        .annotate(member_id=Subquery(members.values("pk")[:1]))
    )


def found(rows: QuerySet[RowT], row_id: UUID) -> RowT:
    """Return one of the rows.

    Raises:
        NotFound: none of them has the id.
    """
    row = rows.filter(pk=row_id).first()
    if row is None:
        raise NotFound(f"There is no such {rows.model._meta.verbose_name} here.")
    return row


def named(rows: QuerySet[Any], term: str, *fields: str) -> QuerySet[Any]:
    """Return the rows in which each word of a term stands in one of the fields.

    `icontains` is what the trigram indexes of users are made for; see `identity.0004`.
    """
    # Postgres takes no NUL in text.
    for word in term.replace("\x00", "").split():
        condition = Q()
        for field in fields:
            condition |= Q(**{f"{field}__icontains": word})
        rows = rows.filter(condition)
    return rows
