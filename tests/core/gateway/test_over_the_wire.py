"""OpenAI's own SDK, unchanged, against the gateway in a process of its own."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

import httpx
import openai
import pytest
import pytest_asyncio
from django.db import connection, connections
from openai import AsyncOpenAI

from console.services.keys import revoke_key
from core.credits import charging
from core.kit.money import parse_credits
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.core.gateway.process import GatewayProcess, running
from tests.core.gateway.stage import Stage, set_stage
from tests.fakes.upstream import FakeUpstream

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

T = TypeVar("T")
NAMES = (
    "ok", "tools", "embed", "draw", "hangs", "error-429", "error-500", "error-400", "reset-middle",
)  # fmt: skip
TOOL = {
    "type": "function",
    "function": {
        "name": "lookup",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
HELLO = [{"role": "user", "content": "Hello"}]


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def stage(transactional_accounts: None, acme: Account, upstream: FakeUpstream) -> Stage:
    return await _alone(
        lambda: set_stage(acme, api_base=upstream.url, names=NAMES, credits=2_000_000)
    )


@pytest_asyncio.fixture
async def process(stage: Stage) -> AsyncIterator[GatewayProcess]:
    async with running() as process:
        yield process


def sdk(process: GatewayProcess, token: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{process.url}/v1", api_key=token, max_retries=0, timeout=300)


async def test_journey_with_the_official_sdk(
    process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    charged = 0
    for token in (stage.key, stage.user_token):
        client = sdk(process, token)

        models = [model.id async for model in client.models.list()]
        assert set(NAMES) <= set(models)

        raw = await client.chat.completions.with_raw_response.create(model="ok", messages=HELLO)
        plain = raw.parse()
        assert plain.choices[0].message.content == "".join(upstream.words)
        charged += parse_credits(raw.headers["x-cockpit-credits-charged"])

        text, usage, ids = "", None, set()
        async for chunk in await client.chat.completions.create(
            model="ok",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        ):
            ids.add(chunk.id)
            usage = chunk.usage or usage
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        assert (text, len(ids)) == ("".join(upstream.words), 1)
        assert usage is not None
        assert usage.total_tokens == 33
        charged += 19_800

        called = await client.chat.completions.create(
            model="tools",
            messages=HELLO,
            tools=[TOOL],
        )
        [call] = called.choices[0].message.tool_calls or []
        assert (call.function.name, call.function.arguments) == ("lookup", '{"city": "Oslo"}')
        charged += 19_800

        vectors = await client.embeddings.create(model="embed", input=["a", "b"])
        assert vectors.data[1].embedding == pytest.approx([0.6, 0.8])
        charged += 2_200

        image = await client.images.generate(model="draw", prompt="A cat")
        assert image.data is not None
        assert base64.b64decode(image.data[0].b64_json or "") == b"hi"

    events = await _alone(stage.events)
    assert [event.outcome for event in events] == ["ok"] * 10
    images = sum(event.credits for event in events if event.kind == "image")
    assert sum(event.credits for event in events) == charged + images
    used = [await _alone(partial(stage.used, name)) for name in ("console", "copilot")]
    assert sum(each for each, _ in used) == charged + images
    assert await _alone(stage.broken) == []


async def test_errors_become_the_sdks_own_exceptions(
    process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    client = sdk(process, stage.key)

    async def call(model: str = "ok", **extra: object) -> object:
        return await client.chat.completions.create(model=model, messages=HELLO, **extra)

    with pytest.raises(openai.RateLimitError):
        await call("error-429")
    with pytest.raises(openai.InternalServerError):
        await call("error-500")
    with pytest.raises(openai.BadRequestError):
        await call("error-400")
    with pytest.raises(openai.NotFoundError) as unknown:
        await call("gpt-17")
    with pytest.raises(openai.BadRequestError) as wrong:
        await call("ok", temperature=9)
    with pytest.raises(openai.APIStatusError) as poor:
        await call("ok", max_tokens=4000)
    with pytest.raises(openai.AuthenticationError):
        await sdk(process, "ck_acme_nobodynobodynobodynobody").models.list()
    stream = await client.chat.completions.create(
        model="reset-middle",
        messages=HELLO,
        stream=True,
    )
    with pytest.raises(openai.APIError):
        [chunk async for chunk in stream]

    assert unknown.value.code == "model_not_found"
    assert wrong.value.param == "temperature"
    assert (poor.value.status_code, poor.value.code) == (402, "insufficient_credits")
    events = await _alone(stage.events)
    # Refusals leave no event; the provider's failures do, and the broken stream is charged.
    assert [event.credits > 0 for event in events] == [False, False, False, True]
    assert await _alone(stage.open_holds) == 0


async def test_client_that_closes_its_connection_is_noticed(
    process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    upstream.chunk_seconds = 0.1
    stream = await sdk(process, stage.key).chat.completions.create(
        model="ok",
        messages=HELLO,
        stream=True,
    )
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break

    await stream.close()

    await _until(lambda: len(stage.events()) == 1)
    [event] = await _alone(stage.events)
    assert event.outcome == "client_gone"
    assert 0 < event.output_tokens < 30
    assert event.credits > 0


async def test_asked_to_stop_it_lets_streams_end(
    process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    upstream.chunk_seconds = 0.1
    streams = [asyncio.create_task(_text(process, stage.key)) for _ in range(5)]
    await _until_seen(upstream, 5)

    await asyncio.to_thread(process.terminate)
    texts = [await stream for stream in streams]

    assert texts == ["".join(upstream.words)] * 5
    events = await _alone(stage.events)
    assert [event.outcome for event in events] == ["ok"] * 5
    assert await _alone(stage.open_holds) == 0


async def test_killed_in_the_middle_it_loses_no_credit(
    process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    upstream.chunk_seconds = 0.2
    streams = [asyncio.create_task(_text(process, stage.key)) for _ in range(8)]
    await _until_seen(upstream, 8)

    process.kill()
    await asyncio.gather(*streams, return_exceptions=True)
    assert await _alone(stage.open_holds) == 8
    await process.start()
    assert (await _text(process, stage.key)) == "".join(upstream.words)
    await _alone(lambda: _sweep(stage))

    events = await _alone(stage.events)
    unsettled = [event for event in events if event.is_unsettled]
    assert (len(events), len(unsettled)) == (9, 8)
    assert all(event.credits > 0 for event in unsettled)
    used, reserved = await _alone(stage.used)
    assert (used, reserved) == (sum(event.credits for event in events), 0)
    assert await _alone(stage.broken) == []


async def test_revoked_key_stops_at_once(
    process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    upstream.chunk_seconds = 0.3
    running_stream = asyncio.create_task(_text(process, stage.key))
    await _until_seen(upstream, 1)
    await asyncio.sleep(0.5)

    await _alone(lambda: _revoke(stage))
    with pytest.raises(openai.APIError):
        await asyncio.wait_for(running_stream, 1.5)
    with pytest.raises(openai.AuthenticationError):
        await sdk(process, stage.key).models.list()


async def test_operators_see_health_and_metrics(process: GatewayProcess, stage: Stage) -> None:
    async with httpx.AsyncClient(base_url=process.url) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json()["status"] == "ready"
        metrics = (await client.get("/metrics")).text
        assert "cockpit_gateway_calls_in_flight 0.0" in metrics
        assert (await client.get("/docs")).status_code == 404


async def test_log_holds_no_secret(
    process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    await _text(process, stage.key)
    with pytest.raises(openai.InternalServerError):
        await sdk(process, stage.key).chat.completions.create(model="error-500", messages=HELLO)

    log = process.log()

    assert stage.key not in log
    assert "canary" not in log
    assert "Hello" not in log


async def _text(process: GatewayProcess, token: str) -> str:
    text = ""
    async for chunk in await sdk(process, token).chat.completions.create(
        model="ok",
        messages=HELLO,
        stream=True,
        max_tokens=100,
    ):
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    return text


async def _until_seen(upstream: FakeUpstream, count: int) -> None:
    async with asyncio.timeout(20):
        while len(upstream.seen) < count:  # noqa: ASYNC110  it has no event
            await asyncio.sleep(0.02)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await _alone(condition):  # noqa: ASYNC110  it has no event
            await asyncio.sleep(0.1)


def _sweep(stage: Stage) -> None:
    with in_account(stage.account):
        with connection.cursor() as cursor:
            # Three minutes later.
            cursor.execute(
                "UPDATE credits_reservation SET expires_at = now() - interval '1 second' "
                "WHERE state = 'open'"
            )
        charging.sweep()


def _revoke(stage: Stage) -> None:
    with in_account(stage.account):
        revoke_key(key=stage.token_key(), actor=TESTS)


async def _alone(work: Callable[[], T]) -> T:
    """Do synchronous work in a thread that leaves no connection."""

    def run() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)
