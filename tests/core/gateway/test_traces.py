"""Traces by OpenTelemetry: each step of a call as a span, as a collector gets them."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from django.db import connections

from core.gateway.gateway import Gateway
from core.gateway.traces import OtlpTraces, traces_if_wanted
from tenants.models import Account
from tests.core.gateway.client import GatewayClient
from tests.core.gateway.process import ROOT, running
from tests.core.gateway.stage import Stage, set_stage
from tests.fakes.collector import FakeCollector, Span
from tests.fakes.directory import FakeDirectory
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STEPS = [
    "edge",
    "principal",
    "access",
    "limits",
    "input_guardrails",
    "reserve",
    "provider",
    "first_token",
    "settle",
]


@pytest_asyncio.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCollector]:
    async with FakeCollector() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        yield collector


@pytest_asyncio.fixture
async def traces(collector: FakeCollector, gateway: Gateway) -> AsyncIterator[OtlpTraces]:
    traces = traces_if_wanted()
    assert isinstance(traces, OtlpTraces)
    object.__setattr__(gateway._services, "traces", traces)
    yield traces
    await asyncio.to_thread(traces.close)


async def spans_of(traces: OtlpTraces, collector: FakeCollector) -> tuple[Span, dict[str, Span]]:
    """Return the span of the one call, and those of its steps by name."""
    await asyncio.to_thread(traces._provider.force_flush)
    [whole] = [span for span in collector.spans if span.name.startswith("gateway ")]
    steps = [span for span in collector.spans if span is not whole]
    assert {span.parent_id for span in steps} == {whole.span_id}
    assert {span.trace_id for span in steps} == {whole.trace_id}
    return whole, {span.name: span for span in steps}


@pytest.mark.parametrize("is_stream", [False, True])
async def test_every_step_is_a_span_of_the_caller_s_trace(
    client: GatewayClient,
    collector: FakeCollector,
    traces: OtlpTraces,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    is_stream: bool,
) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}

    answer = await client.chat("Hello", stream=is_stream, headers=headers)

    whole, steps = await spans_of(traces, collector)
    assert (whole.trace_id, whole.parent_id, whole.is_error) == (TRACE, PARENT, False)
    assert whole.service == "cockpit-gateway"
    assert whole.attributes == {
        "cockpit.request_id": answer.headers["x-request-id"],
        "cockpit.account_id": str(directory.account.id),
        "cockpit.product": "console",
        "cockpit.kind": "chat",
        "cockpit.is_stream": is_stream,
        "cockpit.outcome": "ok",
        "cockpit.deployments_asked": 1,
        "cockpit.microcredits": 19_800,
        "gen_ai.request.model": "ok",
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 22,
        "http.response.status_code": 200,
    }
    assert list(steps) == STEPS
    for span in steps.values():
        # The steps are written down to a hundredth of a millisecond.
        assert whole.began - 10_000 <= span.began <= span.ended <= whole.ended + 10_000
    assert steps["reserve"].ended <= steps["provider"].began + 10_000
    assert steps["first_token"].began == steps["provider"].began


async def test_refused_call_is_an_error_and_says_nothing_of_what_was_sent(
    client: GatewayClient, collector: FakeCollector, traces: OtlpTraces, upstream: FakeUpstream
) -> None:
    await client.chat("My secret question", model="my secret question as a model")

    whole, steps = await spans_of(traces, collector)
    assert whole.is_error
    assert whole.parent_id == ""
    assert whole.attributes["error.type"] == "model_not_found"
    assert whole.attributes["http.response.status_code"] == 404
    assert list(steps) == ["edge", "principal", "access", "settle"]
    assert b"secret" not in collector.raw


@pytest.mark.parametrize("lane", ["fast", "litellm"])
async def test_no_attribute_holds_a_prompt_an_answer_or_a_secret(
    client: GatewayClient,
    collector: FakeCollector,
    traces: OtlpTraces,
    upstream: FakeUpstream,
    directory: FakeDirectory,
) -> None:
    directory.add_llm("secret-error", api_base=upstream.url)
    for model in ("ok", "secret-error"):
        await client.chat("My private question", model=model, user="mia-at-home")

    await asyncio.to_thread(traces._provider.force_flush)

    # All of them are ours: LiteLLM has tracers of its own, which would send what was said.
    assert {span.name for span in collector.spans} == {"gateway chat", *STEPS}
    for text in (b"private", b"word00", b"canary", b"mia", b"127.0.0.1"):
        assert text not in collector.raw.lower()


@pytest.mark.parametrize(
    "traceparent", ["", "nonsense", "00-0-0-01", "ff-" + "a" * 500, "00-" + TRACE]
)
async def test_traceparent_that_is_none_begins_a_trace_of_its_own(
    client: GatewayClient,
    collector: FakeCollector,
    traces: OtlpTraces,
    upstream: FakeUpstream,
    traceparent: str,
) -> None:
    answer = await client.chat("Hello", headers={"traceparent": traceparent})

    whole, _ = await spans_of(traces, collector)
    assert answer.status == 200
    assert (whole.parent_id, whole.trace_id != TRACE) == ("", True)


async def test_caller_who_does_not_sample_is_not_traced(
    client: GatewayClient, collector: FakeCollector, traces: OtlpTraces, upstream: FakeUpstream
) -> None:
    await client.chat("Hello", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})

    await asyncio.to_thread(traces._provider.force_flush)
    assert not collector.spans


async def test_collector_that_fails_disturbs_no_call(
    client: GatewayClient, collector: FakeCollector, traces: OtlpTraces, upstream: FakeUpstream
) -> None:
    collector.status = 400

    answers = [await client.chat("Hello") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]


@pytest.mark.parametrize(
    "variables",
    [{}, {ENDPOINT: ""}, {ENDPOINT: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}],
)
async def test_unless_asked_for_there_are_none(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert traces_if_wanted() is None


async def test_unless_asked_for_no_exporter_is_even_imported() -> None:
    script = (
        "import sys, cockpit.asgi_gateway\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.exporter')])"
    )

    done = subprocess.run(  # noqa: ASYNC221  it is over in a moment
        [sys.executable, "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr


@pytest.mark.slow
async def test_process_sends_its_spans_before_it_leaves(
    transactional_accounts: None, acme: Account, collector: FakeCollector
) -> None:
    async with FakeUpstream() as upstream:
        stage = await asyncio.to_thread(_staged, acme, upstream.url)
        more: Any = {ENDPOINT: collector.url, "OTEL_SERVICE_NAME": "gateway-of-acme"}
        async with running(**more) as process, httpx.AsyncClient(timeout=60) as http:
            answer = await http.post(
                f"{process.url}/v1/chat/completions",
                json={"model": "ok", "messages": [{"role": "user", "content": "Hello"}]},
                headers={
                    "authorization": f"Bearer {stage.key}",
                    "traceparent": f"00-{TRACE}-{PARENT}-01",
                },
            )
            assert answer.status_code == 200
            await asyncio.to_thread(process.terminate)

    [whole] = collector.named("gateway chat")
    assert (whole.trace_id, whole.parent_id, whole.service) == (TRACE, PARENT, "gateway-of-acme")
    assert {span.name for span in collector.spans} == {"gateway chat", *STEPS}


def _staged(acme: Account, api_base: str) -> Stage:
    try:
        return set_stage(acme, api_base=api_base, names=("ok",), credits=2_000_000)
    finally:
        connections.close_all()
