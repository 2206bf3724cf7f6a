"""The gateway on the real ledger, directory and policy, with a fake provider only."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
import pytest_asyncio
from django.conf import settings as django_settings

from cockpit.gateway_directory import PostgresDirectory
from console.services.keys import revoke_key
from core.credits.lane import LedgerLane
from core.credits.wires import LedgerPool
from core.gateway.app import build_app
from core.gateway.demo.provider import DemoProvider
from core.gateway.gateway import Gateway
from core.gateway.settings import GatewaySettings
from core.gateway.threads import DatabaseThreads
from core.gateway.upstream import LiteLlm
from core.guardrails.services import bind_guardrail, create_guardrail
from core.kit.money import parse_credits
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tenants.services.accounts import suspend_account
from tests.cast import TESTS
from tests.core.gateway.client import GatewayClient
from tests.core.gateway.stage import Stage, set_stage
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio

T = TypeVar("T")
NAMES = ("ok", "tools", "embed", "draw")


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def stage(transactional_accounts: None, acme: Account) -> Callable[..., Stage]:
    """Set the stage once the provider's port is known."""

    def build(upstream: FakeUpstream, *, credits: int = 1_000_000) -> Stage:
        return set_stage(acme, api_base=upstream.url, names=NAMES, credits=credits)

    return build


class Real:
    """The stage, a client, and a way to look at the database from a test's coroutine."""

    def __init__(self, stage: Stage, gateway: Gateway, client: GatewayClient) -> None:
        self.stage = stage
        self.gateway = gateway
        self.client = client
        self._threads = DatabaseThreads(threads=2)

    async def do(self, work: Callable[[], T]) -> T:
        """Run synchronous work in a thread that leaves no connection."""
        return await self._threads.run(work)

    async def settled(self) -> None:
        """Wait until every call has ended in the ledger."""
        async with asyncio.timeout(10):
            while self.gateway.calls:  # noqa: ASYNC110  it has no event
                await asyncio.sleep(0.01)
        await self.gateway._settler.drain(5)


@asynccontextmanager
async def opened(stage: Stage, *, redis_url: str) -> AsyncIterator[Real]:
    async with LedgerPool(django_settings.DATABASE_URL, size=4) as pool:

        async def ping() -> bool:
            return True

        settings = GatewaySettings(drain_seconds=0.2)
        gateway = Gateway(
            directory=PostgresDirectory(),
            ledger=LedgerLane(pool),
            upstream=LiteLlm(demo=DemoProvider(latency_seconds=0, chunk_ms=0)),
            ping=ping,
            settings=settings,
            redis_url=redis_url,
        )

        @asynccontextmanager
        async def open_gateway() -> AsyncIterator[Gateway]:
            yield gateway

        app = build_app(open_gateway, settings=settings)
        app.state.gateway = gateway
        await gateway.start()
        try:
            yield Real(stage, gateway, GatewayClient(app))
        finally:
            await gateway.stop()


@pytest_asyncio.fixture
async def real(stage: Callable[..., Stage], upstream: FakeUpstream) -> AsyncIterator[Real]:
    """With Valkey's pushes, and a credit for Mia in each product."""
    built = await asyncio.to_thread(_alone, lambda: stage(upstream))
    async with opened(built, redis_url=django_settings.REDIS_URL) as real:
        yield real


def _alone(work: Callable[[], T]) -> T:
    from django.db import connections

    try:
        return work()
    finally:
        connections.close_all()


async def test_call_with_a_key_agrees_to_the_microcredit(
    real: Real, upstream: FakeUpstream
) -> None:
    answer = await real.client.chat("Hello", token=real.stage.key)

    assert answer.status == 200
    [event] = await real.do(real.stage.events)
    assert str(event.pk) == answer.headers["x-request-id"]
    assert event.credits == 19_800
    assert parse_credits(answer.headers["x-cockpit-credits-charged"]) == event.credits
    assert await real.do(real.stage.used) == (19_800, 0)
    assert (event.product, event.llm, event.key_id) == ("console", "ok", real.stage.key_id)
    assert (event.input_tokens, event.output_tokens) == (11, 22)
    assert await real.do(real.stage.broken) == []


async def test_stream_with_a_user_token_agrees_to_the_microcredit(
    real: Real, upstream: FakeUpstream
) -> None:
    answer = await real.client.stream("Hello", token=real.stage.user_token).done()

    assert answer.text == "".join(upstream.words)
    [event] = await real.do(real.stage.events)
    assert (event.product, event.credits, event.key_id) == ("copilot", 19_800, None)
    assert await real.do(lambda: real.stage.used("copilot")) == (19_800, 0)
    assert await real.do(lambda: real.stage.used("console")) == (0, 0)


async def test_models_are_listed_for_both(real: Real) -> None:
    for token in (real.stage.key, real.stage.user_token):
        answer = await real.client.get("/v1/models", token=token)
        names = {model["id"] for model in answer.body["data"]}
        assert names >= set(NAMES)


async def test_empty_wallet_is_named_by_its_member(real: Real, upstream: FakeUpstream) -> None:
    answer = await real.client.chat("Hello", token=real.stage.key, max_tokens=4000)

    assert (answer.status, answer.error["code"]) == (402, "insufficient_credits")
    assert "Mia Member" in answer.error["message"]
    assert any("Theo" in name for name in answer.error["details"]["who_can_help"])
    assert answer.error["details"]["available"] == "1"
    assert not upstream.seen
    assert await real.do(real.stage.open_holds) == 0


async def test_parallel_streams_run_as_far_as_the_credits_go(
    real: Real, upstream: FakeUpstream
) -> None:
    upstream.chunk_seconds = 0.05
    # 8 tokens with their margin and 110 tokens of output: 0.09 credits each, and Mia has one.
    exchanges = [
        real.client.stream("Hello", token=real.stage.key, max_tokens=110) for _ in range(64)
    ]

    answers = [await exchange.done(seconds=60) for exchange in exchanges]

    ran = [answer for answer in answers if answer.status == 200]
    assert {answer.status for answer in answers} == {200, 402}
    assert len(ran) == len(upstream.seen) == 11
    assert {answer.events[-1] for answer in ran} == {"[DONE]"}
    assert await real.do(real.stage.used) == (11 * 19_800, 0)
    assert await real.do(real.stage.broken) == []


async def test_revoked_key_is_unknown_within_a_moment_and_its_stream_is_cut(
    real: Real, upstream: FakeUpstream
) -> None:
    upstream.chunk_seconds = 0.2
    await _until_listening(real)
    exchange = real.client.stream("Hello", token=real.stage.key)
    await exchange.until("word01")

    await real.do(lambda: _revoke(real.stage))
    answer = await exchange.done(seconds=1.0)

    assert answer.events[-1]["error"]["code"] == "invalid_api_key"
    assert (await real.client.chat("Hello", token=real.stage.key)).status == 401
    [event] = await real.do(real.stage.events)
    assert (event.outcome, event.error_code) == ("blocked", "invalid_api_key")
    used, reserved = await real.do(real.stage.used)
    assert used > 0
    assert reserved == 0


async def test_without_valkey_a_revocation_takes_two_seconds_at_most(
    stage: Callable[..., Stage], upstream: FakeUpstream
) -> None:
    upstream.chunk_seconds = 0.4
    built = await asyncio.to_thread(_alone, lambda: stage(upstream))
    async with opened(built, redis_url="") as real:
        exchange = real.client.stream("Hello", token=built.key)
        await exchange.until("word01")

        await real.do(lambda: _revoke(built))
        answer = await exchange.done(seconds=2.0)

        assert answer.events[-1]["error"]["code"] == "invalid_api_key"


async def test_suspended_account_is_refused_at_once(real: Real, upstream: FakeUpstream) -> None:
    await _until_listening(real)
    assert (await real.client.chat("Hello", token=real.stage.key)).status == 200

    await real.do(lambda: _suspend(real.stage))
    answer = await real.client.chat("Hello", token=real.stage.key)

    assert (answer.status, answer.error["code"]) == (403, "account_suspended")
    assert len(upstream.seen) == 1


async def test_guardrail_applies_to_the_next_call(real: Real, upstream: FakeUpstream) -> None:
    await real.client.chat("Write to ada@example.com", token=real.stage.key)

    await real.do(lambda: _bind(real.stage))
    await real.client.chat("Write to ada@example.com", token=real.stage.key)

    contents = [seen.body["messages"][0]["content"] for seen in upstream.seen]
    assert contents == ["Write to ada@example.com", "Write to <EMAIL>"]
    events = await real.do(real.stage.events)
    assert events[-1].guardrails[0]["found"] == {"EMAIL": 1}


async def test_client_that_leaves_is_charged(real: Real, upstream: FakeUpstream) -> None:
    upstream.chunk_seconds = 0.05
    exchange = real.client.stream("Hello", token=real.stage.key)
    await exchange.until("word03")

    exchange.hang_up()
    await real.settled()

    [event] = await real.do(real.stage.events)
    assert (event.outcome, event.is_estimated) == ("client_gone", True)
    assert event.credits > 0
    assert await real.do(real.stage.used) == (event.credits, 0)


async def test_same_idempotency_key_has_one_event(real: Real, upstream: FakeUpstream) -> None:
    headers = {"Idempotency-Key": "once"}

    answers = [
        await real.client.chat(text, token=real.stage.key, headers=headers)
        for text in ("Hello", "Hello", "Good bye")
    ]

    assert [answer.status for answer in answers] == [200, 409, 422]
    assert len(await real.do(real.stage.events)) == 1


async def test_key_of_nobody_and_of_a_foreign_account_are_unknown(
    real: Real, upstream: FakeUpstream
) -> None:
    letters = real.stage.key.rpartition("_")[2]
    for token in (f"ck_globex_{letters}", f"ck_nobody_{letters}", real.stage.key[:-1] + "x"):
        assert (await real.client.chat("Hello", token=token)).status == 401
    assert not upstream.seen


async def _until_listening(real: Real, *, is_listening: bool = True) -> None:
    async with asyncio.timeout(10):
        # It has no event to wait for.
        while real.gateway._watch.is_listening is not is_listening:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def _revoke(stage: Stage) -> None:
    with in_account(stage.account):
        revoke_key(key=stage.token_key(), actor=TESTS)


def _suspend(stage: Stage) -> None:
    with in_public():
        suspend_account(account=stage.account, reason="A test", actor=TESTS)


def _bind(stage: Stage) -> None:
    with in_account(stage.account):
        guardrail = create_guardrail(name="Data", preset="pii", actor=TESTS)
        bind_guardrail(
            product="console", guardrail=guardrail, action="mask", stages=["input"], actor=TESTS
        )
