"""The gateway's way into the ledger: the same steps, asynchronous, on a pool of its own."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

import psycopg
import pytest

from core.credits.invariants import broken_invariants
from core.credits.lane import LedgerLane, ledger_pool
from core.credits.messages import HeartbeatRequest, SettleRequest
from core.credits.models import UsageEvent
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
        async with ledger_pool(os.environ["DATABASE_URL"], size=4) as pool:
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
