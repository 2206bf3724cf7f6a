"""The lane's connections: who keeps to which, and what happens when one is held up or breaks."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
import pytest

from core.credits.wires import Bundle, LedgerPool, Step, _statement
from core.kit.ids import uuid7
from tenants.models import Account

pytestmark = [pytest.mark.race, pytest.mark.slow]  # Real commits on other connections.

T = TypeVar("T")


def with_pool(scenario: Callable[[LedgerPool], Awaitable[T]], *, size: int = 3) -> T:
    async def run() -> T:
        async with LedgerPool(os.environ["DATABASE_URL"], size=size) as pool:
            return await asyncio.wait_for(scenario(pool), 60)

    return asyncio.run(run())


def ask(pool: LedgerPool, account: Account, *, padding: int = 0) -> asyncio.Future[bytes]:
    request = b'{"request_id": "%s", "padding": "%s"}' % (str(uuid7()).encode(), b"x" * padding)
    return pool.call(account.schema_name, "ledger_release", request)


def backends() -> int:
    """How many connections of the lane Postgres has."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = 'cockpit-ledger' AND datname = current_database()"
        ).fetchone()
    assert found is not None
    return int(found[0])


@contextmanager
def held_up(account: Account) -> Iterator[psycopg.Connection]:
    """Hold the lock that any step of an account needs."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute(f"LOCK TABLE {account.schema_name}.credits_reservation")
        yield connection


def test_an_account_keeps_to_one_connection(transactional_accounts: None, acme: Account) -> None:
    async def scenario(pool: LedgerPool) -> int:
        for _ in range(5):
            await asyncio.gather(*(ask(pool, acme) for _ in range(4)))
        return await asyncio.to_thread(backends)

    assert with_pool(scenario) == 1


def test_answers_come_to_those_who_asked(
    transactional_accounts: None, acme: Account, globex: Account
) -> None:
    async def scenario(pool: LedgerPool) -> list[bytes]:
        # More than a socket takes at once.
        asked = [ask(pool, account, padding=200_000) for account in (acme, globex) * 10]
        return await asyncio.gather(*asked)

    assert [b"unknown" in answer for answer in with_pool(scenario, size=1)] == [True] * 20


def test_an_account_does_not_wait_for_anothers_lock(
    transactional_accounts: None, acme: Account, globex: Account
) -> None:
    async def scenario(pool: LedgerPool) -> tuple[bool, bytes]:
        # Both keep to the first connection.
        await ask(pool, acme)
        pool._homes[globex.schema_name] = pool._homes[acme.schema_name]
        with held_up(acme) as connection:
            waiting = [ask(pool, acme), ask(pool, acme), ask(pool, acme)]
            answer = await ask(pool, globex)
            was_held_up = not any(one.done() for one in waiting)
            connection.rollback()
        await asyncio.gather(*waiting)
        return was_held_up, answer

    was_held_up, answer = with_pool(scenario)

    assert was_held_up
    assert b"unknown" in answer


def test_a_fault_is_the_one_steps_alone(transactional_accounts: None, acme: Account) -> None:
    async def scenario(pool: LedgerPool) -> list[object]:
        asked = [
            ask(pool, acme),
            pool.call(acme.schema_name, "ledger_release", b'{"request_id": "nobody"}'),
            pool.call(acme.schema_name, "ledger_nothing", b"{}"),
            ask(pool, acme),
        ]
        first = await asyncio.gather(*asked, return_exceptions=True)
        return [type(one) for one in first] + [b"unknown" in await ask(pool, acme)]

    assert with_pool(scenario) == [
        bytes,
        psycopg.errors.InvalidTextRepresentation,
        psycopg.errors.UndefinedFunction,
        bytes,
        True,
    ]


def test_what_has_not_been_sent_survives_a_broken_connection(
    transactional_accounts: None, acme: Account
) -> None:
    async def scenario(pool: LedgerPool) -> list[object]:
        await ask(pool, acme)
        with held_up(acme) as connection:
            asked = [ask(pool, acme) for _ in range(4)]
            await asyncio.to_thread(connection.execute, _END_WHOEVER_WAITS)
            connection.rollback()
        return [type(one) for one in await asyncio.gather(*asked, return_exceptions=True)]

    first, second, *others = with_pool(scenario)

    assert first is psycopg.errors.AdminShutdown
    # It had been sent too; whether it was made, nobody knows.
    assert issubclass(second, psycopg.OperationalError)  # type: ignore[arg-type]
    assert others == [bytes, bytes]


_END_WHOEVER_WAITS = """
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity
        WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))
    LOOP
        PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
    END LOOP;
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid));
END $$
"""


def test_a_connection_that_was_cut_while_idle_is_replaced_unseen(
    transactional_accounts: None, acme: Account
) -> None:
    async def scenario(pool: LedgerPool) -> bytes:
        await pool.ping()
        await ask(pool, acme)
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'cockpit-ledger' AND datname = current_database()"
            )
        await asyncio.sleep(0.05)
        return await ask(pool, acme)

    assert b"unknown" in with_pool(scenario)


def test_a_closed_pool_fails_what_is_under_way(transactional_accounts: None, acme: Account) -> None:
    async def scenario(pool: LedgerPool) -> object:
        asked = ask(pool, acme)
        await pool.__aexit__()
        return (await asyncio.gather(asked, return_exceptions=True))[0]

    assert isinstance(with_pool(scenario), psycopg.OperationalError)


# -- several accounts in one transaction -----------------------------------------------------------


def transaction_of(pool: LedgerPool, schema: str) -> asyncio.Future[bytes]:
    """Ask in which transaction a step of an account runs."""
    return pool._send(Step(schema, b"SELECT pg_current_xact_id()::text", []))


@pytest.mark.parametrize(
    ("schemas", "together"),
    [
        ("abc", [0, 0, 0]),
        # One step of each account at a time: each takes its locks in the one order.
        ("aab", [0, 1, 0]),
        ("aaa", [0, 1, 2]),
    ],
)
def test_what_waits_of_several_accounts_goes_in_one_transaction(
    transactional_accounts: None, schemas: str, together: list[int]
) -> None:
    async def scenario(pool: LedgerPool) -> list[bytes]:
        # They wait for the connection to open.
        return list(await asyncio.gather(*[transaction_of(pool, schema) for schema in schemas]))

    found = with_pool(scenario, size=1)

    transactions = list(dict.fromkeys(found))
    assert [transactions.index(one) for one in found] == together


def test_what_goes_together_is_sorted_by_account() -> None:
    async def sent() -> list[str]:
        steps = [Step(schema, b"", []) for schema in ("c", "a", "b")]
        return [step.schema for step in Bundle(steps, 0.0).steps]

    assert asyncio.run(sent()) == ["a", "b", "c"]


def test_what_has_much_to_say_goes_alone(transactional_accounts: None) -> None:
    statement = b"SELECT pg_current_xact_id()::text WHERE $1::text <> ''"

    async def scenario(pool: LedgerPool) -> list[bytes]:
        asked = [pool._send(Step(schema, statement, [b"x" * 20_000])) for schema in ("a", "b")]
        return list(await asyncio.gather(*asked))

    first, second = with_pool(scenario, size=1)

    assert first != second


def test_one_that_fails_takes_none_of_the_others_along(
    transactional_accounts: None, acme: Account, globex: Account
) -> None:
    async def scenario(pool: LedgerPool) -> list[object]:
        asked = [
            ask(pool, acme),
            pool.call("nowhere", "ledger_release", b"{}"),
            ask(pool, globex),
        ]
        first = await asyncio.gather(*asked, return_exceptions=True)
        again = await asyncio.gather(ask(pool, acme), ask(pool, globex))
        return [type(one) for one in (*first, *again)]

    assert with_pool(scenario, size=1) == [
        bytes,
        psycopg.errors.InvalidSchemaName,
        bytes,
        bytes,
        bytes,
    ]


def test_nobody_waits_long_for_the_lock_of_one_that_goes_along(
    transactional_accounts: None, acme: Account, globex: Account
) -> None:
    async def scenario(pool: LedgerPool) -> tuple[bool, bytes, bytes]:
        await ask(pool, acme)
        pool._homes[globex.schema_name] = pool._homes[acme.schema_name]
        with held_up(acme) as connection:
            # It is there already when globex's comes, and so they go together.
            pool._wires[pool._homes[acme.schema_name]]._waiting.append(waiting := step_of(acme))
            answer = await ask(pool, globex)
            was_held_up = not waiting.answer.done()
            connection.rollback()
        return was_held_up, answer, await waiting.answer

    was_held_up, answer, late = with_pool(scenario)

    assert was_held_up
    assert b"unknown" in answer
    assert b"unknown" in late


def step_of(account: Account) -> Step:
    request = b'{"request_id": "%s"}' % str(uuid7()).encode()
    return Step(account.schema_name, _statement(account.schema_name, "ledger_release"), [request])
