"""Every path by the official SDKs, unchanged: each guarded, reserved, charged and recorded."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
import pytest_asyncio
from starlette.types import ASGIApp

from core.gateway.gateway import Gateway
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import MIA, PRICE, FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("lane", ["fast", "litellm"])]

SAID = "".join(f"word{number:02d} " for number in range(20))
# 11 tokens in and 22 out, at 2 and 8 dollars a million and 100 credits a dollar.
CHARGE = 19_800
HELLO: Any = [{"role": "user", "content": "Hello"}]
LOOKUP = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest_asyncio.fixture
async def http(client: GatewayClient) -> AsyncIterator[httpx.AsyncClient]:
    app: ASGIApp = client._app
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        yield http


@pytest.fixture
def sdk(http: httpx.AsyncClient, upstream: FakeUpstream) -> openai.AsyncOpenAI:
    assert upstream.port
    return openai.AsyncOpenAI(
        base_url="http://gateway/v1", api_key=MIA, http_client=http, max_retries=0
    )


@pytest_asyncio.fixture
async def claude(
    client: GatewayClient, upstream: FakeUpstream
) -> AsyncIterator[anthropic.AsyncAnthropic]:
    assert upstream.port
    # Anthropic's SDK stands on the next generation of the same library.
    transport = httpx2.ASGITransport(client._app)
    async with httpx2.AsyncClient(transport=transport) as http:
        yield anthropic.AsyncAnthropic(
            base_url="http://gateway", api_key=MIA, http_client=http, max_retries=0
        )


# -- responses -------------------------------------------------------------------------------------


async def test_response(
    sdk: openai.AsyncOpenAI, ledger: FakeLedger, upstream: FakeUpstream
) -> None:
    answer = await sdk.responses.create(
        model="ok", instructions="Be brief.", input="Hello", max_output_tokens=50
    )

    assert (answer.status, answer.output_text, answer.model) == ("completed", SAID, "ok")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 22)
    assert ledger.charged == CHARGE
    [seen] = upstream.seen
    assert seen.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert seen.body["max_tokens"] == 50


async def test_response_streamed(sdk: openai.AsyncOpenAI, ledger: FakeLedger) -> None:
    kinds, text, final = [], "", None
    async for each in await sdk.responses.create(model="ok", input="Hello", stream=True):
        kinds.append(each.type)
        if each.type == "response.output_text.delta":
            text += each.delta
        if each.type == "response.completed":
            final = each.response

    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert final is not None
    assert (text, final.output_text) == (SAID, SAID)
    assert final.usage is not None
    assert final.usage.total_tokens == 33
    assert ledger.charged == CHARGE


@pytest.mark.parametrize("is_stream", [False, True])
async def test_response_calls_a_tool(sdk: openai.AsyncOpenAI, is_stream: bool) -> None:
    tools: Any = [{"type": "function", "name": "lookup", "parameters": LOOKUP, "strict": False}]
    asked: dict[str, Any] = {"model": "tools", "input": "Where?", "tools": tools}
    if is_stream:
        async with sdk.responses.stream(**asked) as stream:
            answer: Any = await stream.get_final_response()
    else:
        answer = await sdk.responses.create(**asked)

    [call] = answer.output
    assert (call.type, call.name, call.arguments) == ("function_call", "lookup", '{"city": "Oslo"}')

    # The next turn: what was called and what came of it.
    after = await sdk.responses.create(
        model="ok",
        tools=tools,
        input=[
            {"role": "user", "content": "Where?"},
            {
                "type": "function_call",
                "call_id": call.call_id,
                "name": call.name,
                "arguments": call.arguments,
            },
            {"type": "function_call_output", "call_id": call.call_id, "output": "Norway"},
        ],
    )
    assert after.output_text == SAID


@pytest.mark.parametrize(
    "body",
    [
        {"previous_response_id": "resp_1"},
        {"background": True},
        {"tools": [{"type": "web_search"}]},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        {"input": 7},
        {"text": {"format": {"type": "grammar"}}},
    ],
)
async def test_response_that_cannot_be_given_says_why(
    client: GatewayClient, upstream: FakeUpstream, ledger: FakeLedger, body: dict[str, Any]
) -> None:
    answer = await client.post("/v1/responses", {"model": "ok", "input": "Hello", **body})

    assert (answer.status, answer.error["code"]) == (400, "invalid_request")
    assert not upstream.seen
    assert ledger.charged == 0


# -- completions -----------------------------------------------------------------------------------


async def test_completion(sdk: openai.AsyncOpenAI, ledger: FakeLedger) -> None:
    answer = await sdk.completions.create(model="ok", prompt="Hello", max_tokens=50)
    assert (answer.object, answer.choices[0].text) == ("text_completion", SAID)
    assert answer.usage is not None
    assert answer.usage.total_tokens == 33

    text = ""
    async for chunk in await sdk.completions.create(model="ok", prompt=["Hello"], stream=True):
        text += chunk.choices[0].text
    assert text == SAID
    assert ledger.charged == 2 * CHARGE


# -- messages --------------------------------------------------------------------------------------


async def test_message(
    claude: anthropic.AsyncAnthropic, ledger: FakeLedger, upstream: FakeUpstream
) -> None:
    answer = await claude.messages.create(
        model="ok", max_tokens=50, system="Be brief.", messages=HELLO, stop_sequences=["END"]
    )

    assert (answer.type, answer.role, answer.model) == ("message", "assistant", "ok")
    [block] = answer.content
    assert block.type == "text"
    assert (block.text, answer.stop_reason) == (SAID, "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 22)
    assert ledger.charged == CHARGE
    [seen] = upstream.seen
    assert seen.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (seen.body["max_tokens"], seen.body["stop"]) == (50, ["END"])


async def test_message_streamed(claude: anthropic.AsyncAnthropic, ledger: FakeLedger) -> None:
    async with claude.messages.stream(model="ok", max_tokens=50, messages=HELLO) as stream:
        kinds = [each.type async for each in stream]
        answer = await stream.get_final_message()

    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    [block] = answer.content
    assert block.type == "text"
    assert (block.text, answer.stop_reason) == (SAID, "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 22)
    assert ledger.charged == CHARGE


@pytest.mark.parametrize("is_stream", [False, True])
async def test_message_calls_a_tool(
    claude: anthropic.AsyncAnthropic, upstream: FakeUpstream, is_stream: bool
) -> None:
    tools: Any = [{"name": "lookup", "description": "Finds", "input_schema": LOOKUP}]
    asked: dict[str, Any] = {
        "model": "tools", "max_tokens": 50, "messages": HELLO, "tools": tools,
        "tool_choice": {"type": "any"},
    }  # fmt: skip
    if is_stream:
        async with claude.messages.stream(**asked) as stream:
            answer = await stream.get_final_message()
    else:
        answer = await claude.messages.create(**asked)

    [block] = answer.content
    assert block.type == "tool_use"
    assert (block.name, block.input, answer.stop_reason) == ("lookup", {"city": "Oslo"}, "tool_use")
    assert upstream.seen[0].body["tool_choice"] == "required"

    result: Any = [{"type": "tool_result", "tool_use_id": block.id, "content": "Norway"}]
    after = await claude.messages.create(
        model="ok",
        max_tokens=50,
        tools=tools,
        messages=[
            *HELLO,
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [*result, {"type": "text", "text": "And now?"}]},
        ],
    )
    assert after.stop_reason == "end_turn"
    roles = [message["role"] for message in upstream.seen[-1].body["messages"]]
    assert roles == ["user", "assistant", "tool", "user"]


async def test_message_with_an_image(
    claude: anthropic.AsyncAnthropic, upstream: FakeUpstream
) -> None:
    source: Any = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    await claude.messages.create(
        model="ok",
        max_tokens=50,
        messages=[{"role": "user", "content": [{"type": "image", "source": source}]}],
    )

    [part] = upstream.seen[0].body["messages"][0]["content"]
    assert part["image_url"]["url"] == "data:image/png;base64,aGk="


async def test_errors_of_messages_have_anthropic_s_shape(
    claude: anthropic.AsyncAnthropic,
    http: httpx.AsyncClient,
    directory: FakeDirectory,
    upstream: FakeUpstream,
    ledger: FakeLedger,
) -> None:
    directory.add_llm("error-429", api_base=upstream.url)
    wrong = claude.with_options(api_key="ck_acme_nobody-and-some-more-letters")
    with pytest.raises(anthropic.AuthenticationError) as refused:
        await wrong.messages.create(model="ok", max_tokens=5, messages=HELLO)
    assert refused.value.body["type"] == "error"  # type: ignore[index]
    with pytest.raises(anthropic.NotFoundError):
        await claude.messages.create(model="gone", max_tokens=5, messages=HELLO)
    with pytest.raises(anthropic.RateLimitError):
        await claude.messages.create(model="error-429", max_tokens=5, messages=HELLO)
    ledger.free = 0
    with pytest.raises(anthropic.APIStatusError) as broke:
        await claude.messages.create(model="ok", max_tokens=5, messages=HELLO)
    assert broke.value.status_code == 402
    raw = await http.post("http://gateway/v1/messages", json={}, headers={"x-api-key": MIA})
    assert (raw.status_code, raw.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("path", ["messages", "responses", "completions", "chat"])
async def test_stream_that_breaks_ends_in_the_client_s_own_words(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    path: str,
) -> None:
    directory.add_llm("reset-middle", api_base=upstream.url)
    asked: dict[str, Any] = {"model": "reset-middle", "stream": True}
    bodies: dict[str, dict[str, Any]] = {
        "messages": {"messages": HELLO, "max_tokens": 50},
        "responses": {"input": "Hello"},
        "completions": {"prompt": "Hello"},
        "chat": {"messages": HELLO},
    }
    ends = {
        "messages": ("error", None),
        "responses": ("response.failed", None),
        "completions": (None, "upstream_failed"),
        "chat": (None, "upstream_failed"),
    }
    at = "/v1/chat/completions" if path == "chat" else f"/v1/{path}"

    answer = await client.post(at, {**asked, **bodies[path]})

    kind, code = ends[path]
    last = answer.events[-1]
    assert last.get("type") == kind
    assert code is None or last["error"]["code"] == code
    assert b"[DONE]" not in answer.raw
    [event] = ledger.charges
    assert (event.outcome, event.is_estimated) == ("error", True)
    assert ledger.charged > 0


@pytest.mark.parametrize("path", ["messages", "responses", "completions"])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_guardrails_look_at_every_dialect(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    path: str,
    is_stream: bool,
) -> None:
    directory.bind("mask", "input", "output")
    upstream.words = ["Ask mia@", "acme.ex", "ample now"]
    said = "I am theo@acme.example"
    bodies: dict[str, dict[str, Any]] = {
        "messages": {"messages": [{"role": "user", "content": said}], "max_tokens": 50},
        "responses": {"input": said},
        "completions": {"prompt": said},
    }

    answer = await client.post(f"/v1/{path}", {"model": "ok", "stream": is_stream, **bodies[path]})

    assert answer.status == 200
    assert b"theo@" not in str(upstream.seen[0].body).encode()
    assert b"mia@" not in answer.raw
    assert b"EMAIL" in answer.raw


# -- sound, reranking, moderation ------------------------------------------------------------------


async def test_speech(
    sdk: openai.AsyncOpenAI, directory: FakeDirectory, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    directory.add_llm("speak", kind="speech", api_base=upstream.url)

    answer = await sdk.audio.speech.create(model="speak", voice="alloy", input="x" * 1000)

    assert answer.content == b"sound"
    assert answer.response.headers["content-type"] == "audio/mpeg"
    # A token for a character: 1000 at 2 dollars a million and 100 credits a dollar.
    assert ledger.charged == 200_000


async def test_transcription(
    sdk: openai.AsyncOpenAI, directory: FakeDirectory, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    price = replace(PRICE, audio_input=Decimal(10))
    directory.add_llm("hear", kind="transcription", api_base=upstream.url, price=price)
    directory.bind("mask", "output")

    answer = await sdk.audio.transcriptions.create(
        model="hear", file=("talk.wav", b"sound" * 100), language="en"
    )
    text = await sdk.audio.transcriptions.create(
        model="hear", file=("talk.wav", b"sound" * 100), response_format="text"
    )

    assert "mia@" not in answer.text
    assert answer.text == str(text).strip()
    sent = upstream.seen[0].body
    assert (sent["file"], sent["language"], sent["model"]) == (500, "en", "hear")
    # Three seconds of ten tokens, at 10 dollars a million.
    if ledger.charges[0].is_estimated:
        assert ledger.charged > 0
    else:
        assert ledger.charged == 2 * 30_000


async def test_reranking_and_moderation(
    client: GatewayClient, directory: FakeDirectory, upstream: FakeUpstream, ledger: FakeLedger
) -> None:
    directory.add_llm("judge", kind="moderation", api_base=upstream.url)
    # LiteLLM speaks to rerankers by their vendors' own names.
    directory.add_llm("sort", kind="rerank", api_base=upstream.url, provider="hosted_vllm")
    verdict = await client.post("/v1/moderations", {"model": "judge", "input": "Hello there"})
    assert verdict.status == 200
    assert verdict.body["results"][0]["flagged"] is True
    assert ledger.charged > 0
    before = ledger.charged

    order = await client.post(
        "/v1/rerank", {"model": "sort", "query": "q", "documents": ["a", {"text": "b"}]}
    )
    assert order.status == 200
    assert [each["index"] for each in order.body["results"]] == [1, 0]
    assert ledger.charged > before
    assert [event.outcome for event in ledger.charges] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("audio/speech", {"model": "ok", "input": "x"}),
        ("audio/speech", {"model": "ok", "input": "x" * 5000, "voice": "alloy"}),
        ("rerank", {"model": "ok", "query": "q", "documents": []}),
        ("moderations", {"model": "ok"}),
        ("audio/transcriptions", {"model": "ok"}),
        ("completions", {"model": "ok", "prompt": ["a", "b"]}),
        ("messages", {"model": "ok", "messages": HELLO}),
    ],
)
async def test_bad_input_is_told_so(
    client: GatewayClient, gateway: Gateway, path: str, body: dict[str, Any]
) -> None:
    answer = await client.post(f"/v1/{path}", body)

    assert answer.status == 400
    assert answer.body["error"]["message"]
    assert gateway.calls == 0
