"""Providers with wire formats of their own, by LiteLLM's lane: charged right, never twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from core.gateway.ports import Secret
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.vendors import SAID, FakeVendors

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.parametrize("vendor", ["anthropic", "gemini", "bedrock"]),
]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "lookup",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
AWS = '{"aws_access_key_id": "AKIACANARY0000000000", "aws_secret_access_key": "secret-canary-1"}'


@pytest_asyncio.fixture
async def vendors() -> AsyncIterator[FakeVendors]:
    async with FakeVendors() as vendors:
        yield vendors


def add(directory: FakeDirectory, vendors: FakeVendors, vendor: str, model: str) -> None:
    llm = directory.add_llm(model, api_base=vendors.url, provider=vendor)
    # LiteLLM asks for Bedrock's converse interface by a name in front of the model's.
    upstream_model = model
    if vendor == "bedrock":
        with_tools = "anthropic.claude-3-5-sonnet-20240620-v1:0"
        upstream_model = f"converse/{with_tools if model == 'tools' else model}"
    place = replace(llm.deployment, upstream_model=upstream_model)
    if vendor == "bedrock":
        place = replace(place, api_key=Secret(AWS), options=(("region", "eu-central-1"),))
    directory.llms["console"][model] = replace(llm, deployment=place)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_answer_is_charged_by_the_vendor_s_own_figures(
    client: GatewayClient,
    directory: FakeDirectory,
    vendors: FakeVendors,
    ledger: FakeLedger,
    vendor: str,
    is_stream: bool,
) -> None:
    add(directory, vendors, vendor, "ok")

    answer = await client.chat("Hello", stream=is_stream)

    assert (answer.status, answer.text) == (200, SAID)
    [event] = ledger.charges
    assert (event.input_tokens, event.output_tokens, event.is_estimated) == (11, 22, False)
    assert ledger.charged == 19_800
    assert len(vendors.seen) == 1


@pytest.mark.parametrize("is_stream", [False, True])
async def test_tools_pass_through(
    client: GatewayClient,
    directory: FakeDirectory,
    vendors: FakeVendors,
    ledger: FakeLedger,
    vendor: str,
    is_stream: bool,
) -> None:
    add(directory, vendors, vendor, "tools")

    answer = await client.chat("Where?", model="tools", tools=TOOLS, stream=is_stream)

    assert answer.status == 200
    assert b"lookup" in answer.raw
    assert b"Oslo" in answer.raw
    assert ledger.charged == 19_800


@pytest.mark.parametrize(("model", "status"), [("error-429", 429), ("error-500", 502)])
async def test_failure_before_the_first_token_costs_nothing(
    client: GatewayClient,
    directory: FakeDirectory,
    vendors: FakeVendors,
    ledger: FakeLedger,
    vendor: str,
    model: str,
    status: int,
) -> None:
    add(directory, vendors, vendor, model)

    answer = await client.chat("Hello", model=model)

    assert answer.status == status
    assert ledger.charged == 0
    assert b"canary" not in answer.raw.lower()
    # Once, and not again behind the caller's back.
    assert len(vendors.seen) == 1


async def test_reset_in_mid_stream_is_charged_for_what_came(
    client: GatewayClient,
    directory: FakeDirectory,
    vendors: FakeVendors,
    ledger: FakeLedger,
    vendor: str,
) -> None:
    add(directory, vendors, vendor, "reset-middle")

    answer = await client.stream("Hello", model="reset-middle").done()

    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    [event] = ledger.charges
    assert event.outcome == "error"
    assert ledger.charged > 0
