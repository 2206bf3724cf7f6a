"""Postgres and Redis: what the environment names, or the embedded servers."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from cockpit import embedded
from cockpit.settings import env
from cockpit.settings.base import DATA


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL must look like postgresql://user:pw@host/name.")
    return {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or 5432),
        "CONN_MAX_AGE": 0,
        # The pool asks whether a connection is still there before it lends it. Else each one that
        # a restart of Postgres has cut answers a request with 500 first.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # Such as `?sslmode=verify-full`, in libpq's words.
            **dict(parse_qsl(parts.query)),
            # A backend keeps a cache entry for every table of every schema it has touched, so
            # connections are few and do not live for ever.
            "pool": {
                "min_size": 1,
                "max_size": env.number("COCKPIT_DB_POOL", 10, low=1, high=500),
                "max_lifetime": 600,
                "timeout": 15,
            },
        },
    }


DATABASE_URL, REDIS_URL = embedded.urls(
    "test" if env.flag("COCKPIT_TESTING") else "run",
    data=DATA,
    database_url=env.text("DATABASE_URL"),
    redis_url=env.text("REDIS_URL"),
)
DATABASES = {"default": _database(DATABASE_URL)}

CACHES = {
    "default": {
        "BACKEND": "core.kit.steady_cache.SteadyCache",
        "LOCATION": REDIS_URL,
        # A page waits this long at most before it goes on without Valkey.
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        # Caches of libraries, unfold's search among them, must not answer across accounts.
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "django_tenants.cache.reverse_key",
    },
}
