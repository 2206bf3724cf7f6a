"""What each vendor with OpenAI's format does otherwise: charged right, and refused in plain words.

The matrix that all vendors share is in `test_vendors.py`.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from core.gateway.ports import Llm
from core.gateway.probing import PATH, ProbeTicket
from tests.core.gateway.client import Answer, GatewayClient
from tests.core.gateway.places import Places
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream
from tests.fakes.vendors import FakeVendors
from tests.fakes.vendors.compatible import WIRES
from tests.fakes.vendors.wire import SAID, THOUGHT

pytestmark = pytest.mark.asyncio

plain_and_stream = pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "stream"])
FORCED = {"type": "function", "function": {"name": "lookup"}}
TOOLS: Any = [{"type": "function", "function": {"name": "lookup", "parameters": {}}}]


@pytest_asyncio.fixture
async def vendors() -> AsyncIterator[FakeVendors]:
    async with FakeVendors() as vendors:
        yield vendors


@pytest.fixture
def places(directory: FakeDirectory, upstream: FakeUpstream, vendors: FakeVendors) -> Places:
    return Places(directory, upstream, vendors)


@plain_and_stream
async def test_what_deepseek_reads_from_its_cache_costs_what_cached_input_does(
    client: GatewayClient, directory: FakeDirectory, places: Places, ledger: FakeLedger,
    is_stream: bool,
) -> None:  # fmt: skip
    llm = places.add("deepseek", "cached")
    assert llm.price is not None
    cheap = replace(llm.price, cache_read=Decimal("0.5"))
    directory.llms["console"]["cached"] = replace(llm, price=cheap)

    answer = await client.chat("Hello", model="cached", stream=is_stream)

    assert (answer.status, answer.text) == (200, SAID)
    [event] = ledger.charges
    assert (event.input_tokens, event.cached_tokens, event.output_tokens) == (11, 5, 22)
    # 6 at 2 dollars a million, 5 at half a dollar, 22 at 8 dollars; 100 credits a dollar.
    assert ledger.charged == 19_050


@pytest.mark.parametrize("model", ["ok", "old"])
async def test_usage_that_groq_has_in_a_field_of_its_own_counts_once(
    client: GatewayClient, places: Places, ledger: FakeLedger, model: str
) -> None:
    places.add("groq", model, name="llama")

    answer = await client.chat("Hello", model="llama", stream=True)

    assert answer.text == SAID
    [event] = ledger.charges
    assert (event.input_tokens, event.output_tokens, event.is_estimated) == (11, 22, False)
    assert ledger.charged == 19_800


@plain_and_stream
async def test_what_openrouter_takes_for_a_call_is_not_our_price(
    client: GatewayClient, places: Places, ledger: FakeLedger, is_stream: bool
) -> None:
    places.add("openrouter", "ok")

    answer = await client.chat("Hello", stream=is_stream)

    assert (answer.text, ledger.charged) == (SAID, 19_800)
    assert b"PROCESSING" not in answer.raw
    assert b"12.5" not in answer.raw


@plain_and_stream
@pytest.mark.parametrize("vendor", ["deepseek", "groq", "ollama", "openrouter", "vllm"])
async def test_thoughts_arrive_under_one_name(
    client: GatewayClient, places: Places, vendor: str, is_stream: bool
) -> None:
    places.add(vendor, "thinks")

    answer = await client.chat("Hello", model="thinks", stream=is_stream)

    assert (_thought_in(answer), answer.text) == (THOUGHT, SAID)


@pytest.mark.parametrize("vendor", ["openrouter", "vllm"])
async def test_refusal_in_the_middle_of_a_stream_is_no_end(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str
) -> None:
    places.add(vendor, "breaks")

    answer = await client.stream("Hello", model="breaks").done()

    assert answer.status == 200
    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    assert answer.text.startswith("word00 word01 ")
    [event] = ledger.charges
    assert (event.outcome, event.is_estimated) == ("error", True)
    assert 0 < ledger.charged < 19_800


@plain_and_stream
@pytest.mark.parametrize("vendor", WIRES)
async def test_model_that_is_not_there_is_a_fault_of_the_deployment(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str, is_stream: bool
) -> None:
    """Some vendors call it a bad request, which would be the caller's fault, and final."""
    places.add(vendor, "unknown-model")

    answer = await client.chat("Hello", model="unknown-model", stream=is_stream)

    assert (answer.status, answer.error["code"]) == (502, "upstream_misconfigured")
    assert ledger.charged == 0


@pytest.mark.parametrize(
    ("vendor", "model", "status", "code"),
    [
        ("azure", "filtered", 400, "content_policy_violation"),
        ("openrouter", "filtered", 400, "content_policy_violation"),
        ("mistral", "too-long", 400, "context_length_exceeded"),
        ("deepseek", "too-long", 400, "context_length_exceeded"),
        ("vllm", "too-long", 400, "context_length_exceeded"),
        ("groq", "tool-failed", 400, "upstream_rejected"),
        ("deepseek", "unpaid", 502, "upstream_misconfigured"),
        ("openrouter", "unpaid", 502, "upstream_misconfigured"),
        ("openrouter", "limited-inside", 429, "upstream_rate_limited"),
    ],
)
async def test_refusals_mean_what_the_vendor_means(
    client: GatewayClient, places: Places, ledger: FakeLedger, vendor: str, model: str,
    status: int, code: str,
) -> None:  # fmt: skip
    places.add(vendor, model)

    answer = await client.chat("Hello", model=model)

    assert (answer.status, answer.error["code"]) == (status, code)
    assert ledger.charged == 0
    assert not ledger.holds


async def test_words_of_a_refusal_reach_the_caller(client: GatewayClient, places: Places) -> None:
    places.add("mistral", "ok")

    answer = await client.chat("Hello", logprobs=True)

    assert (answer.status, answer.error["code"]) == (400, "upstream_rejected")
    assert answer.error["message"] == "logprobs: Extra inputs are not permitted."


async def test_mistral_gets_what_it_knows_by_its_own_names(
    client: GatewayClient, places: Places, vendors: FakeVendors
) -> None:
    places.add("mistral", "tools")
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "name": "robin", "content": "Where?"},
    ]

    answer = await client.post(
        "/v1/chat/completions",
        {
            "model": "tools", "messages": messages, "tools": TOOLS, "tool_choice": FORCED,
            "seed": 7, "max_completion_tokens": 50, "presence_penalty": 0.5, "user": "robin",
            "stream": True,
        },
    )  # fmt: skip

    assert answer.status == 200, answer.raw
    [seen] = vendors.seen
    assert seen.body == {
        "model": "tools",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Where?"},
        ],
        "tools": TOOLS,
        "tool_choice": FORCED,
        "random_seed": 7,
        "max_tokens": 50,
        "presence_penalty": 0.5,
        "stream": True,
    }


@pytest.mark.parametrize(
    ("vendor", "role"),
    [("azure", "developer"), ("deepseek", "system"), ("ollama", "system"), ("vllm", "system")],
)
async def test_role_of_developers_is_the_system_s_where_nobody_knows_it(
    client: GatewayClient, places: Places, vendors: FakeVendors, vendor: str, role: str
) -> None:
    places.add(vendor, "ok")
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]

    answer = await client.post("/v1/chat/completions", {"model": "ok", "messages": messages})

    assert answer.status == 200
    assert [each["role"] for each in vendors.seen[0].body["messages"]] == [role, "user"]


async def test_azure_is_called_at_its_own_address_with_its_own_header(
    client: GatewayClient, places: Places, vendors: FakeVendors
) -> None:
    places.add("azure", "ok")

    await client.chat("Hello", max_tokens=50)

    [seen] = vendors.seen
    assert seen.path == (
        "/azure/openai/deployments/ok/chat/completions?api-version=2025-04-01-preview"
    )
    assert "authorization" not in seen.headers
    assert seen.headers["api-key"] == "sk-canary-upstream-1234567890"
    assert seen.body["max_completion_tokens"] == 50


async def test_healthy_deployment_answers_for_one_whose_vendor_wants_money(
    client: GatewayClient, directory: FakeDirectory, places: Places, ledger: FakeLedger
) -> None:
    unpaid = places.add("deepseek", "unpaid")
    healthy = places.add("openrouter", "ok")
    directory.llms["console"]["unpaid"] = replace(
        unpaid, alternatives=(replace(healthy.deployment, order=2),)
    )

    answer = await client.chat("Hello", model="unpaid")

    assert (answer.status, answer.text) == (200, SAID)
    assert ledger.charged == 19_800


@pytest.mark.parametrize(
    ("model", "outcome"),
    [
        ("ok", "ok"),
        ("wrong-key", "credential"),
        ("unknown-model", "unknown_model"),
        ("error-429", "limited"),
        ("error-500", "failed"),
        ("reset-first", "failed"),
        ("hangs", "timeout"),
    ],
)
@pytest.mark.parametrize("vendor", WIRES)
async def test_verdict_on_a_deployment(
    client: GatewayClient, places: Places, directory: FakeDirectory, vendor: str, model: str,
    outcome: str,
) -> None:  # fmt: skip
    llm = places.add(vendor, model, seconds=0.5)

    verdict = await _tested(client, directory, llm)

    assert verdict["outcome"] == outcome
    assert "canary" not in verdict["detail"]


@pytest.mark.parametrize("vendor", ["deepseek", "openrouter"])
async def test_verdict_where_the_vendor_wants_money(
    client: GatewayClient, places: Places, directory: FakeDirectory, vendor: str
) -> None:
    llm = places.add(vendor, "unpaid")

    verdict = await _tested(client, directory, llm)

    assert (verdict["outcome"], verdict["detail"][:12]) == ("unpaid", "Insufficient")


async def _tested(client: GatewayClient, directory: FakeDirectory, llm: Llm) -> dict[str, Any]:
    ticket = ProbeTicket(directory.account.id, llm.id).signed()
    return dict((await client.post(PATH, {"ticket": ticket})).body)


def _thought_in(answer: Answer) -> str:
    if not answer.raw.startswith(b"data:"):
        return str(answer.body["choices"][0]["message"].get("reasoning_content"))
    return "".join(
        choice["delta"].get("reasoning_content") or ""
        for event in answer.events
        if isinstance(event, dict)
        for choice in event.get("choices", ())
    )
