"""Super admins: the users of the public schema. Add, deactivate, reactivate, invite again."""

from django.conf import settings
from django.db import transaction

from core.audit.services import Actor
from core.identity import services as identity
from core.identity.mail import send_invitation
from core.identity.models import User
from core.identity.services import InvitationLink
from core.kit.problems import Conflict
from core.tenancy.context import in_public
from tenants.errors import LastSuperAdmin

_PLATFORM = "the Cockpit platform"


def add_super_admin(*, email: str, name: str = "", actor: Actor) -> InvitationLink:
    """Invite one more super admin by mail, and return the link.

    Raises:
        InvalidInput: the e-mail address is not one.
        EmailTaken: the address has a login here already.
    """
    with in_public(), transaction.atomic():
        user = identity.create_user(email=email, name=name, is_active=False, actor=actor)
        return _invite(user, actor=actor)


def deactivate_super_admin(*, user: User, reason: str = "", actor: Actor) -> None:
    """End somebody's sessions and sign-ins at once, and their open invitation.

    Raises:
        LastSuperAdmin: nobody else could sign in to the platform.
        Conflict: it is the actor.
    """
    with in_public(), transaction.atomic():
        # Locking all rows keeps two super admins from removing each other at the same moment.
        active = list(User.objects.select_for_update().filter(is_active=True).order_by("pk"))
        others = [row for row in active if row.pk != user.pk and row.has_usable_password()]
        if not others:
            raise LastSuperAdmin("Add another super admin first, and have them sign in.")
        if str(user.pk) == actor.id:
            raise Conflict("You cannot deactivate yourself. Ask another super admin.")
        identity.deactivate_user(user=user, actor=actor, reason=reason)


def reactivate_super_admin(*, user: User, actor: Actor) -> InvitationLink | None:
    """Let somebody sign in again; who never had a password is invited anew."""
    with in_public(), transaction.atomic():
        if user.has_usable_password():
            identity.reactivate_user(user=user, actor=actor)
            return None
        return _invite(user, actor=actor)


def invite_super_admin_again(*, user: User, actor: Actor) -> InvitationLink:
    """Send a fresh link to somebody who has not signed in yet; the former one stops working.

    Raises:
        Conflict: the person has a password already.
    """
    with in_public(), transaction.atomic():
        if user.has_usable_password():
            raise Conflict(f"{user.email} has signed in before and needs no invitation.")
        return _invite(user, actor=actor)


def super_admin_invitation_url(link: InvitationLink) -> str:
    """Return the link of an invitation to the platform."""
    return f"{settings.PUBLIC_URL}/invitations/{link.token}/"


def _invite(user: User, *, actor: Actor) -> InvitationLink:
    link = identity.invite_user(user=user, actor=actor)
    send_invitation(
        to=user.email,
        invited_to=_PLATFORM,
        invited_by=actor.label,
        url=super_admin_invitation_url(link),
    )
    return link
