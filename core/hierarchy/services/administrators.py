"""Every write of who administers an organization or a team.

An appointment is a `RoleAssignment`, which says who was appointed and when; that it is in force is
guardian's object permission on the node, and only this decides (`core.access.scopes`). Both are
written here, in one transaction. Of an archived node the appointments stay and are not in force.
"""

from django.db import transaction

from core.access import object_permissions
from core.access.scopes import Scope
from core.audit.services import Actor, record
from core.hierarchy import verbs
from core.hierarchy.administration import Branch, includes, node_of
from core.hierarchy.errors import Deactivated
from core.hierarchy.models import AbstractOrganization
from core.hierarchy.product import Product
from core.hierarchy.services.rows import hold, refuse_archived, refuse_global
from core.identity.models import Role, RoleAssignment, User
from core.identity.services import Appointment, create_user, invite_user
from core.identity.signals import role_given
from core.kit.problems import NotAllowed
from core.tenancy.policy import bump_policy


@transaction.atomic
def appoint_administrator(
    *,
    product: Product,
    node: Branch,
    email: str,
    name: str = "",
    reason: str = "",
    scope: Scope,
    actor: Actor,
) -> Appointment:
    """Let somebody administer an organization or a team, by e-mail address.

    `scope` is what the actor administers: nobody gives more than that. Who is new here gets a login
    and an invitation; the caller sends its link. Appointing somebody twice changes nothing.

    Raises:
        NotAllowed: the node is outside the actor's scope.
        InvalidInput: the e-mail address is not one.
        Deactivated: the person cannot sign in any more.
        IsArchived: the node is archived.
        GlobalIsFixed: it is `global`.
    """
    _require_within(scope, node)
    # Whoever archives the node at the same moment waits, and then takes the new right as well.
    hold(node)
    refuse_archived(node)
    if isinstance(node, AbstractOrganization):
        refuse_global(node)
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        user = create_user(email=email, name=name, is_active=False, actor=actor)
    elif user.has_joined and not user.is_active:
        raise Deactivated(f"The login of {user} is deactivated. An account admin can change that.")
    _appoint(product, node, user, reason=reason, actor=actor)
    return Appointment(user, None if user.has_joined else invite_user(user=user, actor=actor))


@transaction.atomic
def remove_administrator(
    *,
    product: Product,
    assignment: RoleAssignment,
    reason: str = "",
    scope: Scope,
    actor: Actor,
) -> None:
    """Take the right to administer a node from somebody; login and seats stay.

    Raises:
        NotAllowed: the node is outside the actor's scope.
    """
    node = node_of(product, assignment)
    _require_within(scope, node)
    _remove(product, node, assignment, reason=reason, actor=actor)


def end_administration(*, product: Product, user: User, reason: str = "", actor: Actor) -> None:
    """Take all that somebody administers in a product; part of taking the seat away."""
    for assignment in RoleAssignment.objects.filter(
        user=user, product=product.slug, node_id__isnull=False
    ):
        node = node_of(product, assignment)
        _remove(product, node, assignment, reason=reason, actor=actor)


def suspend_administrators(node: Branch) -> None:
    """Put appointments out of force; part of archiving a node."""
    object_permissions.take(_appointed(node), node)


def resume_administrators(node: Branch) -> None:
    """Put the appointments that a node still has back in force; part of restoring it."""
    for user in _appointed(node):
        object_permissions.give(user, node)


def _appoint(product: Product, node: Branch, user: User, *, reason: str, actor: Actor) -> None:
    role = _role(node)
    assignment, is_new = RoleAssignment.objects.get_or_create(
        user=user, role=role, product=product.slug, node_id=node.pk
    )
    object_permissions.give(user, node)
    if not is_new:
        return
    record(
        actor=actor,
        verb=verbs.ADMIN_APPOINTED,
        target=("user", user.pk, str(user)),
        after={"role": str(role.label), "node": node.name},
        reason=reason,
        product=product.slug,
        nodes=(node.pk,),
    )
    role_given.send(sender=RoleAssignment, assignment=assignment, actor=actor)
    bump_policy()


def _remove(
    product: Product, node: Branch, assignment: RoleAssignment, *, reason: str, actor: Actor
) -> None:
    user = assignment.user
    assignment.delete()
    object_permissions.take((user,), node)
    record(
        actor=actor,
        verb=verbs.ADMIN_REMOVED,
        target=("user", user.pk, str(user)),
        before={"role": str(_role(node).label), "node": node.name},
        reason=reason,
        product=product.slug,
        nodes=(node.pk,),
    )
    bump_policy()


def _appointed(node: Branch) -> list[User]:
    return list(User.objects.filter(roles__node_id=node.pk, roles__role=_role(node)))


def _role(node: Branch) -> Role:
    is_organization = isinstance(node, AbstractOrganization)
    return Role.ORGANIZATION_ADMIN if is_organization else Role.TEAM_ADMIN


def _require_within(scope: Scope, node: Branch) -> None:
    if not includes(scope, node):
        raise NotAllowed("You can appoint and remove admins of what you administer yourself.")
