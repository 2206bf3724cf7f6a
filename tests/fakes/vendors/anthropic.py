"""Anthropic's messages."""

import json
from typing import Any

from tests.fakes.upstream import COMPLETION_TOKENS, PROMPT_TOKENS, WORDS
from tests.fakes.vendors.wire import ARGUMENTS, SAID, Wire, shown

_KINDS = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


def chat(model: str) -> dict[str, Any]:
    """Return a whole answer."""
    is_tool = model == "tools"
    tool = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": ARGUMENTS}
    answer: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": shown(model),
        "content": [tool if is_tool else {"type": "text", "text": SAID}],
        "stop_reason": "tool_use" if is_tool else "end_turn",
        "stop_sequence": None,
    }
    if model != "no-usage":
        answer["usage"] = {"input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS}
    return answer


def stream(model: str) -> list[bytes]:
    """Return the events of a streamed answer."""
    start = {**chat(model), "content": [], "stop_reason": None}
    last: dict[str, Any] = {
        "type": "message_delta",
        "delta": {
            "stop_reason": "tool_use" if model == "tools" else "end_turn",
            "stop_sequence": None,
        },
    }
    if model != "no-usage":
        start["usage"] = {"input_tokens": PROMPT_TOKENS, "output_tokens": 1}
        last["usage"] = {"output_tokens": COMPLETION_TOKENS}
    events = [
        {"type": "message_start", "message": start},
        *_block(model),
        {"type": "content_block_stop", "index": 0},
        last,
        {"type": "message_stop"},
    ]
    return [_event(each["type"], json.dumps(each)) for each in events]


def _block(model: str) -> list[dict[str, Any]]:
    block: dict[str, Any] = {"type": "text", "text": ""}
    deltas = [{"type": "text_delta", "text": word} for word in WORDS]
    if model == "tools":
        block = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": part} for part in ('{"city"', ': "Oslo"}')
        ]
    return [
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
    ]


def error(status: int, message: str) -> dict[str, Any]:
    """Return a refusal."""
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


WIRE = Wire(
    chat,
    stream,
    error,
    wrong_key=(401, "invalid x-api-key"),
    broken_part=_event("content_block_delta", '{"type": "content_block_delta", "ind'),
)
