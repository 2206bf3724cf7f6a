"""The policy version: in Postgres for decisions, pushed so that everybody hears of it soon."""

import time
from typing import Any

import pytest
from django.db import transaction
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone

from core.kit.ids import uuid7
from core.tenancy import policy
from core.tenancy.context import in_account, in_public
from core.tenancy.models import PolicyState
from core.tenancy.policy import CHANNEL, bump_policy, policy_version, set_suspended
from tenants.models import Account


def test_each_bump_is_one_version_later(in_acme: Account) -> None:
    before = policy_version()

    assert [bump_policy(), bump_policy()] == [before + 1, before + 2]
    assert policy_version() == before + 2


def test_a_bump_leaves_other_accounts_alone(acme: Account, globex: Account) -> None:
    with in_account(globex):
        before = policy_version()

    with in_account(acme):
        bump_policy()

    with in_account(globex):
        assert policy_version() == before


def test_public_has_no_policy(any_database: None) -> None:
    with in_public(), pytest.raises(AssertionError):
        bump_policy()


def test_suspending_is_a_change_of_policy(in_acme: Account) -> None:
    before = policy_version()

    set_suspended(is_suspended=True)

    state = PolicyState.objects.get()
    assert (state.version, state.is_suspended) == (before + 1, True)


def test_a_bump_is_told_once_it_is_committed(
    transactional_accounts: None, acme: Account, redis: Redis
) -> None:
    with redis.pubsub(ignore_subscribe_messages=True) as listener:  # type: ignore[no-untyped-call]
        listener.subscribe(CHANNEL)

        with in_account(acme), transaction.atomic():
            version = bump_policy()
            early = _heard(listener, redis, acme)

        assert early == []
        assert _heard(listener, redis, acme) == [f"{acme.schema_name}:{version}"]


def _heard(listener: Any, redis: Redis, account: Account) -> list[str]:
    """Return what was told about an account so far; other test processes share the channel."""
    # Messages of a channel keep their order: what was told before this one is heard before it.
    mark = f"mark {uuid7()}"
    redis.publish(CHANNEL, mark)
    heard: list[str] = []
    until = time.monotonic() + 120
    while mark not in heard:
        assert time.monotonic() < until, "Valkey does not answer."
        # None stands for nothing yet, and for the answer to the subscription.
        if message := listener.get_message(timeout=1):
            heard.append(message["data"].decode())
    return [text for text in heard if text.startswith(account.schema_name)]


def test_without_redis_a_bump_still_counts(
    transactional_accounts: None, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def publish(self, channel: str, message: str) -> None:
            raise RedisGone

    monkeypatch.setattr(policy, "_client", Gone())
    with in_account(acme):
        before = policy_version()

        bump_policy()

        assert policy_version() == before + 1


def test_there_is_only_one_policy(in_acme: Account) -> None:
    from django.db import IntegrityError

    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyState.objects.create(id=2)
