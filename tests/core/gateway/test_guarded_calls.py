"""Guardrails around a call: what the provider never sees, and what the client never gets."""

import json

import pytest

from core.guardrails import presets
from tests.core.gateway.client import GatewayClient
from tests.fakes.directory import FakeDirectory
from tests.fakes.ledger import FakeLedger
from tests.fakes.upstream import FakeUpstream

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("lane", ["fast", "litellm"])]

LETTER = "Write to ada@example.com or call +1 650 253 0000."


async def test_input_is_masked_before_it_leaves(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("mask", "input")

    answer = await client.chat(LETTER, user="ada@example.com")

    [seen] = upstream.seen
    assert seen.body["messages"][0]["content"] == "Write to <EMAIL> or call <PHONE>."
    assert "ada@example.com" not in json.dumps(seen.body)
    assert answer.headers["x-cockpit-guardrails"] == (
        "pii;stage=input;outcome=masked;found=EMAIL:2 PHONE:1"
    )
    [event] = ledger.charges
    [record] = event.guardrails
    assert record["outcome"] == "masked"
    assert record["found"] == {"EMAIL": 2, "PHONE": 1}
    assert "ada@example.com" not in json.dumps(record)


async def test_every_place_of_the_input_is_looked_at(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "input")
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "mail", "arguments": '{"to": "ada@example.com", "n": 6502530000}'},
    }
    body = {
        "model": "ok",
        "messages": [
            {"role": "system", "content": "You serve bob@example.com"},
            {"role": "user", "content": [{"type": "text", "text": "From cy@example.com"}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "Sent to dee@example.com"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "mail", "description": "For e@example.com"}}
        ],
    }

    await client.post("/v1/chat/completions", body)

    sent = json.dumps(upstream.seen[0].body)
    assert "@example.com" not in sent
    assert "6502530000" not in sent
    arguments = upstream.seen[0].body["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": "<EMAIL>", "n": "<PHONE>"}


async def test_secret_in_two_parts_is_one_secret(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "input")
    parts = [
        {"type": "text", "text": "Write to ada@exam"},
        {"type": "text", "text": "ple.com, pay with 4111 1111"},
        {"type": "text", "text": " 1111 1111."},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "text", "text": "Thanks."},
    ]
    output = {
        "role": "tool",
        "tool_call_id": "c1",
        "content": [{"type": "text", "text": "bob@exa"}, {"type": "text", "text": "mple.com"}],
    }
    call = {"id": "c1", "type": "function", "function": {"name": "mail", "arguments": "{}"}}
    body = {
        "model": "ok",
        "messages": [
            {"role": "user", "content": parts},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            output,
        ],
    }

    answer = await client.post("/v1/chat/completions", body)

    user, _, tool = upstream.seen[0].body["messages"]
    assert [part.get("text") for part in user["content"]] == [
        "Write to <EMAIL>, pay with <CREDIT_CARD>.",
        None,
        "Thanks.",
    ]
    assert tool["content"] == [{"type": "text", "text": "<EMAIL>"}]
    assert "found=CREDIT_CARD:1 EMAIL:2" in answer.headers["x-cockpit-guardrails"]


async def test_part_that_says_it_alone_says_it_beside_others(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "input")
    # Together the digits are no phone number; the second part by itself is.
    parts = [{"type": "text", "text": text} for text in ("Order 99999999", "+1 650 253 0000")]

    await client.post(
        "/v1/chat/completions",
        {"model": "ok", "messages": [{"role": "user", "content": parts}]},
    )

    sent = "".join(part["text"] for part in upstream.seen[0].body["messages"][0]["content"])
    assert "253" not in sent


async def test_parts_without_anything_to_find_stay_apart(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "input")
    parts = [{"type": "text", "text": text} for text in ("One @", "two 2", "three")]
    messages = [{"role": "user", "content": parts}, {"role": "user", "content": "a@example.com"}]

    await client.post("/v1/chat/completions", {"model": "ok", "messages": messages})

    assert upstream.seen[0].body["messages"][0]["content"] == parts
    assert upstream.seen[0].body["messages"][1]["content"] == "<EMAIL>"


async def test_names_and_keys_are_looked_at(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "input")
    arguments = '{"ada@example.com": 1, "bob@example.com": {"cy@example.com": [2]}, "n": 3}'
    function = {"name": "call_6502530000", "arguments": arguments}
    schema = {
        "type": "object",
        "properties": {"dee@example.com": {"type": "string"}},
        "required": ["dee@example.com"],
    }
    body = {
        "model": "ok",
        "messages": [
            {"role": "user", "content": "Go."},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "Done."},
        ],
        "tools": [
            {"type": "function", "function": {"name": "call-650-253-0000", "parameters": schema}}
        ],
        "tool_choice": {"type": "function", "function": {"name": "call-650-253-0000"}},
    }

    await client.post("/v1/chat/completions", body)

    sent = upstream.seen[0].body
    assert "example.com" not in json.dumps(sent)
    assert "0000" not in json.dumps(sent)
    called = sent["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(called) == {"<EMAIL>": 1, "<EMAIL>_": {"<EMAIL>": [2]}, "n": 3}
    [tool] = sent["tools"]
    assert tool["function"]["parameters"]["properties"] == {"<EMAIL>": {"type": "string"}}
    assert tool["function"]["parameters"]["required"] == ["<EMAIL>"]
    # As a provider takes it, and the same in both places.
    assert tool["function"]["name"] == sent["tool_choice"]["function"]["name"] == "call-PHONE"


async def test_key_that_stands_there_twice_hides_nothing(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "input")
    arguments = '{"to": "ada@example.com", "to": "nobody"}'
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Done."},
    ]

    await client.post("/v1/chat/completions", {"model": "ok", "messages": messages})

    sent = upstream.seen[0].body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"to": "nobody"}
    assert "ada@" not in sent


@pytest.mark.parametrize("is_stream", [True, False])
async def test_tool_call_of_an_answer_hides_nothing(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, is_stream: bool
) -> None:
    directory.bind("mask", "output")
    upstream.tool_arguments = '{"ada@example.com": {"cy@example.com": "x"}, "n": 6502530000}'
    tool = {"type": "function", "function": {"name": "call-650-253-0000", "parameters": {}}}

    if is_stream:
        answer = await client.stream(model="tools", tools=[tool]).done()
        choices = [choice for event in answer.events[:-1] for choice in event["choices"]]
        [call] = [call for each in choices for call in each["delta"].get("tool_calls", ())]
    else:
        answer = await client.chat(model="tools", tools=[tool])
        [call] = answer.body["choices"][0]["message"]["tool_calls"]

    assert call["function"]["name"] == "call-PHONE"
    assert json.loads(call["function"]["arguments"]) == {
        "<EMAIL>": {"<EMAIL>": "x"},
        "n": "<PHONE>",
    }


async def test_block_of_the_input_costs_nothing_and_leaves_a_verdict(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("block", "input")

    answer = await client.chat(LETTER)

    assert (answer.status, answer.error["code"]) == (400, "guardrail_blocked")
    assert answer.error["details"]["found"] == {"EMAIL": 1, "PHONE": 1}
    assert b"ada@" not in answer.raw
    assert not upstream.seen
    [event] = ledger.charges
    assert (event.outcome, event.guardrails[0]["outcome"]) == ("blocked", "blocked")
    assert ledger.charged == 0


async def test_flag_changes_nothing_and_is_recorded(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("flag", "input", "output")
    upstream.words = ["Ask ", "ada@exam", "ple.com ", "now."]

    answer = await client.stream(LETTER).done()

    assert upstream.seen[0].body["messages"][0]["content"] == LETTER
    assert answer.text == "Ask ada@example.com now."
    outcomes = [(record["stage"], record["outcome"]) for record in ledger.charges[0].guardrails]
    assert outcomes == [("input", "flagged"), ("output", "flagged")]


async def test_plain_answer_is_masked(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "output")
    upstream.words = ["Ask ", "ada@exam", "ple.com ", "now."]

    answer = await client.chat("Whom?")

    assert answer.text == "Ask <EMAIL> now."
    assert "outcome=masked;found=EMAIL:1" in answer.headers["x-cockpit-guardrails"]


async def test_streamed_answer_is_masked_wherever_the_chunks_part(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("mask", "output")
    text = "Ask ada@example.com, or pay with 4111 1111 1111 1111 today. Or call +1 650 253 0000!"
    upstream.words = list(text)

    answer = await client.stream("Whom?").done()

    assert answer.text == "Ask <EMAIL>, or pay with <CREDIT_CARD> today. Or call <PHONE>!"
    assert answer.events[-1] == "[DONE]"
    assert answer.events[-2]["choices"][0]["finish_reason"] == "stop"
    assert ledger.charges[0].guardrails[0]["found"] == {
        "CREDIT_CARD": 1,
        "EMAIL": 1,
        "PHONE": 1,
    }


async def test_blocked_stream_ends_before_what_was_found(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("block", "output")
    upstream.words = [
        "The first part is harmless. ",
        "Ask ada@",
        "example.com",
        " and others. ",
    ] + ["More words follow. "] * 10

    answer = await client.stream("Whom?").done()

    assert answer.text.startswith("The first part")
    assert "ada" not in answer.text
    assert answer.events[-1]["error"]["code"] == "guardrail_blocked"
    [event] = ledger.charges
    assert event.outcome == "blocked"
    assert event.output_tokens > 0
    assert ledger.charged > 0


async def test_blocked_plain_answer_is_charged(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("block", "output")
    upstream.words = ["Ask ada@example.com"]

    answer = await client.chat("Whom?")

    assert (answer.status, answer.error["code"]) == (400, "guardrail_blocked")
    assert b"ada" not in answer.raw
    assert ledger.charged == 19_800


async def test_streamed_tool_call_is_masked_as_json(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory
) -> None:
    directory.bind("mask", "output")
    tool = {"type": "function", "function": {"name": "lookup"}}

    answer = await client.stream(
        "[demo:chunk_ms=0] use lookup 'mail ada@example.com'",
        model="demo-chat",
        tools=[
            {
                **tool,
                "function": {
                    "name": "lookup",
                    "parameters": {
                        "type": "object",
                        "properties": {"text": {"type": "string"}, "email": {"type": "string"}},
                    },
                },
            }
        ],
    ).done()

    [call] = [
        call
        for event in answer.events[:-1]
        for choice in event["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert call["id"].startswith("call_")
    assert json.loads(call["function"]["arguments"]) == {"text": "mail <EMAIL>", "email": "<EMAIL>"}


async def test_strictest_guardrail_wins(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("flag", "input")
    directory.bind("mask", "input")
    directory.bind("block", "input")

    answer = await client.chat(LETTER)

    assert answer.error["code"] == "guardrail_blocked"
    assert not upstream.seen


class _Broken:
    """A check that cannot run."""

    slug = "broken"
    title = summary = "Broken"

    def clean_settings(self, settings: object) -> dict[str, object]:
        return {}

    def warm_up(self) -> None:
        pass

    def may_match(self, text: str) -> bool:
        return True

    def hold_from(self, text: str) -> int:
        return len(text)

    def find(self, text: str, settings: object) -> list[object]:
        raise RuntimeError("no")


@pytest.fixture
def _broken_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(presets._PRESETS, "broken", _Broken())


@pytest.mark.usefixtures("_broken_preset")
async def test_mandatory_guardrail_that_cannot_run_refuses(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("flag", "input", is_mandatory=True, preset="broken")

    answer = await client.chat("Hello")

    assert (answer.status, answer.error["code"]) == (503, "guardrail_unavailable")
    assert not upstream.seen
    assert ledger.charged == 0


@pytest.mark.usefixtures("_broken_preset")
@pytest.mark.parametrize("is_stream", [False, True])
async def test_other_guardrail_that_cannot_run_is_recorded(
    client: GatewayClient,
    upstream: FakeUpstream,
    directory: FakeDirectory,
    ledger: FakeLedger,
    is_stream: bool,
) -> None:
    directory.bind("block", "input", "output", preset="broken")

    answer = await client.chat("Hello", stream=is_stream)

    assert answer.status == 200
    assert answer.text == "".join(upstream.words)
    assert [record["outcome"] for record in ledger.charges[0].guardrails] == ["failed", "failed"]


@pytest.mark.usefixtures("_broken_preset")
async def test_mandatory_output_guardrail_that_cannot_run_cuts_the_stream(
    client: GatewayClient, upstream: FakeUpstream, directory: FakeDirectory, ledger: FakeLedger
) -> None:
    directory.bind("flag", "output", is_mandatory=True, preset="broken")

    answer = await client.stream("Hello").done()

    assert b"word00" not in answer.raw
    assert b"guardrail_unavailable" in answer.raw
    assert ledger.charges[0].outcome == "blocked"
    assert ledger.charged > 0
