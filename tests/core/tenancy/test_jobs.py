"""Jobs carry their account, and refuse without one."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from redis import Redis

from core.kit.ids import uuid7
from core.tenancy.context import current_schema, in_account, in_public, schema_name_of
from core.tenancy.jobs import (
    HEADER,
    AccountMissing,
    account_id_of_schema,
    account_job,
    enqueue_on_commit,
    fan_out,
    platform_job,
)
from tenants.models import Account


@account_job(name="tests.where_am_i")
def where_am_i(word: str = "") -> str:
    return f"{current_schema()} {word}".strip()


@platform_job(name="tests.where_is_the_platform")
def where_is_the_platform() -> str:
    return current_schema()


@account_job(name="tests.ask_for_another")
def ask_for_another() -> None:
    where_am_i.delay()


def _queued(redis: Redis) -> list[dict[str, Any]]:
    return [json.loads(message) for message in redis.lrange("celery", 0, -1)]


def test_a_job_runs_in_the_account_of_its_header(acme: Account, as_job: Callable[..., Any]) -> None:
    assert as_job("tests.where_am_i", account=acme, word="hi") == f"{acme.schema_name} hi"
    assert current_schema() == "public"


def test_a_job_without_an_account_is_refused(
    any_database: None, as_job: Callable[..., Any]
) -> None:
    with pytest.raises(AccountMissing):
        as_job("tests.where_am_i")


def test_a_job_does_not_take_the_account_of_the_worker(
    acme: Account, as_job: Callable[..., Any]
) -> None:
    with in_account(acme), pytest.raises(AccountMissing):
        as_job("tests.where_am_i")


@pytest.mark.parametrize("schema", ["public", "account_template", "account_gone", ""])
def test_a_job_of_no_account_that_exists_is_refused(any_database: None, schema: str) -> None:
    with pytest.raises(AccountMissing):
        where_am_i.apply(headers={HEADER: schema}, throw=True)


def test_a_job_queued_inside_an_account_carries_it(acme: Account, redis: Redis) -> None:
    with in_account(acme):
        where_am_i.delay(word="hi")

    (message,) = _queued(redis)
    assert message["headers"]["task"] == "tests.where_am_i"
    assert message["headers"][HEADER] == acme.schema_name


def test_a_job_queued_outside_any_account_is_refused(any_database: None, redis: Redis) -> None:
    with pytest.raises(AccountMissing):
        where_am_i.delay()

    assert not _queued(redis)


def test_a_job_asked_for_by_a_job_stays_in_the_account(
    acme: Account, as_job: Callable[..., Any], redis: Redis
) -> None:
    as_job("tests.ask_for_another", account=acme)

    assert [message["headers"][HEADER] for message in _queued(redis)] == [acme.schema_name]


def test_a_job_of_the_platform_runs_in_public(acme: Account) -> None:
    with in_account(acme):
        result = where_is_the_platform.apply(throw=True)

    assert result.get() == "public"


def test_a_job_waits_for_the_commit(
    transactional_accounts: None, acme: Account, redis: Redis
) -> None:
    with in_account(acme), transaction.atomic():
        enqueue_on_commit("tests.where_am_i", word="hi")
        assert not _queued(redis)

    assert [message["headers"][HEADER] for message in _queued(redis)] == [acme.schema_name]


def test_a_job_carries_the_account_it_was_asked_for_in(
    transactional_accounts: None, acme: Account, globex: Account, redis: Redis
) -> None:
    with in_public(), transaction.atomic():
        with in_account(acme):
            enqueue_on_commit("tests.where_am_i")
        with in_account(globex):
            enqueue_on_commit("tests.where_am_i")

    found = {message["headers"][HEADER] for message in _queued(redis)}
    assert found == {acme.schema_name, globex.schema_name}


def test_a_job_of_a_transaction_that_fails_is_never_sent(
    transactional_accounts: None, acme: Account, redis: Redis
) -> None:
    def fail() -> None:
        with in_account(acme), transaction.atomic():
            enqueue_on_commit("tests.where_am_i")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert not _queued(redis)


def test_asking_for_an_account_job_in_public_fails_at_once(any_database: None) -> None:
    with in_public(), pytest.raises(AccountMissing):
        enqueue_on_commit("tests.where_am_i")


def test_one_clock_fans_out_to_every_account(acme: Account, globex: Account, redis: Redis) -> None:
    assert fan_out("tests.where_am_i") == 2

    found = {message["headers"][HEADER] for message in _queued(redis)}
    assert found == {acme.schema_name, globex.schema_name}


def test_the_account_id_can_be_read_from_a_schema_name() -> None:
    account_id = uuid7()

    assert account_id_of_schema(schema_name_of(account_id)) == account_id
