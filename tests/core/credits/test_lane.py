"""The gateway's way into the ledger: the same steps, asynchronous and in batches."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import psycopg
import pytest

from core.credits.invariants import broken_invariants
from core.credits.lane import LedgerLane, ThreadsLane
from core.credits.messages import HeartbeatRequest, ReserveRequest, SettleRequest
from core.credits.models import Reservation, UsageEvent, Wallet
from core.credits.wires import LedgerPool
from core.credits.writer import FLUSHES
from core.kit.ids import uuid7
from tenants.models import Account
from tests.factories.credits import Branch, allocate, figures, open_branch, reserve_request

pytestmark = [pytest.mark.race, pytest.mark.slow]  # Real commits on other connections.

T = TypeVar("T")


@pytest.fixture
def member(transactional_accounts: None, in_acme: Account) -> Branch:
    """The membership has 100 of its own, and nothing spills."""
    branch = open_branch(grant=1000)
    allocate(branch.organization, 500)
    allocate(branch.team, 300)
    allocate(branch.membership, 100)
    return branch


def with_lane(scenario: Callable[[LedgerLane], Awaitable[T]]) -> T:
    """Run a scenario on a lane with four connections."""

    async def run() -> T:
        async with LedgerPool(os.environ["DATABASE_URL"], size=4) as pool:
            return await scenario(LedgerLane(pool))

    return asyncio.run(run())


def test_a_call_goes_through_all_its_steps(member: Branch, in_acme: Account) -> None:
    schema = in_acme.schema_name
    request = reserve_request(member.membership, 60)

    async def scenario(lane: LedgerLane) -> tuple[object, ...]:
        held = await lane.reserve(schema, request)
        return (
            held.outcome,
            await lane.dispatch(schema, request.request_id),
            await lane.heartbeat(
                schema, HeartbeatRequest(request_id=request.request_id, ttl_seconds=60)
            ),
            (
                await lane.settle(
                    schema,
                    SettleRequest(
                        request_id=request.request_id, cost_usd=Decimal("0.00004"), outcome="ok"
                    ),
                )
            ).credits,
            await lane.release(schema, request.request_id),
            await lane.dispatch(schema, request.request_id),
        )

    assert with_lane(scenario) == ("reserved", True, True, 40, False, False)
    assert figures(member.membership) == (100, 40, 0)


def test_a_released_call_leaves_nothing(member: Branch, in_acme: Account) -> None:
    request = reserve_request(member.membership, 60)

    async def scenario(lane: LedgerLane) -> bool:
        await lane.reserve(in_acme.schema_name, request)
        return await lane.release(in_acme.schema_name, request.request_id)

    assert with_lane(scenario)
    assert figures(member.membership) == (100, 0, 0)


def test_sixty_four_calls_at_once_on_a_wallet_with_room_for_ten(
    member: Branch, in_acme: Account
) -> None:
    schema = in_acme.schema_name

    async def call(lane: LedgerLane) -> str:
        request = reserve_request(member.membership, 10, dispatch=True)
        held = await lane.reserve(schema, request)
        if held.outcome == "reserved":
            await lane.settle(
                schema,
                SettleRequest(
                    request_id=request.request_id, cost_usd=Decimal("0.00001"), outcome="ok"
                ),
            )
        return held.outcome

    async def scenario(lane: LedgerLane) -> list[str]:
        return await asyncio.gather(*(call(lane) for _ in range(64)))

    answers = with_lane(scenario)

    assert (answers.count("reserved"), answers.count("insufficient")) == (10, 54)
    assert figures(member.membership) == (100, 100, 0)
    assert broken_invariants() == []


def test_two_accounts_share_the_pool_but_not_the_ledger(
    member: Branch, acme: Account, globex: Account
) -> None:
    request = reserve_request(member.membership, 60)

    async def scenario(lane: LedgerLane) -> str:
        await lane.reserve(acme.schema_name, request)
        answer = await lane.settle(
            globex.schema_name,
            SettleRequest(request_id=request.request_id, cost_usd=Decimal(1), outcome="ok"),
        )
        return answer.outcome

    assert with_lane(scenario) == "unknown"
    assert figures(member.membership) == (100, 0, 60)
    assert not UsageEvent.objects.filter(product="testing").exists()


def test_a_schema_that_does_not_exist_is_an_error_and_not_another_schema(member: Branch) -> None:
    async def scenario(lane: LedgerLane) -> None:
        await lane.release('public"; DROP TABLE x; --', uuid7())

    with pytest.raises(psycopg.errors.InvalidSchemaName):
        with_lane(scenario)


# -- batches ---------------------------------------------------------------------------------------


def settlement(request: ReserveRequest, charge: int = 10) -> SettleRequest:
    return SettleRequest(
        request_id=request.request_id, cost_usd=Decimal(charge).scaleb(-6), outcome="ok"
    )


def test_what_comes_in_together_goes_in_one_flush(member: Branch, in_acme: Account) -> None:
    schema = in_acme.schema_name
    requests = [reserve_request(member.membership, 3) for _ in range(30)]

    async def scenario(lane: LedgerLane) -> list[str]:
        before = _flushes()
        held = await asyncio.gather(*(lane.reserve(schema, one) for one in requests))
        ends = await asyncio.gather(*(lane.settle(schema, settlement(one, 3)) for one in requests))
        assert _flushes() - before == 2
        return [*(one.outcome for one in held), *(one.outcome for one in ends)]

    assert with_lane(scenario) == ["reserved"] * 30 + ["settled"] * 30
    assert figures(member.membership) == (100, 90, 0)
    assert broken_invariants() == []


def test_where_many_wait_two_flushes_take_turns(member: Branch, in_acme: Account) -> None:
    schema = in_acme.schema_name
    requests = [reserve_request(member.membership, 1) for _ in range(64)]

    async def scenario(lane: LedgerLane) -> float:
        before = _flushes()
        held = await asyncio.gather(*(lane.reserve(schema, one) for one in requests))
        assert [one.outcome for one in held] == ["reserved"] * 64
        await asyncio.gather(*(lane.settle(schema, settlement(one, 1)) for one in requests))
        return _flushes() - before

    assert with_lane(scenario) == 4
    assert figures(member.membership) == (100, 64, 0)
    assert broken_invariants() == []


def _flushes() -> float:
    return next(
        sample.value
        for metric in FLUSHES.collect()
        for sample in metric.samples
        if sample.name.endswith("_count")
    )


def test_ends_go_before_new_calls(member: Branch, in_acme: Account) -> None:
    schema = in_acme.schema_name
    held, new = reserve_request(member.membership, 100), reserve_request(member.membership, 90)

    async def scenario(lane: LedgerLane) -> str:
        await lane.reserve(schema, held)
        answer, _ = await asyncio.gather(
            lane.reserve(schema, new), lane.settle(schema, settlement(held, 10))
        )
        return answer.outcome

    assert with_lane(scenario) == "reserved"
    assert figures(member.membership) == (100, 10, 90)


def test_one_that_fails_does_not_harm_the_others(member: Branch, in_acme: Account) -> None:
    schema = in_acme.schema_name
    good = [reserve_request(member.membership, 5) for _ in range(10)]
    no_such_wallet = replace(good[0], request_id=uuid7(), wallet_id=uuid7())
    no_number = replace(good[0], request_id=uuid7(), factor_version=2**40)

    async def scenario(lane: LedgerLane) -> list[object]:
        requests = [*good[:5], no_such_wallet, no_number, *good[5:]]
        steps = (lane.reserve(schema, one) for one in requests)
        return await asyncio.gather(*steps, return_exceptions=True)

    answers = with_lane(scenario)

    failed = [one for one in answers if isinstance(one, Exception)]
    assert [type(one) for one in failed] == [
        psycopg.errors.NoDataFound,
        psycopg.errors.NumericValueOutOfRange,
    ]
    assert figures(member.membership) == (100, 0, 50)


def test_the_same_call_twice_at_once_holds_once(member: Branch, in_acme: Account) -> None:
    request = reserve_request(member.membership, 30)

    async def scenario(lane: LedgerLane) -> list[str]:
        steps = (lane.reserve(in_acme.schema_name, request) for _ in range(3))
        return [answer.outcome for answer in await asyncio.gather(*steps)]

    assert with_lane(scenario) == ["reserved", "duplicate", "duplicate"]
    assert figures(member.membership) == (100, 0, 30)


def test_more_than_may_wait_wait_to_get_in(member: Branch, in_acme: Account) -> None:
    requests = [reserve_request(member.membership, 2) for _ in range(40)]

    async def run() -> list[str]:
        async with LedgerPool(os.environ["DATABASE_URL"], size=4) as pool:
            lane = LedgerLane(pool, most_waiting=3)
            steps = (lane.reserve(in_acme.schema_name, one) for one in requests)
            return [answer.outcome for answer in await asyncio.gather(*steps)]

    assert asyncio.run(run()) == ["reserved"] * 40


def test_threads_use_the_same_lane(member: Branch, in_acme: Account) -> None:
    schema = in_acme.schema_name

    async def scenario(lane: LedgerLane) -> list[tuple[str, int]]:
        threads = ThreadsLane(lane, asyncio.get_running_loop())

        def call() -> tuple[str, int]:
            request = reserve_request(member.membership, 10)
            held = threads.reserve(schema, request)
            assert threads.dispatch(schema, request.request_id)
            answer = threads.settle(schema, settlement(request, 4))
            assert not threads.release(schema, request.request_id)
            return held.outcome, answer.credits

        return await asyncio.gather(*(asyncio.to_thread(call) for _ in range(8)))

    assert with_lane(scenario) == [("reserved", 4)] * 8
    assert figures(member.membership) == (100, 32, 0)


# -- callers who leave, connections that break -----------------------------------------------------


@contextmanager
def locked(schema: str, wallet: Wallet) -> Iterator[psycopg.Connection]:
    """Hold the lock of a wallet's balance on a connection of its own."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute(
            f'SELECT FROM "{schema}".credits_balance WHERE wallet_id = %s FOR UPDATE',
            [wallet.pk],
        )
        yield connection


async def until_it_waits(connection: psycopg.Connection) -> None:
    """Return once somebody waits for that lock."""
    await asyncio.to_thread(connection.execute, _WAIT_FOR_A_WAITER)


_WAIT_FOR_A_WAITER = """
DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity
        WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))
    LOOP
        PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
    END LOOP;
END $$
"""


def test_a_reservation_whose_callers_have_left_is_given_back(
    member: Branch, in_acme: Account
) -> None:
    schema = in_acme.schema_name
    requests = [reserve_request(member.membership, 10, dispatch=True) for _ in range(4)]

    async def scenario(lane: LedgerLane) -> bool:
        with locked(schema, member.membership) as connection:
            steps = [asyncio.ensure_future(lane.reserve(schema, one)) for one in requests]
            await until_it_waits(connection)
            queued = asyncio.ensure_future(
                lane.reserve(schema, reserve_request(member.membership, 10))
            )
            await asyncio.sleep(0)
            for step in (*steps[1:], queued):
                step.cancel()
            connection.rollback()
        assert (await steps[0]).outcome == "reserved"
        return await lane.drain(10)

    assert with_lane(scenario)
    assert figures(member.membership) == (100, 0, 10)
    assert Reservation.objects.filter(state="released").count() == 3


def test_a_caller_that_leaves_with_its_answer_at_the_door_holds_nothing(
    member: Branch, in_acme: Account
) -> None:
    request = reserve_request(member.membership, 10)

    async def scenario(lane: LedgerLane) -> bool:
        step = asyncio.ensure_future(lane.reserve(in_acme.schema_name, request))
        # A writer sets the answer in one round of the loop; the caller takes it in the next one.
        for _ in range(1_000_000):
            await asyncio.sleep(0)
            if step._fut_waiter and step._fut_waiter.done():  # type: ignore[attr-defined]
                break
        step.cancel()
        await asyncio.wait([step])
        assert step.cancelled()
        return await lane.drain(10)

    assert with_lane(scenario)
    assert figures(member.membership) == (100, 0, 0)


def test_what_is_given_back_for_one_caller_is_not_another_s(
    member: Branch, in_acme: Account
) -> None:
    schema, other = in_acme.schema_name, uuid7()
    first = reserve_request(member.membership, 10)
    first = replace(first, context=replace(first.context, owner=uuid7()))
    again = replace(first, context=replace(first.context, owner=other))
    call = first.request_id

    async def scenario(lane: LedgerLane) -> list[object]:
        await lane.reserve(schema, first)
        known = await lane.reserve(schema, again)
        alone = await lane.release(schema, call, owner=other)
        beside = reserve_request(member.membership, 10)
        in_a_batch, _ = await asyncio.gather(
            lane.release(schema, call, owner=other), lane.reserve(schema, beside)
        )
        of_its_own = await lane.release(schema, call, owner=first.context.owner)
        return [known.outcome, known.owner, alone, in_a_batch, of_its_own]

    assert with_lane(scenario) == ["duplicate", first.context.owner, False, False, True]
    assert figures(member.membership) == (100, 0, 10)


def test_a_settlement_whose_caller_has_left_is_charged(member: Branch, in_acme: Account) -> None:
    schema = in_acme.schema_name
    requests = [reserve_request(member.membership, 10) for _ in range(4)]

    async def scenario(lane: LedgerLane) -> bool:
        await asyncio.gather(*(lane.reserve(schema, one) for one in requests))
        with locked(schema, member.membership) as connection:
            steps = [
                asyncio.ensure_future(lane.settle(schema, settlement(one, 7))) for one in requests
            ]
            await until_it_waits(connection)
            for step in steps:
                step.cancel()
            connection.rollback()
        return await lane.drain(10)

    assert with_lane(scenario)
    assert figures(member.membership) == (100, 28, 0)


def test_a_settlement_whose_caller_has_left_survives_a_broken_connection(
    member: Branch, in_acme: Account
) -> None:
    schema = in_acme.schema_name
    requests = [reserve_request(member.membership, 10) for _ in range(4)]

    async def scenario(lane: LedgerLane) -> bool:
        await asyncio.gather(*(lane.reserve(schema, one) for one in requests))
        with locked(schema, member.membership) as connection:
            steps = [
                asyncio.ensure_future(lane.settle(schema, settlement(one, 7))) for one in requests
            ]
            await until_it_waits(connection)
            steps[0].cancel()
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )
            done = await asyncio.gather(*steps[1:], return_exceptions=True)
            assert [type(one) for one in done] == [psycopg.errors.AdminShutdown] * 3
            connection.rollback()
        return await lane.drain(20)

    assert with_lane(scenario)
    assert figures(member.membership) == (100, 7, 30)


def test_a_drain_waits_for_what_came_in(member: Branch, in_acme: Account) -> None:
    schema = in_acme.schema_name
    request = reserve_request(member.membership, 10)

    async def scenario(lane: LedgerLane) -> tuple[bool, bool]:
        with locked(schema, member.membership) as connection:
            step = asyncio.ensure_future(lane.reserve(schema, request))
            await until_it_waits(connection)
            too_short = await lane.drain(0.01)
            connection.rollback()
        long_enough = await lane.drain(10)
        assert (await step).outcome == "reserved"
        return too_short, long_enough

    assert with_lane(scenario) == (False, True)
