"""Reads of who administers what, and how far a scope reaches."""

from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from core.access import object_permissions
from core.access.scopes import Scope, scope_of
from core.hierarchy.models import AbstractMember, AbstractOrganization, AbstractTeam
from core.hierarchy.product import Product, products
from core.identity.models import Role, RoleAssignment, User
from core.identity.selectors import account_admins
from core.kit.problems import NotAllowed, NotFound

# As many names as somebody reads.
MOST_GIVERS = 3

Branch = AbstractOrganization | AbstractTeam


def includes(scope: Scope, node: Branch) -> bool:
    """Whether an organization or a team lies in a scope."""
    if isinstance(node, AbstractOrganization):
        return scope.has_organization(node.pk)
    return scope.has_team(node.pk, organization_id=node.organization_id)  # type: ignore[attr-defined]


def has_above(scope: Scope, node: Branch) -> bool:
    """Whether a scope holds what stands above a node, and so decides over its being there.

    An organization is created, archived and restored by account admins; a team by who administers
    its organization.
    """
    if isinstance(node, AbstractOrganization):
        return scope.everything
    return scope.has_organization(node.organization_id)  # type: ignore[attr-defined]


def require_above(scope: Scope, node: Branch) -> None:
    """Pass if a scope holds what stands above a node.

    Raises:
        NotAllowed: the scope begins with the node, or is elsewhere.
    """
    if not has_above(scope, node):
        raise NotAllowed(f"Whoever administers what stands above {node} can do this.")


def require_whole_seat(product: Product, scope: Scope, member: AbstractMember) -> None:
    """Pass if all that a member has in a product lies in a scope: every place and every role.

    An account admin has more than any branch. Who administers a part of it may take people out of
    that part, but not the seat as a whole.

    Raises:
        NotAllowed: the member has a place or a role beyond the scope, or no place at all.
    """
    if not has_whole_seat(product, scope, member):
        raise NotAllowed(
            "This person has more than what you administer. Take them out of your own teams, or "
            "ask an account admin."
        )


def require_whole_login(user: Any, member: AbstractMember) -> None:
    """Pass if all seats of a member's login are whole in what a user administers, in each product.

    An invitation lets a person in everywhere.

    Raises:
        NotAllowed: the member has more, in any product, than the user administers there.
    """
    for product in products():
        seats: Any = product.member._default_manager.filter(user=member.user, archived_at=None)
        for seat in seats:
            require_whole_seat(product, scope_of(user, product.slug), seat)


def has_whole_seat(product: Product, scope: Scope, member: AbstractMember) -> bool:
    """Whether all that a member has in a product lies in a scope: every place and every role."""
    if scope.everything:
        return True
    memberships: Any = product.membership
    places = list(
        memberships._default_manager.filter(
            member=member, archived_at=None, organization__is_global=False
        ).values_list("team_id", "organization_id")
    )
    is_whole = places and all(
        scope.has_team(team, organization_id=organization)
        if team is not None
        else scope.has_organization(organization)
        for team, organization in places
    )
    roles = RoleAssignment.objects.filter(
        Q(product=product.slug, node_id__isnull=False) | Q(role=Role.ACCOUNT_ADMIN),
        user=member.user,
    )
    return bool(is_whole) and not roles.exclude(_appointments_in(product, scope)).exists()


def nodes_in(product: Product, scope: Scope) -> frozenset[UUID] | None:
    """Return the organizations and teams of a scope by id, archived ones too; None for all."""
    if scope.everything:
        return None
    teams: Any = product.team._default_manager
    inside = teams.filter(organization__in=scope.organizations).values_list("pk", flat=True)
    return scope.organizations | scope.teams | frozenset(inside)


def administrators_for(product: Product, scope: Scope, *, term: str = "") -> QuerySet[Any]:
    """Return the appointments in a scope to nodes in use, with `node_name` and `above`.

    `above` is the organization of a team. `term` narrows by people's and nodes' names.
    """
    rows = _appointments(product).filter(_appointments_in(product, scope))
    for word in term.split():
        rows = rows.filter(
            Q(user__name__icontains=word)
            | Q(user__email__icontains=word)
            | Q(node_name__icontains=word)
            | Q(above__icontains=word)
        )
    return rows.order_by("sorted_by", "role", "node_name", "user__name", "user__email")


def administrators_of(product: Product, node: Branch) -> QuerySet[Any]:
    """Return the appointments to one node; of an archived one they are not in force."""
    rows = RoleAssignment.objects.filter(product=product.slug, node_id=node.pk)
    return rows.select_related("user").order_by("user__name", "user__email")


def administrator_for(product: Product, scope: Scope, assignment_id: UUID) -> RoleAssignment:
    """Return one appointment.

    Raises:
        NotFound: there is none of that id in the scope.
    """
    rows = _appointments(product).filter(_appointments_in(product, scope))
    found: RoleAssignment | None = rows.filter(pk=assignment_id).first()
    if found is None:
        raise NotFound("This person does not administer it any more.")
    return found


def node_of(product: Product, assignment: RoleAssignment) -> Branch:
    """Return what an appointment is about."""
    model: Any = (
        product.organization if assignment.role == Role.ORGANIZATION_ADMIN else product.team
    )
    node: Branch = model._default_manager.get(pk=assignment.node_id)
    return node


def disagreements(product: Product) -> list[str]:
    """Return what the appointments and the object permissions that decide do not agree on."""
    appointed = set(
        RoleAssignment.objects.filter(product=product.slug)
        .filter(Q(node_id__in=_in_use(product.organization)) | Q(node_id__in=_in_use(product.team)))
        .values_list("user_id", "node_id")
    )
    held = object_permissions.pairs_of(product.slug)
    return [
        *(f"{user} is appointed to {node} without effect" for user, node in appointed - held),
        *(f"{user} administers {node} without appointment" for user, node in held - appointed),
    ]


def _appointments(product: Product) -> QuerySet[Any]:
    organization: Any = product.organization._default_manager.filter(
        pk=OuterRef("node_id"), archived_at=None
    )
    team: Any = product.team._default_manager.filter(pk=OuterRef("node_id"), archived_at=None)
    names = organization.values("name")[:1]
    return (
        RoleAssignment.objects.filter(product=product.slug, node_id__isnull=False)
        .select_related("user")
        .annotate(
            node_name=Coalesce(Subquery(names), Subquery(team.values("name")[:1])),
            above=Subquery(team.values("organization__name")[:1]),
            sorted_by=Coalesce(Subquery(team.values("organization__name")[:1]), Subquery(names)),
        )
        .filter(node_name__isnull=False)
    )


def _appointments_in(product: Product, scope: Scope) -> Q:
    if scope.everything:
        return Q()
    teams: Any = product.team._default_manager
    inside = teams.filter(organization__in=scope.organizations).values("pk")
    return Q(role=Role.ORGANIZATION_ADMIN, node_id__in=scope.organizations) | Q(
        Q(node_id__in=scope.teams) | Q(node_id__in=inside), role=Role.TEAM_ADMIN
    )


def _in_use(model: Any) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._default_manager.filter(archived_at=None).values("pk")
    return rows


def givers_of(product: Product, place: Any) -> list[str]:
    """Return by name who can give the member of a place more credits, the nearest first."""
    mine = place.member.user_id
    people: list[User] = []
    for node in (place.team, place.organization):
        if node is not None and not people:
            people = [row.user for row in administrators_of(product, node) if row.user.is_active]
    people = [one for one in people if one.pk != mine] or list(account_admins()[: MOST_GIVERS + 1])
    return [str(one) for one in people if one.pk != mine][:MOST_GIVERS]
