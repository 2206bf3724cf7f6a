"""Every write of users, roles and invitations."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.identity.errors import EmailTaken, InvitationClosed, InvitationInvalid, LastAdmin
from core.identity.models import Invitation, Role, RoleAssignment, User
from core.identity.signals import role_given
from core.kit.clock import now
from core.kit.problems import InvalidInput
from core.kit.secrets import keyed_hash, random_token
from core.tenancy.context import in_account_schema
from core.tenancy.policy import bump_policy

INVITATION_DAYS = 7

USER_CREATED = verbs.register("user.created", "{actor} added {target}", icon="person_add")
USER_INVITED = verbs.register("user.invited", "{actor} invited {target}", icon="mail")
INVITATION_REVOKED = verbs.register(
    "user.invitation_revoked", "{actor} withdrew the invitation of {target}", icon="unsubscribe"
)
USER_JOINED = verbs.register("user.joined", "{actor} accepted the invitation", icon="how_to_reg")
USER_DEACTIVATED = verbs.register("user.deactivated", "{actor} deactivated {target}", icon="block")
USER_REACTIVATED = verbs.register("user.reactivated", "{actor} reactivated {target}", icon="undo")
USER_RENAMED = verbs.register(
    "user.renamed", "{actor} changed the name of {target} to {after[name]}", icon="badge"
)
ROLE_GIVEN = verbs.register(
    "role.given", "{actor} made {target} {after[role]}", icon="admin_panel_settings"
)
ROLE_TAKEN = verbs.register(
    "role.taken", "{actor} took the role {before[role]} from {target}", icon="remove_moderator"
)


@dataclass(frozen=True, slots=True)
class InvitationLink:
    """An invitation with the token of its link, which is not stored and shown only now."""

    invitation: Invitation
    token: str


@dataclass(frozen=True, slots=True)
class Appointment:
    """Somebody with a new role, and the link to send to who cannot sign in yet."""

    user: User
    link: InvitationLink | None


@transaction.atomic
def create_user(
    *, email: str, name: str = "", password: str | None = None, is_active: bool = True, actor: Actor
) -> User:
    """Add a login in the current schema. Without a password nobody can sign in with it yet.

    Raises:
        InvalidInput: the e-mail address is not one.
        EmailTaken: the address has a login here already.
    """
    email = _checked_email(email)
    if User.objects.filter(email__iexact=email).exists():
        raise EmailTaken(f"{email} already has a login here.")
    user = User.objects.create_user(
        email=email, password=password, name=name.strip(), is_active=is_active
    )
    record(actor=actor, verb=USER_CREATED, target=_target(user), after={"email": email})
    return user


@transaction.atomic
def invite_user(*, user: User, actor: Actor) -> InvitationLink:
    """Make a fresh invitation link for somebody; earlier links stop working.

    The caller sends the mail on commit. Valid for seven days.
    """
    Invitation.objects.filter(user=user, accepted_at=None, revoked_at=None).update(revoked_at=now())
    token = random_token(43)
    invitation = Invitation.objects.create(
        user=user,
        token_hash=keyed_hash(token, pepper=settings.TOKEN_PEPPER),
        invited_by=actor.label,
        expires_at=now() + timedelta(days=INVITATION_DAYS),
    )
    record(actor=actor, verb=USER_INVITED, target=_target(user), after={"email": user.email})
    return InvitationLink(invitation, token)


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, actor: Actor) -> Invitation:
    """Make an invitation's link stop working. The person stays where they were placed.

    Raises:
        InvitationClosed: it was accepted or withdrawn already.
    """
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("user")
        .get(pk=invitation.pk)
    )
    if invitation.accepted_at is not None:
        raise InvitationClosed(f"{invitation.user} has accepted it already.")
    if invitation.revoked_at is not None:
        raise InvitationClosed("It was withdrawn already, or a newer one has replaced it.")
    invitation.revoked_at = now()
    invitation.save(update_fields=("revoked_at",))
    user = invitation.user
    record(actor=actor, verb=INVITATION_REVOKED, target=_target(user), before={"email": user.email})
    return invitation


@transaction.atomic
def accept_invitation(*, token: str, name: str, password: str) -> User:
    """Set name and password of an invited person and let them sign in.

    Raises:
        InvitationInvalid: the link is unknown, used, withdrawn or past its date.
        InvalidInput: the password is too weak.
    """
    invitation = open_invitation(token, for_update=True)
    user = invitation.user
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(
            " ".join(error.messages),
            errors=[
                {"pointer": "/password", "code": "weak_password", "detail": message}
                for message in error.messages
            ],
        ) from None
    user.name = name.strip()[:150] or user.name
    user.is_active = True
    user.set_password(password)
    user.save(update_fields=("name", "is_active", "password"))
    invitation.accepted_at = now()
    invitation.save(update_fields=("accepted_at",))
    record(actor=Actor("user", str(user.pk), str(user)), verb=USER_JOINED, target=_target(user))
    _bump()
    return user


def open_invitation(token: str, *, for_update: bool = False) -> Invitation:
    """Return the invitation a link belongs to.

    Raises:
        InvitationInvalid: the link is unknown, used, withdrawn or past its date.
    """
    rows = Invitation.objects.select_related("user")
    if for_update:
        rows = rows.select_for_update(of=("self",))
    invitation = rows.filter(token_hash=keyed_hash(token, pepper=settings.TOKEN_PEPPER)).first()
    if invitation is None:
        raise InvitationInvalid(
            "No invitation has this link. Check that the whole link was copied.", reason="unknown"
        )
    if invitation.accepted_at:
        raise InvitationInvalid(
            "This link was used already, and each works once. Sign in instead.", reason="used"
        )
    if invitation.revoked_at:
        raise InvitationInvalid(
            "A newer link has replaced this one, or it was withdrawn. Look for the latest mail, or "
            "ask whoever invited you.",
            reason="withdrawn",
        )
    if invitation.expires_at <= now():
        raise InvitationInvalid(
            "The link has expired. Ask whoever invited you for a new one.", reason="expired"
        )
    return invitation


@transaction.atomic
def rename_user(*, user: User, name: str, actor: Actor) -> User:
    """Change the name that people see."""
    before, user.name = user.name, name.strip()[:150]
    user.save(update_fields=("name",))
    record(
        actor=actor,
        verb=USER_RENAMED,
        target=_target(user),
        before={"name": before},
        after={"name": user.name},
    )
    return user


@transaction.atomic
def deactivate_user(*, user: User, actor: Actor, reason: str = "") -> User:
    """Stop somebody's logins, keys and tokens at once; what they did stays.

    Raises:
        LastAdmin: nobody else administers the account.
    """
    _keep_one_admin(without=user)
    user.is_active = False
    user.save(update_fields=("is_active",))
    # An open link would let the person switch the login on again.
    Invitation.objects.filter(user=user, accepted_at=None, revoked_at=None).update(revoked_at=now())
    record(actor=actor, verb=USER_DEACTIVATED, target=_target(user), reason=reason)
    _bump()
    return user


@transaction.atomic
def reactivate_user(*, user: User, actor: Actor) -> User:
    """Let somebody sign in again."""
    user.is_active = True
    user.save(update_fields=("is_active",))
    record(actor=actor, verb=USER_REACTIVATED, target=_target(user))
    _bump()
    return user


@transaction.atomic
def give_role(*, user: User, role: Role, actor: Actor, product: str = "") -> RoleAssignment:
    """Give somebody a role; giving it twice changes nothing.

    Roles about an organization or a team are `core.hierarchy.services.administrators`' matter.
    """
    assignment, is_new = RoleAssignment.objects.get_or_create(
        user=user, role=role, product=product, node_id=None
    )
    if is_new:
        after = {"role": role.label, "product": product}
        record(actor=actor, verb=ROLE_GIVEN, target=_target(user), after=after, product=product)
        role_given.send(sender=RoleAssignment, assignment=assignment, actor=actor)
        _bump()
    return assignment


@transaction.atomic
def appoint_account_admin(*, email: str, name: str = "", actor: Actor) -> Appointment:
    """Make somebody account admin by e-mail address; who is new here gets a login.

    The caller sends the link of the invitation, if there is one.

    Raises:
        InvalidInput: the e-mail address is not one.
    """
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        user = create_user(email=email, name=name, is_active=False, actor=actor)
    give_role(user=user, role=Role.ACCOUNT_ADMIN, actor=actor)
    return Appointment(user, None if user.has_joined else invite_user(user=user, actor=actor))


@transaction.atomic
def take_role(*, assignment: RoleAssignment, actor: Actor) -> None:
    """Take a role that is not about an organization or a team from somebody.

    Raises:
        LastAdmin: it is the account's last account admin.
    """
    assert assignment.node_id is None, "core.hierarchy.services.administrators takes it"
    role = Role(assignment.role)
    if role is Role.ACCOUNT_ADMIN:
        _keep_one_admin(without=assignment.user)
    user = assignment.user
    before = {"role": role.label, "product": assignment.product}
    assignment.delete()
    record(
        actor=actor,
        verb=ROLE_TAKEN,
        target=_target(user),
        before=before,
        product=assignment.product,
    )
    _bump()


def _keep_one_admin(*, without: User) -> None:
    # Locking the rows keeps two admins from removing each other at the same moment.
    admins = RoleAssignment.objects.select_for_update().filter(role=Role.ACCOUNT_ADMIN)
    holders = set(admins.filter(user__is_active=True).values_list("user_id", flat=True))
    if holders == {without.pk}:
        raise LastAdmin("Make somebody else account admin first.")


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidInput(
            "Enter a valid e-mail address.",
            errors=[{"pointer": "/email", "code": "email", "detail": "Not an e-mail address."}],
        ) from None
    return email


def _bump() -> None:
    # Super admins have no policy of an account; their rights are read at each request.
    if in_account_schema():
        bump_policy()


def _target(user: User) -> tuple[str, UUID, str]:
    return ("user", user.pk, str(user))
