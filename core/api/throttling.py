"""How often somebody may call: counted in the cache, for each account by itself.

The cache's keys carry the schema, so one account never uses up another's share.
"""

import hashlib
import math
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request

from core.kit.clock import now
from core.kit.problems import TooManyRequests


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many of something in a window; the settings say how many."""

    name: str
    seconds: int = 60

    @property
    def times(self) -> int:
        """How many fit into a window."""
        return int(settings.API_LIMITS[self.name])


# What one caller who is known may ask.
CALLS = Limit("calls")
# What comes from one address without a valid credential.
REFUSED = Limit("refused")
# Wrong secrets of one client app from one address, and of all client apps from one address.
WRONG_SECRETS = Limit("wrong_secrets")
WRONG_SECRETS_OF_ADDRESS = Limit("wrong_secrets_of_address")


def count(limit: Limit, who: str) -> None:
    """Count one more.

    Raises:
        TooManyRequests: it is one too many.
    """
    key, _ = _keys(limit, who)
    cache.add(key, 0, timeout=2 * limit.seconds)
    try:
        cache.incr(key)
    except ValueError:
        # The cache was emptied in this very moment, and so begins to count again.
        cache.set(key, 1, timeout=2 * limit.seconds)
    _refuse_beyond(limit, who, limit.times)


def check(limit: Limit, who: str) -> None:
    """Pass as long as one more would, without counting it.

    Raises:
        TooManyRequests: one more would be too many.
    """
    _refuse_beyond(limit, who, limit.times - 1)


def address_of(request: Request | HttpRequest) -> str:
    """Return where a request comes from."""
    return str(request.META.get("REMOTE_ADDR", ""))[:64]


def _refuse_beyond(limit: Limit, who: str, times: int) -> None:
    """Weigh the window before by the part of it that the last minute still covers.

    Fixed windows alone would let twice the number pass around each boundary.
    """
    this, before = _keys(limit, who)
    found = cache.get_many([this, before])
    passed = now().timestamp() % limit.seconds
    left = limit.seconds - passed
    if found.get(this, 0) + found.get(before, 0) * left / limit.seconds > times:
        wait = max(1, math.ceil(left))
        raise TooManyRequests(f"Try again in {wait} seconds.", retry_after_seconds=wait)


def _keys(limit: Limit, who: str) -> tuple[str, str]:
    """Return the keys of this window and of the one before; what was sent is never a key."""
    name = hashlib.sha256(who.encode(errors="replace")).hexdigest()[:32]
    window = int(now().timestamp() // limit.seconds)
    return f"api:{limit.name}:{name}:{window}", f"api:{limit.name}:{name}:{window - 1}"
