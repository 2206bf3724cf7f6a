"""The demo provider: believable, labelled, and failing on demand."""

import base64
import json
import zlib

import pytest

from tests.core.gateway.client import Answer, GatewayClient
from tests.fakes.ledger import FakeLedger

pytestmark = pytest.mark.asyncio

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city"],
        },
    },
}


async def ask(client: GatewayClient, content: str, **extra: object) -> Answer:
    return await client.chat(content, model="demo-chat", **extra)


async def test_answer_says_that_it_is_a_demo(client: GatewayClient, ledger: FakeLedger) -> None:
    answer = await ask(client, "Explain how a Kanban board helps a support team")

    assert answer.text.startswith("Demo answer (demo-chat): ")
    assert "Kanban" in answer.text
    assert answer.body["system_fingerprint"] == "demo"
    assert answer.headers["x-cockpit-demo"] == "true"
    assert ledger.charged > 0
    assert ledger.charges[0].deployment == "demo/demo-chat"
    assert not ledger.charges[0].is_estimated


async def test_same_question_has_the_same_answer_streamed_or_not(client: GatewayClient) -> None:
    plain = await ask(client, "What is a ledger?")
    streamed = await ask(client, "What is a ledger?", stream=True)

    assert streamed.text == plain.text
    assert len(streamed.events) > 10
    assert streamed.events[0]["system_fingerprint"] == "demo"


async def test_tool_is_called_when_the_prompt_asks_for_it(client: GatewayClient) -> None:
    answer = await ask(client, "What is the weather in Oslo for 3 days?", tools=[WEATHER])

    [choice] = answer.body["choices"]
    [call] = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert json.loads(call["function"]["arguments"]) == {
        "city": "Oslo",
        "days": 3,
        "unit": "celsius",
    }


async def test_tool_is_not_called_otherwise(client: GatewayClient) -> None:
    answer = await ask(client, "Tell me a story", tools=[WEATHER])
    forbidden = await ask(client, "The weather?", tools=[WEATHER], tool_choice="none")
    required = await ask(client, "Tell me a story", tools=[WEATHER], tool_choice="required")

    assert answer.body["choices"][0]["finish_reason"] == "stop"
    assert forbidden.body["choices"][0]["finish_reason"] == "stop"
    assert required.body["choices"][0]["finish_reason"] == "tool_calls"


async def test_result_of_a_tool_is_answered(client: GatewayClient) -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
    }
    messages = [
        {"role": "user", "content": "What is the weather in Oslo? [demo:error=500]"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "12 degrees and rain"},
    ]

    answer = await client.post(
        "/v1/chat/completions", {"model": "demo-chat", "messages": messages, "tools": [WEATHER]}
    )

    assert "12 degrees and rain" in answer.text


async def test_structured_answers_fit_their_schema(client: GatewayClient) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {}}},
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}}

    answer = await ask(client, "Make a thing", response_format=wanted)

    assert set(json.loads(answer.text)) == {"name", "tags"}


async def test_limit_cuts_the_answer(client: GatewayClient) -> None:
    answer = await ask(client, "[demo:length=500] Tell me all", max_tokens=20)

    assert answer.body["choices"][0]["finish_reason"] == "length"
    assert answer.body["usage"]["completion_tokens"] <= 40


@pytest.mark.parametrize(
    ("directive", "status"),
    [("error=429", 429), ("error=500", 502), ("error=400", 400), ("error=timeout", 504)],
)
async def test_errors_on_demand(
    client: GatewayClient, ledger: FakeLedger, directive: str, status: int
) -> None:
    answer = await ask(client, f"Hello [demo:{directive}]")

    assert answer.status == status
    assert ledger.charged == 0


async def test_reset_on_demand(client: GatewayClient, ledger: FakeLedger) -> None:
    answer = await ask(client, "Hello [demo:reset=4]", stream=True)

    assert answer.text
    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    assert ledger.charged > 0


@pytest.mark.parametrize(
    "directive", ["length=-3", "length=x", "latency=nan", "nonsense=1", "error="]
)
async def test_nonsense_is_ignored(client: GatewayClient, directive: str) -> None:
    assert (await ask(client, f"Hello [demo:{directive}]")).status == 200


async def test_embeddings_are_unit_vectors_that_keep_words_close(client: GatewayClient) -> None:
    answer = await client.post(
        "/v1/embeddings",
        {
            "model": "demo-embedding",
            "input": ["red apple pie", "red apple tart", "quarterly report"],
            "dimensions": 64,
        },
    )

    first, second, third = (entry["embedding"] for entry in answer.body["data"])
    assert len(first) == 64
    assert sum(value * value for value in first) == pytest.approx(1)
    assert _dot(first, second) > _dot(first, third)


async def test_image_is_a_png(client: GatewayClient, ledger: FakeLedger) -> None:
    answer = await client.post(
        "/v1/images/generations",
        {"model": "demo-image", "prompt": "A cat", "n": 2, "size": "512x512"},
    )

    first, second = (base64.b64decode(entry["b64_json"]) for entry in answer.body["data"])
    assert first != second
    assert first.startswith(b"\x89PNG")
    assert int.from_bytes(first[16:20], "big") == 512
    at = first.index(b"IDAT")
    pixels = zlib.decompress(first[at + 4 : at + 4 + int.from_bytes(first[at - 4 : at], "big")])
    assert len(pixels) == 512 * (1 + 512 * 3)
    assert ledger.charges[0].cost_usd > 0


def _dot(left: list[float], right: list[float]) -> float:
    return sum(one * other for one, other in zip(left, right, strict=True))
