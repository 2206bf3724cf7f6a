"""Taking a second factor off somebody who has lost it, with all recovery codes."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import transaction

from core.audit import verbs
from core.audit.services import Actor, record
from core.identity.mail import send_later
from core.identity.models import User
from core.kit.problems import Conflict

SECOND_FACTOR_TAKEN = verbs.register(
    "user.second_factor_taken", "{actor} removed the second factor of {target}", icon="gpp_maybe"
)


class NoSecondFactor(Conflict):
    """There is none to remove."""

    code = "no_second_factor"
    title = "This person has no second factor"


@transaction.atomic
def remove_second_factor(*, user: User, actor: Actor, reason: str) -> None:
    """Let somebody sign in with the password alone again, and tell them by mail.

    A super admin is asked to set up a new one at the next sign-in.

    Raises:
        NoSecondFactor: the user has none.
    """
    deleted, _ = Authenticator.objects.filter(user=user).delete()
    if not deleted:
        raise NoSecondFactor(f"{user} signs in with the password alone already.")
    target: tuple[str, UUID, str] = ("user", user.pk, str(user))
    record(actor=actor, verb=SECOND_FACTOR_TAKEN, target=target, reason=reason)
    send_later("second_factor_removed", to=user.email, removed_by=actor.label, reason=reason)
