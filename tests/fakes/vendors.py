"""Providers with wire formats of their own on a local port: Anthropic, Gemini and AWS Bedrock.

As far as chats go, whole and streamed, with tools. The model's name says how: `ok`, `tools`,
`error-429` (any status), `reset-middle`.
"""

import asyncio
import binascii
import contextlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote

from tests.fakes.upstream import COMPLETION_TOKENS, PROMPT_TOKENS, WORDS, Seen

SAID = "".join(WORDS)
_CALL = {"name": "lookup", "input": {"city": "Oslo"}}


@dataclass(slots=True)
class FakeVendors:
    """The server. `async with FakeVendors() as vendors: vendors.url`."""

    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """What goes into `api_base`."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")
                headers = {
                    name.strip().lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines if line)
                }
                raw = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Seen(unquote(first.split(" ")[1]), headers, json.loads(raw or b"{}"))
                self.seen.append(request)
                if not await self._answer(request, writer):
                    break
        writer.close()

    async def _answer(self, request: Seen, writer: asyncio.StreamWriter) -> bool:
        model = _model_of(request)
        if model.startswith("error-"):
            status = int(model.removeprefix("error-"))
            await _send(writer, json.dumps({"error": {"message": f"It answers {status}."}}), status)
            return True
        vendor, is_stream = _vendor_of(request)
        if not is_stream:
            await _send(writer, json.dumps(_WHOLE[vendor](model)))
            return True
        kind = "application/vnd.amazon.eventstream" if vendor == "bedrock" else "text/event-stream"
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for index, part in enumerate(_STREAM[vendor](model)):
            if model == "reset-middle" and index == 6:
                writer.transport.abort()
                return False
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


def _vendor_of(request: Seen) -> tuple[str, bool]:
    path = request.path
    if path.endswith("/v1/messages"):
        return "anthropic", bool(request.body.get("stream"))
    if "/converse" in path:
        return "bedrock", path.endswith("/converse-stream")
    return "gemini", "streamGenerateContent" in path


def _model_of(request: Seen) -> str:
    if "model" in request.body:
        return str(request.body["model"])
    parts = request.path.replace(":", "/").split("/")
    marker = "model" if "model" in parts else "models"
    name = parts[parts.index(marker) + 1]
    # LiteLLM knows by the name which of Bedrock's models take tools.
    return "tools" if name.startswith("anthropic.") else name


# -- Anthropic -------------------------------------------------------------------------------------


def _anthropic(model: str) -> dict[str, Any]:
    is_tool = model == "tools"
    block = {"type": "tool_use", "id": "toolu_1", **_CALL} if is_tool else _text(SAID)
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model,
        "content": [block], "stop_reason": "tool_use" if is_tool else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS},
    }  # fmt: skip


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _anthropic_stream(model: str) -> list[bytes]:
    start = {**_anthropic(model), "content": [], "stop_reason": None}
    start["usage"] = {"input_tokens": PROMPT_TOKENS, "output_tokens": 1}
    is_tool = model == "tools"
    block: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {}}
    bits = [{"type": "text_delta", "text": word} for word in WORDS]
    if is_tool:
        bits = [
            {"type": "input_json_delta", "partial_json": bit} for bit in ('{"city"', ': "Oslo"}')
        ]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": block if is_tool else _text(""),
        },
        *({"type": "content_block_delta", "index": 0, "delta": bit} for bit in bits),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use" if is_tool else "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": COMPLETION_TOKENS},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events]


# -- Gemini ----------------------------------------------------------------------------------------


def _gemini(model: str) -> dict[str, Any]:
    call = {"functionCall": {"name": "lookup", "args": {"city": "Oslo"}}}
    return _gemini_part(call if model == "tools" else {"text": SAID}, is_last=True)


def _gemini_part(part: dict[str, Any], *, is_last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [part]}, "index": 0}
    answer: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini"}
    if is_last:
        candidate["finishReason"] = "STOP"
        answer["usageMetadata"] = {
            "promptTokenCount": PROMPT_TOKENS,
            "candidatesTokenCount": COMPLETION_TOKENS,
            "totalTokenCount": PROMPT_TOKENS + COMPLETION_TOKENS,
        }
    return answer


def _gemini_stream(model: str) -> list[bytes]:
    parts = [_gemini(model)]
    if model != "tools":
        last = len(WORDS) - 1
        parts = [_gemini_part({"text": w}, is_last=n == last) for n, w in enumerate(WORDS)]
    return [f"data: {json.dumps(each)}\r\n\r\n".encode() for each in parts]


# -- Bedrock ---------------------------------------------------------------------------------------

_BEDROCK_USAGE = {
    "inputTokens": PROMPT_TOKENS,
    "outputTokens": COMPLETION_TOKENS,
    "totalTokens": PROMPT_TOKENS + COMPLETION_TOKENS,
}


def _bedrock(model: str) -> dict[str, Any]:
    is_tool = model == "tools"
    block = {"toolUse": {"toolUseId": "t1", **_CALL}} if is_tool else {"text": SAID}
    return {
        "output": {"message": {"role": "assistant", "content": [block]}},
        "stopReason": "tool_use" if is_tool else "end_turn",
        "usage": _BEDROCK_USAGE,
        "metrics": {"latencyMs": 1},
    }


def _bedrock_stream(model: str) -> list[bytes]:
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
        ("metadata", {"usage": _BEDROCK_USAGE, "metrics": {"latencyMs": 1}}),
    ]
    return [_frame(kind, json.dumps(body).encode()) for kind, body in events]


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


_WHOLE = {"anthropic": _anthropic, "gemini": _gemini, "bedrock": _bedrock}
_STREAM = {"anthropic": _anthropic_stream, "gemini": _gemini_stream, "bedrock": _bedrock_stream}


async def _send(writer: asyncio.StreamWriter, text: str, status: int = 200) -> None:
    raw = text.encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw)
    await writer.drain()
