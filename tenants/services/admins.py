"""An account's admins, as the super admin sees them: appoint, remove, invite again."""

from uuid import UUID

from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.identity import services as identity
from core.identity.mail import send_invitation
from core.identity.models import Role, RoleAssignment, User
from core.identity.services import InvitationLink
from core.kit.problems import Conflict, NotFound
from core.tenancy.context import in_account
from tenants.models import Account
from tenants.selectors import invitation_url

ADMIN_APPOINTED = verbs.register(
    "account.admin_appointed",
    "{actor} appointed {after[email]} as admin of {target}",
    icon="admin_panel_settings",
)
ADMIN_REMOVED = verbs.register(
    "account.admin_removed",
    "{actor} removed {before[email]} as admin of {target}",
    icon="remove_moderator",
)
ADMIN_INVITED = verbs.register(
    "account.admin_invited",
    "{actor} sent {after[email]} a new invitation to {target}",
    icon="mail",
)


@transaction.atomic
def appoint_admin(
    *, account: Account, email: str, name: str = "", actor: Actor
) -> InvitationLink | None:
    """Make somebody admin of an account.

    Whoever has no password yet is invited by mail, and the link is returned; whoever has one
    signs in as before. A person who was deactivated may sign in again.

    Raises:
        InvalidInput: the e-mail address is not one.
        Conflict: the person is an admin already.
    """
    with in_account(account):
        user = User.objects.filter(email__iexact=email.strip()).first()
        link: InvitationLink | None = None
        if user is None:
            user, link = add_admin(email=email, name=name, actor=actor)
        else:
            if user.roles.filter(role=Role.ACCOUNT_ADMIN).exists() and user.is_active:
                raise Conflict(f"{user.email} is an admin of {account} already.")
            link = _promote(user, actor=actor)
    _record(ADMIN_APPOINTED, account, after={"email": user.email}, actor=actor)
    if link is not None:
        _send(account, user, link, actor=actor)
    return link


@transaction.atomic
def remove_admin(*, account: Account, user_id: UUID, reason: str = "", actor: Actor) -> None:
    """Take the role of account admin from somebody; their seats stay.

    Raises:
        NotFound: nobody of that id is an admin of the account.
        LastAdmin: nobody else administers it.
    """
    with in_account(account):
        assignment = _assignment(user_id)
        email = assignment.user.email
        identity.take_role(assignment=assignment, actor=actor)
    _record(ADMIN_REMOVED, account, before={"email": email}, reason=reason, actor=actor)


@transaction.atomic
def invite_admin_again(*, account: Account, user_id: UUID, actor: Actor) -> InvitationLink:
    """Send an admin who has not signed in yet a fresh link; the former one stops working.

    Raises:
        NotFound: nobody of that id is an admin of the account.
        Conflict: the person has a password already.
    """
    with in_account(account):
        user = _assignment(user_id).user
        if user.has_usable_password():
            raise Conflict(f"{user.email} has signed in before and needs no invitation.")
        link = identity.invite_user(user=user, actor=actor)
    _record(ADMIN_INVITED, account, after={"email": user.email}, actor=actor)
    _send(account, user, link, actor=actor)
    return link


def add_admin(*, email: str, name: str, actor: Actor) -> tuple[User, InvitationLink]:
    """Add a login with the role in the current account, and invite it. Sends nothing.

    Raises:
        InvalidInput: the e-mail address is not one.
        EmailTaken: the address has a login here already.
    """
    user = identity.create_user(email=email, name=name, is_active=False, actor=actor)
    identity.give_role(user=user, role=Role.ACCOUNT_ADMIN, actor=actor)
    return user, identity.invite_user(user=user, actor=actor)


def _promote(user: User, *, actor: Actor) -> InvitationLink | None:
    identity.give_role(user=user, role=Role.ACCOUNT_ADMIN, actor=actor)
    if not user.has_usable_password():
        return identity.invite_user(user=user, actor=actor)
    # An invitation sets a password, so nobody who has one gets a link that would replace it.
    if not user.is_active:
        identity.reactivate_user(user=user, actor=actor)
    return None


def _assignment(user_id: UUID) -> RoleAssignment:
    admins = RoleAssignment.objects.select_related("user").filter(role=Role.ACCOUNT_ADMIN)
    assignment = admins.filter(user_id=user_id).first()
    if assignment is None:
        raise NotFound("This person is not an admin of the account.")
    return assignment


def _send(account: Account, user: User, link: InvitationLink, *, actor: Actor) -> None:
    send_invitation(
        to=user.email,
        invited_to=account.name,
        invited_by=actor.label,
        url=invitation_url(account, link.token),
    )


def _record(
    verb: str,
    account: Account,
    *,
    actor: Actor,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
    reason: str = "",
) -> None:
    record(
        actor=actor,
        verb=verb,
        target=("account", account.pk, account.name),
        before=before,
        after=after,
        reason=reason,
    )
