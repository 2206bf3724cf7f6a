"""Where the tests run. Imported by conftest.py before anything reads Django's settings.

Each test process takes a slot: a database, a Valkey database and a data folder of its own. So
several sessions, and the workers of one session, run beside each other on one pair of servers.
"""

import fcntl
import os
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from redis import Redis

from cockpit import embedded


def _folder_of_all() -> Path:
    """Return the folder that all test processes share; workers inherit it from their session."""
    return Path(os.environ.setdefault("COCKPIT_TEST_DATA", str(embedded.data_folder() / "test")))


def _take_slot(folder: Path, redis_url: str) -> tuple[int, int]:
    """Return a number that no other test process has, and the lock that keeps it ours."""
    folder.mkdir(parents=True, exist_ok=True)
    with Redis.from_url(redis_url) as redis:
        databases = int(redis.config_get("databases")["databases"])
    # A run may use the first one.
    for slot in range(1, databases):
        lock = os.open(folder / f"{slot}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return slot, lock
    raise SystemExit(f"{databases - 1} test processes are running already; wait for one to end.")


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


SHARED = _folder_of_all()
_given_database, _given_redis = embedded.urls("test")
# The lock is held until the process ends, however it ends.
SLOT, _lock = _take_slot(SHARED / "slots", _given_redis)
DATABASE = f"test_cockpit_{SLOT}"
ADMIN_URL = _with_path(_given_database, "postgres")

os.environ.update(
    COCKPIT_TESTING="1",
    COCKPIT_DATA=str(SHARED / f"slot-{SLOT}"),
    # Races start many threads, each with a connection.
    COCKPIT_DB_POOL="40",
    COCKPIT_BASE_HOST="localhost",
    COCKPIT_LOG_LEVEL="WARNING",
    DATABASE_URL=_with_path(_given_database, DATABASE),
    REDIS_URL=_with_path(_given_redis, str(SLOT)),
)
# What a developer's shell may hold must not change what the tests see.
for name in ("COCKPIT_DEMO", "COCKPIT_DEBUG", "COCKPIT_URL", "COCKPIT_GATEWAY_URL",
             "COCKPIT_PUBLIC_HOSTS", "COCKPIT_ACCOUNT_HOSTS", "COCKPIT_WEB_PORT",
             "COCKPIT_GATEWAY_PORT", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):  # fmt: skip
    os.environ.pop(name, None)
