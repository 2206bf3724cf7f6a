"""Bad input gets a clear answer, never a 500, and never reaches a provider."""

import json
from typing import Any

import pytest

from core.gateway.bodies import read_chat, read_embedding, read_image
from core.gateway.errors import InvalidBody
from core.gateway.settings import GatewaySettings
from tests.core.gateway.client import GatewayClient
from tests.fakes.ledger import FakeLedger

HELLO = [{"role": "user", "content": "Hello"}]
PNG = "data:image/png;base64,iVBORw0KGgo="


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "ok", "messages": HELLO, **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"model": "a\nb"}, "model"),
        ({"model": "x" * 500}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{"content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "root", "content": "Hello"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "file:///etc"}}],
                    }
                ]
            },
            "messages[0].content[0].image_url.url",
        ),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 10**15}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 3}, "temperature"),
        ({"n": 1000}, "n"),
        ({"stop": [1]}, "stop"),
        ({"logit_bias": {"50256": "a"}}, "logit_bias.50256"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"tools": [{"type": "mcp", "server_url": "litellm_proxy"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"reasoning_effort": "heroic"}, "reasoning_effort"),
    ],
)
def test_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        read_chat(chat(**fields))

    assert caught.value.extensions["param"] == param


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"model": NaN}',
        b'{"model": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidBody):
        read_chat(raw)


def test_null_counts_as_absent() -> None:
    body = read_chat(chat(temperature=None, tools=None, max_tokens=None, stream=None))

    assert body.upstream == {"messages": HELLO}
    assert not body.is_stream


def test_newer_limit_wins_over_the_older_one() -> None:
    body = read_chat(chat(max_tokens=5, max_completion_tokens=7))

    assert body.max_output_tokens == 7
    assert set(body.upstream) == {"messages"}


def test_unknown_fields_of_messages_are_dropped() -> None:
    body = read_chat(chat(messages=[{"role": "user", "content": "Hi", "provider_hint": 1}]))

    assert body.upstream["messages"] == [{"role": "user", "content": "Hi"}]


def test_images_may_be_inline_or_by_address() -> None:
    def with_image(url: str) -> bytes:
        part = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
        return chat(messages=[{"role": "user", "content": [part]}])

    assert not read_chat(with_image(PNG)).has_remote_images
    assert read_chat(with_image("https://example.com/a.png")).has_remote_images


def test_assistant_turns_with_tool_calls_need_no_content() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

    body = read_chat(chat(messages=[{"role": "assistant", "tool_calls": [call]}]))

    assert body.upstream["messages"] == [
        {"role": "assistant", "content": None, "tool_calls": [call]}
    ]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [1, 2, 3]}, "input[0]"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_wrong_embedding_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        read_embedding(json.dumps({"model": "embed", **fields}).encode())

    assert caught.value.extensions["param"] == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [({}, "prompt"), ({"prompt": "a", "n": 99}, "n"), ({"prompt": "a", "size": "1x1"}, "size")],
)
def test_wrong_image_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        read_image(json.dumps({"model": "draw", **fields}).encode())

    assert caught.value.extensions["param"] == param


@pytest.mark.asyncio
async def test_wrong_body_is_a_400_in_openais_shape(
    client: GatewayClient, ledger: FakeLedger
) -> None:
    answer = await client.post("/v1/chat/completions", raw=b"{")

    assert answer.status == 400
    assert answer.error == {
        "message": "The body is not valid JSON.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_request",
    }
    assert not ledger.prints


@pytest.mark.asyncio
async def test_too_large_body_is_refused(client: GatewayClient, settings: GatewaySettings) -> None:
    raw = b" " * (settings.most_body_bytes + 1)

    declared = await client.post(
        "/v1/chat/completions", raw=b"{}", headers={"content-length": "999999999"}
    )
    sent = await client.post("/v1/chat/completions", raw=raw)

    assert (declared.status, sent.status) == (413, 413)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "headers",
    [
        {"Idempotency-Key": "x" * 300},
        {"Idempotency-Key": "a\x01b"},
        {"X-Cockpit-Agent": "not-an-id"},
        {"X-Cockpit-Team": "x" * 300},
    ],
)
async def test_wrong_headers_are_refused(client: GatewayClient, headers: dict[str, str]) -> None:
    answer = await client.chat("Hello", model="demo-chat", headers=headers)

    assert (answer.status, answer.error["code"]) == (400, "invalid_request")


@pytest.mark.asyncio
async def test_images_by_address_go_only_where_the_provider_fetches_them(
    client: GatewayClient, directory: Any
) -> None:
    directory.add_llm("claude", api_base="http://127.0.0.1:1", provider="anthropic")
    image = {"type": "image_url", "image_url": {"url": "https://169.254.169.254/latest"}}

    answer = await client.chat([image], model="claude")

    assert (answer.status, answer.error["param"]) == (400, "messages")
