"""Keeping secrets out of the trail: pure functions over plain values.

Services never hand a secret to `record()`. This is the net below them: what a verb declares, what
is named like a secret, and what looks like one, is replaced before anything is stored.
"""

import json
import re
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

REDACTED = "[redacted]"

# Words of a field's name that say that its value is a secret.
_SECRET_WORDS = frozenset(
    [
        "secret",
        "secrets",
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "pwd",
        "token",
        "tokens",
        "credential",
        "credentials",
        "apikey",
        "authorization",
        "cookie",
        "cookies",
        "pepper",
        "otp",
        "totp",
        "bearer",
        "assertion",
        "jwt",
    ]
)
_SECRET_PAIRS = frozenset(
    [
        "api_key",
        "api_keys",
        "access_key",
        "signing_key",
        "private_key",
        "encryption_key",
        "secret_key",
        "data_key",
        "vault_key",
        "wrapping_key",
        "shared_key",
        "service_key",
        "key_material",
        "recovery_code",
        "recovery_codes",
        "backup_codes",
        "session_key",
    ]
)
# What is only about a secret: its kind, its name, when it was set, how many there are.
_ABOUT_ONE = frozenset(
    [
        "id",
        "ids",
        "kind",
        "kinds",
        "name",
        "names",
        "label",
        "at",
        "by",
        "state",
        "status",
        "count",
        "limit",
        "limits",
        "hint",
        "version",
        "set",
        "mode",
        "minute",
        "hour",
        "day",
        "month",
        "total",
        "type",
        "scheme",
        "last_four",
    ]
)
# Amounts of an LLM's tokens, such as `max_output_tokens` or `tokens_per_minute`.
_COUNTED = frozenset(
    [
        "max",
        "min",
        "input",
        "output",
        "total",
        "per",
        "prompt",
        "completion",
        "context",
        "used",
        "limit",
        "cached",
        "reasoning",
    ]
)

_PATTERNS = re.compile(
    r"""
      \bck_[a-z0-9-]+_[A-Za-z0-9]{12,}              # virtual keys
    | \beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?         # JWTs
    | \b(?:sk|pk|rk|whsec|xox[abprs]|gh[oprsu]|glpat|hf|gsk)[-_][A-Za-z0-9_-]{16,}
    | \bAIza[\w-]{30,} | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)                # a password inside a URL
    | (?i:\b(?:bearer|basic)[ ]+)[A-Za-z0-9+/=._~-]{12,}
    | (?i:(?<=[?&](?:key|sig)=)|(?<=[?&](?:token)=)|(?<=[?&](?:api_key)=))[^&\s]+
    | (?<=/invitations/)[^/\s"']+ | (?<=/password/reset/key/)[^/\s"']+
    """,
    re.VERBOSE | re.DOTALL,
)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they will read back from the database: JSON's types, sets as lists.

    Fractions become text, because `jsonb` may write the same number in another way than Python.
    """
    text = json.dumps(_writable(values), cls=DjangoJSONEncoder)
    read: dict[str, Any] = json.loads(text)
    return read


def redacted(values: Mapping[str, Any], *, fields: Collection[str] = ()) -> dict[str, Any]:
    """Return plain values without secrets. `fields` are names that a verb declares, at any depth.

    What is named like a secret is replaced whole; in other texts only the part that looks like one.
    """
    return {name: _value(name, value, fields) for name, value in values.items()}


def without_secrets(text: str) -> str:
    """Return a text in which whatever looks like a secret is replaced."""
    return _PATTERNS.sub(REDACTED, text)


def names_a_secret(name: str) -> bool:
    """Whether a field of this name would hold a secret, such as `client_secret`, `apiKey`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    parts = [part for part in re.split(r"[^a-z0-9]+", words) if part]
    if not parts or parts[-1] in _ABOUT_ONE or parts[-2:] == ["last", "four"]:
        return False
    if set(parts) & {"token", "tokens"} and set(parts) & _COUNTED:
        parts = [part for part in parts if part not in {"token", "tokens"}]
    pairs = {f"{left}_{right}" for left, right in pairwise(parts)}
    return bool(set(parts) & _SECRET_WORDS or pairs & _SECRET_PAIRS)


def storable(text: str) -> str:
    """Return a text that Postgres takes: without NUL and without halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _value(name: str, value: Any, fields: Collection[str]) -> Any:
    if isinstance(value, dict) and name not in fields:
        return redacted(value, fields=fields)
    if _is_secret(name, value, fields):
        return REDACTED
    if isinstance(value, list):
        return [_value(name, item, fields) for item in value]
    return without_secrets(value) if isinstance(value, str) else value


def _is_secret(name: str, value: Any, fields: Collection[str]) -> bool:
    # Whether there is one is no secret.
    if value is None or isinstance(value, bool) or value in ("", []):
        return False
    return name in fields or (names_a_secret(name) and not isinstance(value, dict))


def _writable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {storable(str(name)): _writable(item) for name, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_writable(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    if isinstance(value, float):
        return repr(value)
    return storable(value) if isinstance(value, str) else value
