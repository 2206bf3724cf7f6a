"""AWS Bedrock: converse, its event stream in binary frames, and models that are invoked."""

import binascii
import json
import struct
from typing import Any

from tests.fakes.upstream import COMPLETION_TOKENS, PROMPT_TOKENS, WORDS
from tests.fakes.vendors.wire import ARGUMENTS, PNG, SAID, Wire

_USAGE = {
    "inputTokens": PROMPT_TOKENS,
    "outputTokens": COMPLETION_TOKENS,
    "totalTokens": PROMPT_TOKENS + COMPLETION_TOKENS,
}


def chat(model: str) -> dict[str, Any]:
    """Return a whole answer; Bedrock never says which model it was."""
    is_tool = model == "tools"
    tool = {"toolUse": {"toolUseId": "t1", "name": "lookup", "input": ARGUMENTS}}
    answer: dict[str, Any] = {
        "output": {
            "message": {"role": "assistant", "content": [tool if is_tool else {"text": SAID}]}
        },
        "stopReason": "tool_use" if is_tool else "end_turn",
        "metrics": {"latencyMs": 1},
    }
    if model != "no-usage":
        answer["usage"] = _USAGE
    return answer


def stream(model: str) -> list[bytes]:
    """Return the frames of a streamed answer."""
    is_tool = model == "tools"
    bits: list[dict[str, Any]] = [{"text": word} for word in WORDS]
    events: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    if is_tool:
        start = {"toolUse": {"toolUseId": "t1", "name": "lookup"}}
        events.append(("contentBlockStart", {"contentBlockIndex": 0, "start": start}))
        bits = [{"toolUse": {"input": bit}} for bit in ('{"city"', ': "Oslo"}')]
    events += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": bit}) for bit in bits]
    events += [
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "tool_use" if is_tool else "end_turn"}),
    ]
    if model != "no-usage":
        events.append(("metadata", {"usage": _USAGE, "metrics": {"latencyMs": 1}}))
    return [_frame(kind, json.dumps(body).encode()) for kind, body in events]


def invoke(model: str) -> dict[str, Any]:
    """Return what an invoked model answers: a vector of Titan, or pictures of Nova Canvas."""
    if "embed" in model:
        return {"embedding": [0.6, 0.8], "inputTextTokenCount": PROMPT_TOKENS}
    return {"images": [PNG]}


def error(status: int, message: str) -> dict[str, Any]:
    """Return a refusal; its kind stands in a header."""
    return {"message": message}


def _frame(kind: str, payload: bytes) -> bytes:
    """Return a message of AWS's event stream: lengths, checksums, headers, payload."""
    pairs = (
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    )
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value))
        + value.encode()
        for name, value in pairs
    )  # fmt: skip
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack("!I", binascii.crc32(prelude))
    message = prelude + headers + payload
    return message + struct.pack("!I", binascii.crc32(message))


WIRE = Wire(
    chat,
    stream,
    error,
    wrong_key=(403, "The security token included in the request is invalid."),
    # A whole frame with half a document in it.
    broken_part=_frame("contentBlockDelta", b'{"contentBlockIndex": 0, "del'),
    stream_type="application/vnd.amazon.eventstream",
)
