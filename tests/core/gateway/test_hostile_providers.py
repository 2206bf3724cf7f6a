"""Providers that an account runs itself, and that mean harm: to the books, to guards, to others."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import orjson
import pytest
import pytest_asyncio
from aiohttp import web

from core.gateway.egress import EgressRule
from core.gateway.gateway import Gateway
from core.gateway.ports import Secret
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio

SPOKEN = "Write to mia@acme.example today."


@dataclass(slots=True)
class Provider:
    """Answers with what a test has put down: a body, or the lines of a stream."""

    body: Any = None
    content_type: str = "application/json"
    chunks: list[Any] = field(default_factory=list)
    # A stream then stays open until the client leaves.
    hangs: bool = False
    calls: int = 0
    url: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        # What hangs ends when its client leaves, and not only when the test has waited for it.
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if not self.chunks:
            raw = self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)
            return web.Response(body=raw, headers={"content-type": self.content_type})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for chunk in self.chunks:
            raw = chunk if isinstance(chunk, bytes) else orjson.dumps(chunk)
            await response.write(raw if chunk is raw else b"data: " + raw + b"\n\n")
        if self.hangs:
            await asyncio.sleep(30)
        await response.write(b"data: [DONE]\n\n")
        return response


@pytest_asyncio.fixture
async def provider(directory: FakeDirectory) -> AsyncIterator[Provider]:
    async with Provider() as provider:
        directory.add_llm("own", api_base=provider.url)
        yield provider


def an_answer(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"model": "own", "choices": [choice], **more}


def a_chunk(text: str, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"model": "own", "choices": [choice], **more}


def usage(read: int, written: int) -> dict[str, int]:
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


async def test_claimed_model_goes_into_no_ledger_that_cannot_take_it(
    client: GatewayClient, provider: Provider, ledger: FakeLedger
) -> None:
    # Postgres refuses NUL, and a settlement that it refuses would never be made.
    provider.body = {**an_answer({"content": "Hello"}), "model": "a\x00b" * 500}

    assert (await client.chat("Hello", model="own")).status == 200

    [event] = ledger.charges
    assert "\x00" not in event.upstream_model
    assert len(event.upstream_model) <= 200


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Upstream is overloaded", "code": 502}},
        {"model": "own", "choices": []},
        {},
        {"choices": "none"},
    ],
)
async def test_answer_without_an_answer_costs_nothing_and_the_next_place_is_asked(
    client: GatewayClient,
    provider: Provider,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    body: Any,
) -> None:
    provider.body = body

    refused = await client.chat("Hello", model="own")

    assert refused.status == 502
    assert ledger.charged == 0
    llm = directory.llms["console"]["own"]
    other = replace(llm.deployment, api_base=upstream.url, upstream_model="ok", order=2)
    directory.llms["console"]["own"] = replace(llm, alternatives=(other,))
    directory.version += 1
    ledger.policy_version = directory.version
    assert (await client.chat("Hello", model="own")).status == 200


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "text", "text": SPOKEN}]},
        {"content": None, "tool_calls": [
            {"id": "1", "function": {"name": "mail", "arguments": {"to": "mia@acme.example"}}}
        ]},
        {"content": "See", "annotations": [{"url_citation": {"title": SPOKEN}}]},
    ],
)  # fmt: skip
async def test_text_in_another_shape_is_guarded_and_counted(
    client: GatewayClient,
    provider: Provider,
    directory: FakeDirectory,
    ledger: FakeLedger,
    message: dict[str, Any],
) -> None:
    directory.bind("mask", "output")
    provider.body = an_answer(message)

    answer = await client.chat("Hello", model="own")

    assert answer.status == 200
    assert b"mia@acme.example" not in answer.raw
    assert b"<EMAIL>" in answer.raw
    [event] = ledger.charges
    assert event.output_tokens > 0


@pytest.mark.parametrize("is_left", [True, False])
async def test_figures_from_the_beginning_of_a_stream_do_not_pay_for_its_rest(
    client: GatewayClient, gateway: Gateway, provider: Provider, ledger: FakeLedger, is_left: bool
) -> None:
    first = a_chunk("word ", usage=usage(5, 1))
    provider.chunks = [first, *(a_chunk("word ") for _ in range(50))]
    provider.hangs = is_left

    exchange = client.stream("Hello", model="own")
    if is_left:
        await exchange.until('"word "')
        await asyncio.sleep(0.1)
        exchange.hang_up()
    await exchange.done()

    await gateway.stop()
    [event] = ledger.charges
    assert event.input_tokens == 5
    assert event.output_tokens >= 40
    assert event.is_estimated


LINES = (
    b': a comment\r\nevent: chunk\r\ndata:{"model": "own",\r\n'
    b'data: "choices": [{"index": 0, "delta": {"content": "One"}}]}\r\n\r\n',
    # No empty line after it, and cut in the middle of one.
    b'id: 2\ndata: {"choices": [{"index": 0, "delta": {"content": " two"}}]}\ndata: {"choi',
    b'ces": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n: keep-alive\n\n\n',
    b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}\n\n',
)


async def test_events_are_read_as_the_standard_has_them(
    client: GatewayClient, provider: Provider, ledger: FakeLedger
) -> None:
    provider.chunks = [*LINES]

    answer = await client.stream("Hello", model="own").done()

    assert answer.text == "One two"
    assert answer.events[-1] == "[DONE]"
    [event] = ledger.charges
    assert (event.input_tokens, event.output_tokens) == (9, 2)


async def test_provider_that_answers_a_stream_as_a_whole_is_heard_and_paid(
    client: GatewayClient, provider: Provider, ledger: FakeLedger
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    said = {"content": "Hello", "tool_calls": [call]}
    provider.body = an_answer(said, usage=usage(7, 5))

    answer = await client.stream("Hello", model="own").done()

    assert answer.text == "Hello"
    deltas = [each["delta"] for event in answer.events[:-1] for each in event["choices"]]
    [called] = [one for delta in deltas for one in delta.get("tool_calls") or ()]
    assert called == {"index": 0, **call}
    [event] = ledger.charges
    assert (event.input_tokens, event.output_tokens) == (7, 5)


async def test_stream_far_beyond_its_limit_is_left_and_charged(
    client: GatewayClient, provider: Provider, ledger: FakeLedger
) -> None:
    provider.chunks = [a_chunk("word " * 1_000) for _ in range(50)]
    provider.hangs = True

    answer = await client.stream("Hello", model="own", max_tokens=10).done()

    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    [event] = ledger.charges
    assert 4_000 < event.output_tokens < 8_000


async def test_event_that_never_becomes_whole_fails_the_call(
    client: GatewayClient, provider: Provider, ledger: FakeLedger
) -> None:
    provider.chunks = [a_chunk("One"), b'data: {"choices": [{"delta": {\ndata: "content"\n\n']

    answer = await client.stream("Hello", model="own").done()

    assert answer.events[-1]["error"]["code"] == "upstream_failed"
    [event] = ledger.charges
    assert event.outcome == "error"
    assert event.is_estimated


async def test_tool_calls_without_a_place_stay_two(
    client: GatewayClient, provider: Provider
) -> None:
    calls = [
        {"id": f"c{number}", "function": {"name": f"tool{number}", "arguments": "{}"}}
        for number in (1, 2)
    ]
    delta = {"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}
    provider.chunks = [{"model": "own", "choices": [delta]}]

    answer = await client.stream("Hello", model="own").done()

    found = answer.events[0]["choices"][0]["delta"]["tool_calls"]
    assert [(call["index"], call["function"]["name"]) for call in found] == [
        (0, "tool1"),
        (1, "tool2"),
    ]


async def test_figures_beside_the_last_words_count_as_they_are(
    client: GatewayClient, provider: Provider, ledger: FakeLedger
) -> None:
    provider.chunks = [a_chunk("word ", usage=usage(5, 1)), a_chunk("word", usage=usage(5, 2))]

    await client.stream("Hello", model="own").done()

    [event] = ledger.charges
    assert (event.input_tokens, event.output_tokens, event.is_estimated) == (5, 2, False)


LONG = "The quick brown fox jumps over the lazy dog. " * 40


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("is_own", "reported", "read", "written"),
    [
        # Nobody can have used so much: wallets are not overrun.
        (True, (50_000_000, 50_000_000), (300, 600), (100, 1_000)),
        (False, (50_000_000, 50_000_000), (300, 600), (100, 1_000)),
        # A server of the account's own does not get below the platform's least price.
        (True, (1, 1), (300, 600), (300, 600)),
        # What another tokenizer may make of it, and a vendor may have thought unseen.
        (False, (1_200, 90), (1_200, 1_200), (90, 90)),
        (True, (300, 300), (300, 300), (300, 300)),
    ],
)
async def test_figures_that_cannot_be_true_are_not_charged(
    client: GatewayClient,
    provider: Provider,
    directory: FakeDirectory,
    ledger: FakeLedger,
    is_stream: bool,
    is_own: bool,
    reported: tuple[int, int],
    read: tuple[int, int],
    written: tuple[int, int],
) -> None:
    if is_own:
        run_by_the_account(directory, "own")
    details = {"prompt_tokens_details": {"audio_tokens": 50_000_000, "cached_tokens": 0}}
    provider.body = an_answer({"content": LONG}, usage={**usage(*reported), **details})
    if is_stream:
        provider.chunks = [
            a_chunk(LONG),
            {"model": "own", "choices": [], "usage": usage(*reported)},
        ]

    await client.chat(LONG, model="own", stream=is_stream, max_tokens=1_000)

    [event] = ledger.charges
    assert read[0] <= event.input_tokens <= read[1]
    assert written[0] <= event.output_tokens <= written[1]
    assert event.is_estimated is ((event.input_tokens, event.output_tokens) != reported)
    # 2 and 8 US dollars a million, whatever kind the provider says they are.
    assert event.cost_usd * 1_000_000 == event.input_tokens * 2 + event.output_tokens * 8


@pytest.mark.parametrize("is_own", [False, True])
@pytest.mark.parametrize(
    ("says", "tokens"),
    [
        # A megabyte at 128 kbit/s is a minute and two seconds.
        ({"duration": 62.5}, 625),
        ({"usage": {"type": "duration", "seconds": 63}}, 630),
        # At 64 kbit/s it would be two.
        ({}, 1_250),
        ({"duration": "NaN"}, 1_250),
        ({"duration": 600_000}, 1_250),
    ],
)
async def test_squeezed_sound_is_as_long_as_somebody_says_or_as_is_usual(
    client: GatewayClient,
    provider: Provider,
    directory: FakeDirectory,
    ledger: FakeLedger,
    is_own: bool,
    says: dict[str, Any],
    tokens: int,
) -> None:
    directory.add_llm("hear", kind="transcription", api_base=provider.url)
    if is_own:
        run_by_the_account(directory, "hear")
    provider.body = {"text": "Hello", **says}
    form = (
        b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n'
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'
        + b"\xff\xfb\x90\x00" * 250_000
        + b"\r\n--x--\r\n"
    )

    answer = await client.open(
        "/v1/audio/transcriptions",
        raw=form,
        headers={"content-type": "multipart/form-data; boundary=x"},
    ).done()

    assert answer.status == 200
    [event] = ledger.charges
    assert event.input_tokens == tokens


def run_by_the_account(directory: FakeDirectory, name: str) -> None:
    """Let the account have typed in the address of an LLM."""
    llm = directory.llms["console"][name]
    egress = EgressRule(networks=("127.0.0.0/8",), allows_http=True)
    deployment = replace(llm.deployment, egress=egress)
    directory.llms["console"][name] = replace(llm, deployment=deployment)
    directory.version += 1


async def test_speech_is_sound_whatever_the_provider_calls_it(
    client: GatewayClient, provider: Provider, directory: FakeDirectory
) -> None:
    directory.add_llm("say", kind="speech", api_base=provider.url)
    provider.body, provider.content_type = b"<script>", "text/html"

    answer = await client.post(
        "/v1/audio/speech", {"model": "say", "input": "Hello", "voice": "alloy"}
    )

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"


async def test_address_that_may_no_longer_be_called_hands_on_to_the_next_place(
    client: GatewayClient, provider: Provider, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    llm = directory.llms["console"]["own"]
    inside = replace(llm.deployment, egress=EgressRule())
    other = replace(llm.deployment, api_base=upstream.url, upstream_model="ok", order=2)
    directory.llms["console"]["own"] = replace(llm, deployment=inside, alternatives=(other,))

    answer = await client.chat("Hello", model="own")

    assert answer.status == 200
    assert provider.calls == 0


@pytest.mark.parametrize("lane", ["litellm"])
async def test_credential_that_names_a_variable_of_ours_is_never_looked_up(
    client: GatewayClient,
    provider: Provider,
    directory: FakeDirectory,
    monkeypatch: pytest.MonkeyPatch,
    lane: str,
) -> None:
    monkeypatch.setenv("COCKPIT_CANARY", "canary-of-the-process")
    llm = directory.llms["console"]["own"]
    thief = replace(llm.deployment, api_key=Secret("os.environ/COCKPIT_CANARY"))
    directory.llms["console"]["own"] = replace(llm, deployment=thief)

    answer = await client.chat("Hello", model="own")

    assert answer.status == 502
    assert provider.calls == 0
