"""An authenticator app, by allauth's own arithmetic."""

import re
import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
)

from core.identity.models import User

STEP_SECONDS = 30


def code_for(secret: str, *, steps: int = 0) -> str:
    """Return what an app shows now, or some steps from now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // STEP_SECONDS + steps)))


def give_second_factor(user: User) -> str:
    """Set up an app for somebody in the current schema, and return its secret."""
    secret = str(generate_totp_secret())
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def recovery_codes_of(user: User) -> list[str]:
    """Return the recovery codes that are left."""
    row = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    return list(row.wrap().get_unused_codes())


def offered_secret(page: str) -> str:
    """Return the secret that the set-up page shows for typing in."""
    found = re.search(r'id="key"[^>]*>([A-Z2-7]+)<', page)
    assert found, "The page shows no key."
    return found.group(1)
