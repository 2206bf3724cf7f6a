"""What may be read about people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import QuerySet

from core.identity.models import Preference, Role, User


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """Whether somebody confirms a sign-in with a code, and what is left if the phone is lost."""

    is_on: bool
    since: datetime | None
    last_used_at: datetime | None
    recovery_codes_left: int


def account_admins() -> QuerySet[User]:
    """Return the active account admins of the current account."""
    return User.objects.filter(is_active=True, roles__role=Role.ACCOUNT_ADMIN).distinct()


def preference_of(user: User, name: str) -> Any:
    """Return what somebody has set for themselves under a name, or None."""
    return Preference.objects.filter(user=user, name=name).values_list("value", flat=True).first()


def has_second_factor(user: User) -> bool:
    """Whether the user has an authenticator app."""
    found: bool = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()
    return found


def second_factor_of(user: User) -> SecondFactor:
    """Return the state of somebody's second factor."""
    found = {row.type: row for row in Authenticator.objects.filter(user=user)}
    totp = found.get(Authenticator.Type.TOTP)
    codes = found.get(Authenticator.Type.RECOVERY_CODES)
    return SecondFactor(
        is_on=totp is not None,
        since=totp.created_at if totp is not None else None,
        last_used_at=totp.last_used_at if totp is not None else None,
        recovery_codes_left=len(codes.wrap().get_unused_codes()) if codes is not None else 0,
    )
