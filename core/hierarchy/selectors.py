"""Reads of the hierarchy, for both products."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from core.access.scopes import EVERYTHING, Scope
from core.credits.models import AllocationRule
from core.hierarchy import reach
from core.hierarchy.models import (
    AbstractMember,
    AbstractMembership,
    AbstractOrganization,
    AbstractTeam,
)
from core.hierarchy.product import Product
from core.identity.models import User
from core.kit.problems import NotFound

_ACTIVE = Q(archived_at=None)
# In this order people are listed, and by these they are found.
NAMES = ("user__name", "user__email")


def organizations_for(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the organizations that a scope includes whole, with figures.

    These are `team_count`, `member_count`, and `allocation`: its own rule's amount, None where it
    has no rule.
    """
    counted: QuerySet[Any] = reach.organizations_within(product, scope).annotate(
        team_count=_count(product.team._default_manager.filter(_ACTIVE), "organization"),
        # Everyone is in `global`, so their seats need no looking up.
        member_count=Case(
            When(is_global=True, then=_seats(product)),
            default=_count(_active_places(product), "organization", "member"),
        ),
        allocation=_allocation(),
    )
    return counted


def teams_for(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the teams in a scope with their organizations, `member_count` and `allocation`."""
    counted: QuerySet[Any] = reach.teams_within(product, scope).annotate(
        member_count=_count(_active_places(product), "team", "member"), allocation=_allocation()
    )
    return counted


def organizations_named(product: Product, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what organizations are called, by id."""
    rows = _rows(product.organization).filter(pk__in=ids).order_by()
    return dict(rows.values_list("pk", "name"))


def organization_choices(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the organizations in use that a scope includes whole, by name, without figures."""
    rows = reach.organizations_within(product, scope)
    return rows.filter(_ACTIVE, is_global=False).order_by("name")


def team_choices(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the teams in use of a scope with their organizations, without figures."""
    rows = reach.teams_within(product, scope).filter(_ACTIVE, organization__archived_at=None)
    return rows.order_by("organization__name", "name")


def branches_for(product: Product, scope: Scope) -> list[tuple[Any, list[Any], bool]]:
    """Return where somebody can be put: organization, its teams, and whether it is there whole.

    All in use, by name, in two queries. Of an organization that is not there whole, only the teams
    are places of the scope, and it stands as the name above them.
    """
    teams = _rows(product.team).filter(_ACTIVE, organization__archived_at=None)
    organizations = _rows(product.organization).filter(_ACTIVE, is_global=False)
    if not scope.everything:
        teams = teams.filter(Q(organization__in=scope.organizations) | Q(pk__in=scope.teams))
        above = teams.values("organization")
        organizations = organizations.filter(Q(pk__in=scope.organizations) | Q(pk__in=above))
    inside: dict[UUID, list[Any]] = {}
    for team in teams:
        inside.setdefault(team.organization_id, []).append(team)
    return [(row, inside.get(row.pk, []), scope.has_organization(row.pk)) for row in organizations]


def places_for(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the memberships in a scope that are not archived."""
    return reach.places_within(product, scope)


def members_for(product: Product, scope: Scope) -> QuerySet[Any]:
    """Return the members with a place in a scope, and of their places those."""
    return reach.members_within(product, scope)


def organization_for(product: Product, scope: Scope, organization_id: UUID | str) -> Any:
    """Return one organization of a scope.

    Raises:
        NotFound: the scope has none of that id.
    """
    return _one(organizations_for(product, scope), organization_id)


def team_for(product: Product, scope: Scope, team_id: UUID | str) -> Any:
    """Return one team of a scope.

    Raises:
        NotFound: the scope has none of that id.
    """
    return _one(teams_for(product, scope), team_id)


def member_for(product: Product, scope: Scope, member_id: UUID | str) -> Any:
    """Return one member with a place in a scope.

    Raises:
        NotFound: the scope has none of that id.
    """
    return _one(members_for(product, scope), member_id)


def place_for(product: Product, scope: Scope, place_id: UUID | str, *, member: UUID) -> Any:
    """Return one place of a member in a scope.

    Raises:
        NotFound: the member has none of that id there.
    """
    rows = places_for(product, scope).filter(member=member)
    return _one(rows.select_related("member__user", "organization", "team"), place_id)


def named_like(members: QuerySet[Any], term: str) -> QuerySet[Any]:
    """Return those of these members whose name or address has every word of a term, by name."""
    return reach.named(members, term, *NAMES).order_by(*NAMES)


def members_in(product: Product, node: AbstractOrganization | AbstractTeam) -> QuerySet[Any]:
    """Return the members with a place in an organization or a team, by name."""
    where = {"team" if isinstance(node, AbstractTeam) else "organization": node}
    places = _rows(product.membership).filter(_ACTIVE, **where)
    members = reach.members_showing(product, EVERYTHING)
    return members.filter(pk__in=places.values("member"), archived_at=None).order_by(*NAMES)


def candidates_for(
    product: Product, scope: Scope, node: AbstractOrganization | AbstractTeam, *, term: str
) -> QuerySet[Any]:
    """Return members who could be put into an organization or a team, by a part of their name.

    Who is outside the scope is found by the exact e-mail address alone.
    """
    place = (
        {"team": node} if isinstance(node, AbstractTeam) else {"organization": node, "team": None}
    )
    inside = _rows(product.membership).filter(_ACTIVE, **place)
    rows = reach.members_showing(product, scope).filter(archived_at=None)
    found = reach.named(rows, term, *NAMES)
    if not scope.everything:
        own = reach.places_within(product, scope).values("member")
        found = found.filter(pk__in=own) | rows.filter(user__email__iexact=term.strip())
    return found.exclude(pk__in=inside.values("member")).order_by(*NAMES)


def candidate_for(product: Product, scope: Scope, named: str) -> Any:
    """Return a member who may be put into a place of a scope: by id, or by exact e-mail address.

    Raises:
        NotFound: the scope has none of that id, or the product none of that address.
    """
    if "@" not in named:
        return member_for(product, scope, named)
    members = reach.members_showing(product, scope)
    member = members.filter(user__email__iexact=named.strip()).first()
    if member is None:
        raise NotFound("Nobody with this e-mail address has a seat here.")
    return member


def places_of(product: Product, member: AbstractMember, *, scope: Scope = EVERYTHING) -> list[Any]:
    """Return the places a member can act from, the primary one first, `global` last."""
    rows = reach.places_within(product, scope).filter(member=member, organization__archived_at=None)
    rows = rows.filter(Q(team=None) | Q(team__archived_at=None))
    return list(rows.order_by(*reach.PRIMARY_FIRST))


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
    """Return the places in use of members with a seat.

    The few archived members are taken out by their own index: joining all members instead would
    look up 100,000 of them for each organization of a list.
    """
    archived = product.member._default_manager.exclude(archived_at=None)
    return _rows(product.membership).filter(_ACTIVE).exclude(member__in=archived.values("pk"))


def _count(rows: QuerySet[Any], parent: str, what: str = "pk") -> Coalesce:
    """Count rows below each parent by a subquery: joins would multiply teams with members."""
    counted = (
        rows.filter(**{parent: OuterRef("pk")})
        .order_by()
        .values(parent)
        .annotate(found=Count(what, distinct=True))
    )
    return Coalesce(Subquery(counted.values("found")), 0)


def _seats(product: Product) -> Subquery:
    """Count the seats in use, once for all rows."""
    seats = product.member._default_manager.filter(_ACTIVE).order_by()
    counted = seats.annotate(one=Value(1)).values("one").annotate(found=Count("pk"))
    return Subquery(counted.values("found"), output_field=BigIntegerField())


def _allocation() -> Subquery:
    rules = AllocationRule.objects.filter(wallet=OuterRef("wallet"))
    return Subquery(rules.values("amount"), output_field=BigIntegerField())
