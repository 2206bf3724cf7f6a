"""What operators rely on, over the wire: how it leaves, what it measures, ids on every answer."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tenants.models import Account
from tests.core.gateway.process import GatewayProcess, running
from tests.core.gateway.stage import Stage, set_stage
from tests.core.gateway.test_over_the_wire import _alone, _text, _until_seen
from tests.fakes.upstream import FakeUpstream

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

NAMES = ("ok", "error-500")


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
    # As in production; tests say less.
    async with running(
        served_by="cockpit.serve_gateway", drain_seconds=4, COCKPIT_LOG_LEVEL="INFO"
    ) as process:
        yield process


async def test_it_measures_answers_with_ids_and_leaves_quietly(
    process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
        await _ids_on_every_answer(client, stage.key)
        await _figures(client, stage.key)
        await _quiet_end(client, process, stage, upstream)
    log = process.log()
    assert stage.key not in log
    assert "canary" not in log
    _lines_say_which_call(log)


async def _ids_on_every_answer(client: httpx.AsyncClient, key: str) -> None:
    bearer = {"Authorization": f"Bearer {key}"}
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answers = [
        await client.get("/healthz"),
        await client.get("/readyz"),
        await client.get("/metrics"),
        await client.get("/nothing/here"),
        await client.get("/v1/chat/completions"),
        await client.get("/v1/models"),
        await client.get("/v1/models", headers=bearer),
        await client.options("/v1/models", headers=preflight),
        await client.post("/v1/chat/completions", headers=bearer, content=b"{"),
        await client.post("/v1/chat/completions", headers=bearer, json={"model": "absent"}),
    ]
    assert [answer.status_code for answer in answers] == [
        200, 200, 200, 404, 405, 401, 200, 403, 400, 400,
    ]  # fmt: skip
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)


async def _figures(client: httpx.AsyncClient, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    for model in ("ok", "error-500"):
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        await client.post("/v1/chat/completions", headers=headers, json=body)
    text = (await client.get("/metrics")).text
    for step in ("access", "reserve", "provider", "settle"):
        assert f'cockpit_gateway_step_seconds_count{{step="{step}"}} 2.0' in text, step
    assert 'cockpit_gateway_upstream_errors_total{code="upstream_failed",provider="openai"}' in text
    assert 'cockpit_gateway_refusals_total{code="upstream_failed"}' in text
    assert "cockpit_gateway_calls_in_flight 0.0" in text
    assert "cockpit_gateway_settlements_pending 0.0" in text
    assert "cockpit_gateway_logs_waiting" in text
    assert re.search(r"^cockpit_jobs_waiting [0-9.]+$", text, re.MULTILINE)
    assert re.search(r"^cockpit_jobs_taken [0-9.]+$", text, re.MULTILINE)
    # Thousands of accounts must not become thousands of series.
    assert "acme" not in text


def _lines_say_which_call(log: str) -> None:
    """Each call is one line of JSON with its id and account."""
    lines = [json.loads(line) for line in log.splitlines() if '"event": "call"' in line]
    assert len(lines) >= 4
    assert {line["account"] for line in lines} == {"acme"}
    ids = [line["request_id"] for line in lines]
    assert len(set(ids)) == len(ids)
    assert not [line for line in lines if "Hello" in str(line)]


async def _quiet_end(
    client: httpx.AsyncClient, process: GatewayProcess, stage: Stage, upstream: FakeUpstream
) -> None:
    before = len(upstream.seen)
    upstream.chunk_seconds = 0.25
    streams = [asyncio.create_task(_text(process, stage.key)) for _ in range(3)]
    await _until_seen(upstream, before + 3)

    process.ask_to_stop()
    async with asyncio.timeout(3):
        while (await client.get("/readyz")).status_code != 503:  # noqa: ASYNC110  nothing to await
            await asyncio.sleep(0.05)
    # Not ready is not gone: what still arrives is answered.
    assert (await client.get("/healthz")).status_code == 200
    late = asyncio.create_task(_text(process, stage.key))

    assert await asyncio.gather(*streams, late) == ["".join(upstream.words)] * 4
    assert await asyncio.to_thread(process.wait) == 0
    assert await _alone(stage.open_holds) == 0
    events = await _alone(stage.events)
    assert [event.outcome for event in events[-4:]] == ["ok"] * 4
