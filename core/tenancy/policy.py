"""The policy version: bumped by every change of rights, pushed to the gateway within a moment.

Valkey only makes it fast. The ledger compares versions in Postgres at every reservation, so a
lost message can delay a refusal for reads, never admit a charge.
"""

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from redis import Redis
from redis.exceptions import RedisError

from core.tenancy.context import current_schema, in_account_schema
from core.tenancy.models import PolicyState

CHANNEL = "cockpit:policy"

log = structlog.get_logger(__name__)


def policy_version() -> int:
    """Return the version in force in the current account."""
    return PolicyState.objects.values_list("version", flat=True).get(pk=1)


def hold_policy() -> None:
    """Let one act at a time change what nodes say, until our transaction ends.

    A node that says nothing has no row to lock. Comes after all locks of nodes and balances.
    """
    PolicyState.objects.select_for_update(no_key=True).get(pk=1)


def bump_policy() -> int:
    """Move the current account to its next policy version and tell every gateway on commit.

    Call it last in a transaction: it holds the row until commit.
    """
    assert in_account_schema()
    PolicyState.objects.filter(pk=1).update(version=F("version") + 1)
    version = policy_version()
    schema = current_schema()
    transaction.on_commit(lambda: _publish(schema, version))
    return version


def set_suspended(*, is_suspended: bool) -> int:
    """Open or close the current account for new calls, and bump its policy version."""
    PolicyState.objects.filter(pk=1).update(is_suspended=is_suspended)
    return bump_policy()


def _publish(schema: str, version: int) -> None:
    try:
        _redis().publish(CHANNEL, f"{schema}:{version}")
    except RedisError as error:
        log.warning("policy_push_failed", schema=schema, version=version, error=str(error))


def _redis() -> Redis:
    global _client  # noqa: PLW0603  one pooled client a process
    if _client is None:
        _client = Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    return _client


_client: Redis | None = None
