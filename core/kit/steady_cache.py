"""Django's cache on Valkey that goes on without it.

Everything in the cache can be lost, but what asks it must get an answer: allauth counts attempts
at signing in there, and nobody could sign in while Valkey restarts. Meanwhile each process keeps
its own entries, so limits still hold, for each process by itself.
"""

import time
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

# An outage is one line a minute, not one a request.
_SAY_AGAIN_SECONDS = 60.0

log = structlog.get_logger(__name__)


class SteadyCache(RedisCache):
    """Valkey, or this process's memory for as long as Valkey does not answer."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._spare = LocMemCache("cockpit-spare", params)
        self._said_at = -_SAY_AGAIN_SECONDS

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("add", *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("set", *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("touch", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("delete", *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get_many", *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("set_many", *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("delete_many", *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("has_key", *args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("incr", *args, **kwargs)

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(), name)(*args, **kwargs)
        except RedisError as error:
            if time.monotonic() - self._said_at > _SAY_AGAIN_SECONDS:
                self._said_at = time.monotonic()
                log.warning("cache_without_valkey", error=str(error))
            return getattr(self._spare, name)(*args, **kwargs)
