"""An OpenAI-compatible provider on a local port, which misbehaves on demand.

The model's name says how: `ok`, `tools`, `no-usage`, `zero-usage`, `absurd-usage`, `lies`,
`error-429` (any status), `hangs`, `reset-first`, `reset-middle`, `malformed`, `cut`, `empty`,
`wrong-key`, `secret-error`. Raw sockets, since no framework breaks a connection in mid-chunk.

Alone: `python -m tests.fakes.upstream 9009 [seconds between chunks]`.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs

# Twenty-two chunks: the stream that the figures in docs/performance.md speak of.
WORDS = [f"word{number:02d} " for number in range(20)]
PROMPT_TOKENS, COMPLETION_TOKENS = 11, 22
# Refusals that repeat the key, as OpenAI's do in part.
_WITH_KEY = {"wrong-key": (401, "Incorrect API key provided"), "secret-error": (400, "bad key")}


@dataclass(slots=True)
class Seen:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True)
class FakeUpstream:
    """The server. `async with FakeUpstream() as upstream: upstream.url`."""

    words: list[str] = field(default_factory=lambda: list(WORDS))
    chunk_seconds: float = 0.0
    image_seconds: float = 0.0
    tool_arguments: str = '{"city": "Oslo"}'
    seen: list[Seen] = field(default_factory=list)
    # How often a client left before its answer was complete.
    abandoned: int = 0
    keeps_requests: bool = True
    port: int = 0
    _server: asyncio.Server | None = None
    _clients: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """What goes into `api_base`."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._clients:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (request := await read_request(reader)) is not None:
                if self.keeps_requests:
                    self.seen.append(request)
                if request.body.get("model") == "hangs":
                    # Until the client has had enough.
                    await reader.read(1)
                    break
                if not await self._answer(request, writer):
                    break
        self._clients.discard(writer)
        writer.close()

    async def _answer(self, request: Seen, writer: asyncio.StreamWriter) -> bool:
        model = str(request.body.get("model", "ok"))
        if model == "reset-first":
            writer.transport.abort()
            return False
        if refusal := _refusal(model, request):
            status, body = refusal
            await _send_json(writer, body, status=status)
            return True
        if request.path.endswith("/embeddings"):
            await _send_json(writer, _embeddings(request.body))
        elif request.path.endswith("/images/generations"):
            await asyncio.sleep(self.image_seconds)
            await _send_json(writer, {"created": 1, "data": [{"b64_json": "aGk="}]})
        elif (path := request.path.rpartition("/v1")[2]) in _OTHERS:
            await _send_other(path, writer)
        elif request.body.get("stream"):
            return await self._stream(request.body, model, writer)
        elif model == "malformed":
            await _send_raw(writer, b'{"choices": [{"message": {"con')
        else:
            await _send_json(writer, self._completion(request.body, model))
        return True

    def _completion(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self.words)}
        reason = "stop"
        if model == "tools":
            message = {"role": "assistant", "content": None, "tool_calls": [self._tool_call(body)]}
            reason = "tool_calls"
        answer: dict[str, Any] = {
            "id": "chatcmpl-upstream",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-9-ultra" if model == "lies" else model,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        }
        if model != "no-usage":
            answer["usage"] = _usage(model)
        return answer

    async def _stream(self, body: dict[str, Any], model: str, writer: asyncio.StreamWriter) -> bool:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        sent = 0
        try:
            async for chunk in self._chunks(body, model):
                if model == "reset-middle" and sent == 5:
                    writer.transport.abort()
                    return False
                if model == "malformed" and sent == 5:
                    await _send_chunk(writer, b'data: {"choices": [{"delta": {"con\n\n')
                await _send_chunk(writer, b"data: " + json.dumps(chunk).encode() + b"\n\n")
                sent += 1
                if self.chunk_seconds:
                    await asyncio.sleep(self.chunk_seconds)
            if model != "cut":
                await _send_chunk(writer, b"data: [DONE]\n\n")
        except ConnectionError:
            self.abandoned += 1
            raise
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _tool_call(self, body: dict[str, Any]) -> dict[str, Any]:
        tools = body.get("tools") or [{"function": {"name": "lookup"}}]
        name = tools[0]["function"]["name"]
        return {
            "id": "call_1",
            "type": "function",
            "function": {"name": name, "arguments": self.tool_arguments},
        }

    async def _chunks(self, body: dict[str, Any], model: str) -> AsyncIterator[dict[str, Any]]:
        shown = "gpt-9-ultra" if model == "lies" else model
        if model == "tools":
            call = self._tool_call(body)
            arguments = call["function"].pop("arguments")
            first = {**call, "index": 0, "function": {**call["function"], "arguments": ""}}
            yield _chunk(shown, {"role": "assistant", "content": None, "tool_calls": [first]})
            for at in range(0, len(arguments), 5):
                bit = {"index": 0, "function": {"arguments": arguments[at : at + 5]}}
                yield _chunk(shown, {"tool_calls": [bit]})
            yield _chunk(shown, {}, "tool_calls")
        else:
            yield _chunk(shown, {"role": "assistant", "content": ""})
            for word in [] if model == "empty" else self.words:
                yield _chunk(shown, {"content": word})
            if model != "cut":
                yield _chunk(shown, {}, "stop")
        wants_usage = (body.get("stream_options") or {}).get("include_usage")
        if wants_usage and model not in {"no-usage", "cut"}:
            yield {**_chunk(shown, {}), "choices": [], "usage": _usage(model)}


async def read_request(reader: asyncio.StreamReader) -> Seen | None:
    """Return the next request of a connection, or None where there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines if line)
    }
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    if headers.get("content-type", "").startswith("multipart/"):
        return Seen(first.split(" ")[1], headers, _form_of(raw))
    return Seen(first.split(" ")[1], headers, _body_of(raw))


def _body_of(raw: bytes) -> dict[str, Any]:
    if not raw or raw.startswith(b"{"):
        return dict(json.loads(raw or b"{}"))
    return {name: values[0] for name, values in parse_qs(raw.decode()).items()}


def _form_of(raw: bytes) -> dict[str, Any]:
    """Return the fields of a form that are text; of a file, how long it is."""
    fields: dict[str, Any] = {}
    for part in raw.split(raw.partition(b"\r\n")[0])[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.decode("latin-1").partition('name="')[2].partition('"')[0]
        fields[name] = len(value) if b"filename=" in head else value.decode()
    return fields


async def _send_json(
    writer: asyncio.StreamWriter, body: dict[str, Any], *, status: int = 200
) -> None:
    await _send_raw(writer, json.dumps(body).encode(), status=status)


async def _send_raw(writer: asyncio.StreamWriter, raw: bytes, *, status: int = 200) -> None:
    extra = "retry-after: 7\r\n" if status == 429 else ""
    writer.write(
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{extra}"
        f"content-length: {len(raw)}\r\n\r\n".encode()
        + raw
    )
    await writer.drain()


async def _send_chunk(writer: asyncio.StreamWriter, raw: bytes) -> None:
    writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
    await writer.drain()


def _chunk(model: str, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {"object": "embedding", "index": index, "embedding": [0.6, 0.8]}
            for index, _ in enumerate(inputs)
        ],
        "usage": {"prompt_tokens": PROMPT_TOKENS, "total_tokens": PROMPT_TOKENS},
    }


def _usage(model: str) -> dict[str, Any]:
    figures: dict[str, Callable[[], tuple[int, int]]] = {
        "zero-usage": lambda: (0, 0),
        "absurd-usage": lambda: (-5, 10**12),
    }
    prompt, completion = figures.get(model, lambda: (PROMPT_TOKENS, COMPLETION_TOKENS))()
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


async def _send_other(path: str, writer: asyncio.StreamWriter) -> None:
    if path != "/audio/speech":
        await _send_json(writer, _OTHERS[path])
        return
    head = "HTTP/1.1 200 X\r\ncontent-type: audio/mpeg\r\ncontent-length: 5\r\n\r\n"
    writer.write(head.encode() + b"sound")
    await writer.drain()


_OTHERS: dict[str, dict[str, Any]] = {
    "/audio/speech": {},
    "/audio/transcriptions": {
        "text": "Write to mia@acme.example.",
        "usage": {"type": "duration", "seconds": 3},
    },
    "/rerank": {
        "id": "r",
        "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
        "usage": {"total_tokens": 40},
    },
    "/moderations": {
        "id": "m",
        "model": "m",
        "results": [
            {"flagged": True, "categories": {"hate": True}, "category_scores": {"hate": 0.9}}
        ],
    },
}


def _refusal(model: str, request: Seen) -> tuple[int, dict[str, Any]] | None:
    if model.startswith("error-"):
        return int(model.removeprefix("error-")), _error(model)
    if model in _WITH_KEY:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        status, words = _WITH_KEY[model]
        return status, {"error": {"message": f"{words}: {key}"}}
    return None


def _error(model: str) -> dict[str, Any]:
    return {"error": {"message": f"The fake upstream answers {model}.", "type": "fake"}}


async def _main(port: int, chunk_seconds: float = 0.0) -> None:
    async with FakeUpstream(port=port, chunk_seconds=chunk_seconds, keeps_requests=False):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), *map(float, sys.argv[2:])))
