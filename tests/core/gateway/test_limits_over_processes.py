"""Key limits over three gateways in processes of their own, on one Postgres and one Valkey."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import pytest
import pytest_asyncio
from django.db import connections

from console.models import Team
from console.services import keys as services
from console.services.key_settings import Budget, Limits, limits_of
from core.credits.invariants import broken_invariants
from core.credits.models import UsageEvent
from core.credits.selectors import balance_of
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.core.gateway.process import GatewayProcess, running
from tests.core.gateway.stage import Stage, set_stage
from tests.fakes.upstream import FakeUpstream

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

T = TypeVar("T")
BODY = {"model": "ok", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def stage(transactional_accounts: None, acme: Account, upstream: FakeUpstream) -> Stage:
    return await _alone(
        lambda: set_stage(acme, api_base=upstream.url, names=("ok",), credits=2_000_000)
    )


@pytest_asyncio.fixture
async def gateways(stage: Stage) -> AsyncIterator[list[GatewayProcess]]:
    async with AsyncExitStack() as stack:
        # All at once: most of a start is reading code.
        starts = (stack.enter_async_context(running()) for _ in range(3))
        yield await asyncio.gather(*starts)


async def test_limits_hold_over_all_gateways_together(
    gateways: list[GatewayProcess], stage: Stage, upstream: FakeUpstream
) -> None:
    # Each part is one of the promises; starting three gateways anew for each would take minutes.
    await _alone(lambda: _limit(stage, requests_per_minute=7))
    answers = await _from_all(gateways, stage.key, each=6)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 11
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"

    # A budget: each call holds at most so much that only some fit, wherever they arrive.
    await _alone(lambda: _limit(stage, requests_per_minute=None, budget=Budget(150_000, "day")))
    await _until_not(gateways, stage.key, 429)
    answers = await _from_all(gateways, stage.key, each=6)
    passed = [answer for answer in answers if answer.status_code == 200]
    assert passed
    assert {answer.status_code for answer in answers} == {200, 402}
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 402} == {
        "cap_reached"
    }

    # Addresses and LLMs.
    await _alone(lambda: _limit(stage, budget=None, addresses=("203.0.113.0/24",)))
    assert await _settled(gateways, stage.key, 403) == {"address_not_allowed"}
    await _alone(lambda: _limit(stage, addresses=None, llms=("other",)))
    assert await _settled(gateways, stage.key, 403) == {"model_not_allowed"}
    await _alone(lambda: _limit(stage, llms=None))
    await _settled(gateways, stage.key, 200)

    # Rotation: both tokens for the overlap, then one.
    new = await _alone(lambda: _rotate(stage))
    for token in (new, stage.key):
        await _settled(gateways, token, 200)
    await _alone(lambda: _end_overlap(stage))
    assert await _settled(gateways, stage.key, 401) == {"invalid_api_key"}
    await _settled(gateways, new, 200)

    # A team's service key is paid by the team.
    robot, team = await _alone(lambda: _service_key(stage))
    before = await _alone(lambda: _used_of(stage, team))
    await _settled(gateways, robot, 200)
    event = (await _alone(stage.events))[-1]
    assert (event.member_id, event.team_id, event.key_id) != (None, None, None)
    assert event.member_id is None
    assert event.team_id == team.pk
    assert {charge["wallet"] for charge in event.charges} == {str(team.wallet_id)}
    assert await _alone(lambda: _used_of(stage, team)) > before

    assert await _alone(lambda: _broken(stage)) == []
    assert await _alone(stage.open_holds) == 0


async def test_without_valkey_gateways_together_stay_within_the_limit(stage: Stage) -> None:
    await _alone(lambda: _limit(stage, requests_per_minute=7))
    # Nobody listens there; three processes are announced and two of them run.
    alone: dict[str, Any] = {"REDIS_URL": "redis://127.0.0.1:1/0", "COCKPIT_GATEWAY_PROCESSES": "3"}
    async with AsyncExitStack() as stack:
        starts = (stack.enter_async_context(running(**alone)) for _ in range(2))
        first, second = await asyncio.gather(*starts)
        answers = await _from_all([first, second], stage.key, each=5)
        async with httpx.AsyncClient(timeout=60) as client:
            figures = (await client.get(f"{first.url}/metrics")).text

    # A third of seven, whole: two each.
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429] * 6
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in answers} == {"2"}
    assert "cockpit_gateway_rate_limits_alone_total 0.0" not in figures
    assert "cockpit_jobs_waiting NaN" in figures


async def _from_all(gateways: list[GatewayProcess], token: str, *, each: int) -> list[Any]:
    """Send calls to all gateways at once."""
    async with httpx.AsyncClient(timeout=60) as client:
        return await asyncio.gather(
            *(_call(client, gateway, token) for gateway in gateways for _ in range(each))
        )


async def _settled(gateways: list[GatewayProcess], token: str, status: int) -> set[str]:
    """Call each gateway until it answers with the status, within a second; return the codes."""
    codes = set()
    async with httpx.AsyncClient(timeout=60) as client:
        for gateway in gateways:
            async with asyncio.timeout(10):
                answer = await _call(client, gateway, token)
                while answer.status_code != status:
                    await asyncio.sleep(0.1)
                    answer = await _call(client, gateway, token)
            if status != 200:
                codes.add(answer.json()["error"]["code"])
    return codes


async def _until_not(gateways: list[GatewayProcess], token: str, status: int) -> None:
    """Call each gateway until it has heard of a change and answers otherwise."""
    async with httpx.AsyncClient(timeout=60) as client:
        for gateway in gateways:
            async with asyncio.timeout(10):
                answer = await _call(client, gateway, token)
                while answer.status_code == status:
                    await asyncio.sleep(0.1)
                    answer = await _call(client, gateway, token)


async def _call(client: httpx.AsyncClient, gateway: GatewayProcess, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await client.post(f"{gateway.url}/v1/chat/completions", json=BODY, headers=headers)


def _limit(stage: Stage, **limits: Any) -> None:
    with in_account(stage.account):
        key = stage.token_key()
        services.change_key(
            key=key,
            name=key.name,
            expires_at=key.expires_at,
            tags=(),
            limits=replace(limits_of(key) if limits else Limits(), **limits),
            actor=TESTS,
        )


def _rotate(stage: Stage) -> str:
    with in_account(stage.account):
        return services.rotate_key(
            account=stage.account, key=stage.token_key(), overlap=timedelta(hours=1), actor=TESTS
        ).token


def _end_overlap(stage: Stage) -> None:
    with in_account(stage.account):
        services.end_overlap(key=stage.token_key(), actor=TESTS)


def _service_key(stage: Stage) -> tuple[str, Team]:
    with in_account(stage.account):
        team = Team.objects.select_related("wallet").get(name="Content")
        made = services.create_key(account=stage.account, team=team, name="Robot", actor=TESTS)
        _give(team)
        return made.token, team


def _give(team: Team) -> None:
    from core.credits.models import Book
    from core.credits.services import allocating
    from tests.factories.credits import a_key

    book = Book.objects.get(product="console")
    allocating.grant_credits(book=book, amount=900_000, actor=TESTS, idempotency_key=a_key())
    organization = team.organization
    assert organization.wallet is not None
    for wallet, amount in ((organization.wallet, 2_900_000), (team.wallet, 2_900_000)):
        allocating.allocate_credits(
            wallet=wallet, amount=amount, actor=TESTS, idempotency_key=a_key()
        )


def _used_of(stage: Stage, team: Team) -> int:
    with in_account(stage.account):
        return balance_of(team.wallet).used


def _broken(stage: Stage) -> list[object]:
    with in_account(stage.account):
        assert UsageEvent.objects.exists()
        return list(broken_invariants())


async def _alone(work: Callable[[], T]) -> T:
    """Do synchronous work in a thread that leaves no connection."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)
