"""Every vendor's wire format and everything it may do to a call: charged right, never twice."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.core.gateway.client import Answer, GatewayClient
from tests.core.gateway.places import Places
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream
from tests.fakes.vendors import FakeVendors
from tests.fakes.vendors.compatible import WIRES
from tests.fakes.vendors.wire import LIE, SAID

# What OpenAI's format goes by is the fast lane's, and LiteLLM's as well.
VENDORS = [
    pytest.param("openai", "fast", id="openai, fast lane"),
    pytest.param("openai", "litellm", id="openai, LiteLLM"),
    *(
        pytest.param(vendor, "fast", id=vendor)
        for vendor in ("anthropic", "gemini", "vertex_ai", "bedrock", *WIRES)
    ),
]
pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize(("vendor", "lane"), VENDORS)]

plain_and_stream = pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "lookup",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
# 11 tokens in and 22 out, at 2 and 8 dollars a million and 100 credits a dollar.
CHARGE = 19_800


@dataclass(frozen=True, slots=True)
class Failure:
    """What a provider does before it has said anything, and what becomes of it."""

    model: str
    status: int
    code: str
    outcome: str = "error"
    seconds: float | None = None


FAILURES = [
    Failure("wrong-key", 502, "upstream_misconfigured"),
    Failure("error-404", 502, "upstream_misconfigured"),
    Failure("error-429", 429, "upstream_rate_limited"),
    Failure("error-500", 502, "upstream_failed"),
    Failure("error-503", 502, "upstream_failed"),
    Failure("reset-first", 502, "upstream_failed"),
    Failure("hangs", 504, "upstream_timeout", "timeout", seconds=0.5),
]


@pytest_asyncio.fixture
async def places(directory: FakeDirectory, upstream: FakeUpstream) -> AsyncIterator[Places]:
    async with FakeVendors() as vendors:
        yield Places(directory, upstream, vendors)


@plain_and_stream
async def test_answer_is_charged_by_the_vendor_s_own_figures(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str, is_stream: bool
) -> None:
    places.add(vendor, "ok")

    answer = await client.chat("Hello", stream=is_stream)

    assert (answer.status, answer.text) == (200, SAID)
    [event] = ledger.charges
    assert (event.input_tokens, event.output_tokens, event.is_estimated) == (11, 22, False)
    assert ledger.charged == CHARGE
    assert places.calls == 1


@plain_and_stream
async def test_tools_pass_through(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str, is_stream: bool
) -> None:
    places.add(vendor, "tools")

    answer = await client.chat("Where?", model="tools", tools=TOOLS, stream=is_stream)

    assert answer.status == 200
    assert b"lookup" in answer.raw
    assert b"Oslo" in answer.raw
    assert _finish_of(answer) == "tool_calls"
    assert ledger.charged == CHARGE


@plain_and_stream
@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: each.model)
async def test_failure_before_the_first_token_costs_nothing(
    client: GatewayClient,
    places: Places,
    ledger: FakeLedger,
    vendor: str,
    is_stream: bool,
    failure: Failure,
) -> None:
    places.add(vendor, failure.model, seconds=failure.seconds)

    answer = await client.chat("Hello", model=failure.model, stream=is_stream)

    assert (answer.status, answer.error["code"]) == (failure.status, failure.code)
    [event] = ledger.charges
    assert (event.outcome, event.error_code) == (failure.outcome, failure.code)
    assert ledger.charged == 0
    assert not ledger.holds
    assert b"canary" not in answer.raw.lower()
    # Once, and not again behind the caller's back.
    assert places.calls == 1
    if failure.model == "error-429":
        assert answer.headers["retry-after"] == "7"


async def test_answer_that_cannot_be_read_costs_nothing(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str
) -> None:
    places.add(vendor, "malformed")

    answer = await client.chat("Hello", model="malformed")

    assert (answer.status, answer.error["code"]) == (502, "upstream_failed")
    assert (len(ledger.charges), ledger.charged) == (1, 0)


@pytest.mark.parametrize("model", ["reset-middle", "malformed"])
async def test_stream_that_breaks_is_charged_for_what_came(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str, model: str
) -> None:
    places.add(vendor, model)

    answer = await client.stream("Hello", model=model).done()

    assert answer.status == 200
    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    assert answer.text.startswith("word00 word01 word02 ")
    [event] = ledger.charges
    assert (event.outcome, event.is_estimated) == ("error", True)
    assert event.input_tokens > 0
    assert 4 <= event.output_tokens <= 24
    assert 0 < ledger.charged < CHARGE
    assert not ledger.holds
    assert places.calls == 1


@plain_and_stream
async def test_vendor_that_lies_about_its_model_changes_no_price(
    client: GatewayClient,
    places: Places,
    ledger: FakeLedger,
    vendor: str,
    lane: str,
    is_stream: bool,
) -> None:
    places.add(vendor, "lies")

    answer = await client.chat("Hello", model="lies", stream=is_stream)

    assert (answer.text, ledger.charged) == (SAID, CHARGE)
    assert LIE.encode() not in answer.raw
    [event] = ledger.charges
    # LiteLLM does not pass on what all of them claim.
    if lane == "fast" and vendor in {"openai", *WIRES} - {"mistral"}:
        assert event.upstream_model == LIE


@plain_and_stream
async def test_usage_that_is_left_out_is_counted_by_us(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str, is_stream: bool
) -> None:
    places.add(vendor, "no-usage")

    answer = await client.chat("Hello", model="no-usage", stream=is_stream)

    assert (answer.status, answer.text) == (200, SAID)
    [event] = ledger.charges
    assert (event.outcome, event.is_estimated) == ("ok", True)
    assert 5 <= event.input_tokens <= 15
    assert 20 <= event.output_tokens <= 100


def _finish_of(answer: Answer) -> str:
    if not answer.raw.startswith(b"data:"):
        return str(answer.body["choices"][0]["finish_reason"])
    found = [
        choice["finish_reason"]
        for event in answer.events
        if isinstance(event, dict)
        for choice in event.get("choices", ())
        if choice["finish_reason"]
    ]
    return str(found[-1])
