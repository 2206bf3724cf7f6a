"""A call over the wire to a provider: plain, streamed, with tools."""

from decimal import Decimal

import pytest

from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("lane", ["fast", "litellm"])]

# 11 input tokens at 2 and 22 output tokens at 8 US dollars a million: 198 millionths of a dollar,
# at 100 credits a dollar.
COST_USD = Decimal("0.000198")
MICROCREDITS = 19_800

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "lookup",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


async def test_plain_call_is_answered_and_charged_by_our_own_price(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    answer = await client.chat("Hello")

    assert answer.status == 200
    assert answer.text.startswith("word00 word01 ")
    assert answer.body["model"] == "ok"
    assert answer.body["object"] == "chat.completion"
    assert answer.body["usage"]["total_tokens"] == 33
    [event] = ledger.charges
    assert (event.outcome, event.cost_usd, event.input_tokens) == ("ok", COST_USD, 11)
    assert event.deployment == "openai/ok"
    assert not event.is_estimated
    assert ledger.charged == MICROCREDITS
    assert not ledger.holds


async def test_response_says_which_request_it_was_and_what_it_cost(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    answer = await client.chat("Hello")

    [request_id] = ledger.events
    assert answer.headers["x-request-id"] == str(request_id)
    assert answer.headers["x-cockpit-credits-charged"] == "0.0198"
    assert answer.body["id"] == f"chatcmpl-{request_id.hex}"


async def test_stream_keeps_its_id_and_ends_with_done(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    answer = await client.stream("Hello").done()

    chunks = [event for event in answer.events if isinstance(event, dict)]
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == "".join(upstream.words)
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert {chunk["model"] for chunk in chunks} == {"ok"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert all("usage" not in chunk for chunk in chunks)
    assert answer.events[-1] == "[DONE]"
    assert ledger.charged == MICROCREDITS
    assert b": credits-charged 0.0198" in answer.raw


async def test_usage_chunk_goes_to_a_client_that_asked_for_it(
    client: GatewayClient, upstream: FakeUpstream
) -> None:
    answer = await client.stream("Hello", stream_options={"include_usage": True}).done()

    *before, last, done = answer.events
    assert done == "[DONE]"
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 11
    assert all(chunk["usage"] is None for chunk in before)


async def test_provider_is_always_asked_for_usage_and_told_the_limit(
    client: GatewayClient, upstream: FakeUpstream
) -> None:
    await client.stream("Hello").done()

    [seen] = upstream.seen
    assert seen.body["stream_options"] == {"include_usage": True}
    assert seen.body["max_tokens"] == 4000
    assert seen.headers["authorization"] == "Bearer sk-canary-upstream-1234567890"


async def test_fields_that_steer_litellm_never_reach_it(
    client: GatewayClient, upstream: FakeUpstream
) -> None:
    answer = await client.chat(
        "Hello",
        api_base="http://evil.example",
        api_key="mine",
        metadata={"a": 1},
        fallbacks=["other"],
        mock_response="free lunch",
        service_tier="priority",
    )

    [seen] = upstream.seen
    assert set(seen.body) == {"model", "messages", "max_tokens"}
    assert answer.text.startswith("word00")
    assert answer.headers["x-cockpit-ignored"] == (
        "api_base, api_key, fallbacks, metadata, mock_response, service_tier"
    )


async def test_tools_pass_through_plain(client: GatewayClient, upstream: FakeUpstream) -> None:
    answer = await client.chat("Weather?", model="tools", tools=TOOLS)

    [choice] = answer.body["choices"]
    [call] = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"] == {"name": "lookup", "arguments": '{"city": "Oslo"}'}
    assert upstream.seen[0].body["tools"] == TOOLS


async def test_tools_pass_through_streamed(client: GatewayClient, upstream: FakeUpstream) -> None:
    answer = await client.stream("Weather?", model="tools", tools=TOOLS).done()

    deltas = [
        call
        for event in answer.events
        if isinstance(event, dict)
        for choice in event["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert deltas[0]["id"] == "call_1"
    assert deltas[0]["function"]["name"] == "lookup"
    assert "".join(call["function"]["arguments"] for call in deltas) == '{"city": "Oslo"}'


async def test_embeddings(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    answer = await client.post("/v1/embeddings", {"model": "embed", "input": ["a", "b"]})

    assert [entry["embedding"] for entry in answer.body["data"]] == [[0.6, 0.8], [0.6, 0.8]]
    assert answer.body["usage"] == {"prompt_tokens": 11, "total_tokens": 11}
    assert ledger.charged == 2_200


async def test_embeddings_in_base64(client: GatewayClient, upstream: FakeUpstream) -> None:
    answer = await client.post(
        "/v1/embeddings", {"model": "embed", "input": "a", "encoding_format": "base64"}
    )

    assert answer.body["data"][0]["embedding"] == "mpkZP83MTD8="


async def test_images_are_charged_each(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    answer = await client.post("/v1/images/generations", {"model": "draw", "prompt": "A cat"})

    assert answer.body["data"] == [{"b64_json": "aGk="}]
    [event] = ledger.charges
    # One image, and two or three tokens of prompt as we count them: the provider says nothing.
    assert Decimal("0.04") < event.cost_usd < Decimal("0.0401")


async def test_models_lists_what_would_be_admitted(
    client: GatewayClient, directory: FakeDirectory
) -> None:
    directory.add_llm("unpriced", price=None)
    directory.add_llm("other-product", product="copilot")

    answer = await client.get("/v1/models")

    names = [model["id"] for model in answer.body["data"]]
    assert names == ["demo-chat", "demo-embedding", "demo-image"]
    assert answer.body["data"][0]["object"] == "model"
    for name in names:
        assert (await client.get(f"/v1/models/{name}")).status == 200
    assert (await client.get("/v1/models/unpriced")).error["code"] == "model_not_found"
