"""Audit entries for what people do to their own login, which allauth carries out."""

from typing import Any

from allauth.account import signals as account_signals
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from core.audit import verbs
from core.audit.services import Actor, record
from core.identity.models import User

SIGNED_IN = verbs.register("user.signed_in", "{actor} signed in", icon="login")
PASSWORD_CHANGED = verbs.register(
    "user.password_changed", "{actor} changed their password", icon="password"
)
PASSWORD_RESET = verbs.register(
    "user.password_reset", "{actor} reset their password by e-mail", icon="lock_reset"
)
FACTOR_ADDED = verbs.register(
    "user.second_factor_added", "{actor} turned on two-factor authentication", icon="verified_user"
)
FACTOR_REMOVED = verbs.register(
    "user.second_factor_removed",
    "{actor} turned off two-factor authentication",
    icon="gpp_maybe",
)
CODES_RENEWED = verbs.register(
    "user.recovery_codes_renewed", "{actor} made new recovery codes", icon="autorenew"
)


@receiver(account_signals.user_logged_in)
def on_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    _record(SIGNED_IN, request=request, user=user)


@receiver((account_signals.password_changed, account_signals.password_set))
def on_password_change(request: HttpRequest, user: User, **_: Any) -> None:
    _record(PASSWORD_CHANGED, request=request, user=user)


@receiver(account_signals.password_reset)
def on_password_reset(request: HttpRequest, user: User, **_: Any) -> None:
    _record(PASSWORD_RESET, request=request, user=user)


@receiver(mfa_signals.authenticator_added)
def on_factor_added(
    request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    # Recovery codes come with the first factor and need no entry of their own.
    if authenticator.type == Authenticator.Type.TOTP:
        _record(FACTOR_ADDED, request=request, user=user)


@receiver(mfa_signals.authenticator_removed)
def on_factor_removed(
    request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        _record(FACTOR_REMOVED, request=request, user=user)


@receiver(mfa_signals.authenticator_reset)
def on_codes_renewed(request: HttpRequest, user: User, **_: Any) -> None:
    _record(CODES_RENEWED, request=request, user=user)


def _record(verb: str, *, request: HttpRequest, user: User) -> None:
    actor = Actor(
        "user",
        str(user.pk),
        str(user),
        request_id=getattr(request, "id", ""),
        address=request.META.get("REMOTE_ADDR", "")[:64],
    )
    with transaction.atomic():
        record(actor=actor, verb=verb, target=("user", user.pk, str(user)))
