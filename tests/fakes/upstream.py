"""An OpenAI-compatible provider on a local port, which misbehaves on demand.

The model's name says how: `ok`, `tools`, `no-usage`, `zero-usage`, `absurd-usage`, `lies`,
`error-429` (any status), `hangs`, `reset-first`, `reset-middle`, `malformed`, `cut`, `empty`,
`wrong-key`, `secret-error`.

Alone: `python -m tests.fakes.upstream 9009 [seconds between chunks]`.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.server import (
    LocalServer,
    RawRequest,
    Seen,
    begin_stream,
    end_stream,
    seen,
    send,
    send_chunk,
    send_json,
    until_left,
)

# Twenty-two chunks: the stream that the figures in docs/performance.md speak of.
WORDS = [f"word{number:02d} " for number in range(20)]
PROMPT_TOKENS, COMPLETION_TOKENS = 11, 22
# Refusals that repeat the key, as OpenAI's do in part.
_WITH_KEY = {"wrong-key": (401, "Incorrect API key provided"), "secret-error": (400, "bad key")}


@dataclass(slots=True)
class FakeUpstream(LocalServer):
    """The server. `async with FakeUpstream() as upstream: upstream.url`."""

    words: list[str] = field(default_factory=lambda: list(WORDS))
    chunk_seconds: float = 0.0
    image_seconds: float = 0.0
    tool_arguments: str = '{"city": "Oslo"}'
    seen: list[Seen] = field(default_factory=list)
    # How often a client left before its answer was complete.
    abandoned: int = 0
    keeps_requests: bool = True

    @property
    def url(self) -> str:
        """What goes into `api_base`."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def _answer(
        self, raw: RawRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        request = seen(raw)
        if self.keeps_requests:
            self.seen.append(request)
        match str(request.body.get("model", "ok")):
            case "hangs":
                return await until_left(reader)
            case "reset-first":
                writer.transport.abort()
                return False
            case model:
                return await self._say(request, model, writer)

    async def _say(self, request: Seen, model: str, writer: asyncio.StreamWriter) -> bool:
        if refusal := _refusal(model, request):
            status, body = refusal
            await send_json(writer, body, status=status)
            return True
        if request.path.endswith("/embeddings"):
            await send_json(writer, _embeddings(request.body))
        elif request.path.endswith("/images/generations"):
            await asyncio.sleep(self.image_seconds)
            await send_json(writer, {"created": 1, "data": [{"b64_json": "aGk="}]})
        elif (path := request.path.rpartition("/v1")[2]) in _OTHERS:
            await _send_other(path, writer)
        elif request.body.get("stream"):
            return await self._stream(request.body, model, writer)
        elif model == "malformed":
            await send(writer, b'{"choices": [{"message": {"con')
        else:
            await send_json(writer, self._completion(request.body, model))
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
        begin_stream(writer, "text/event-stream")
        sent = 0
        try:
            async for chunk in self._chunks(body, model):
                if model == "reset-middle" and sent == 5:
                    writer.transport.abort()
                    return False
                if model == "malformed" and sent == 5:
                    await send_chunk(writer, b'data: {"choices": [{"delta": {"con\n\n')
                await send_chunk(writer, b"data: " + json.dumps(chunk).encode() + b"\n\n")
                sent += 1
                if self.chunk_seconds:
                    await asyncio.sleep(self.chunk_seconds)
            if model != "cut":
                await send_chunk(writer, b"data: [DONE]\n\n")
        except ConnectionError:
            self.abandoned += 1
            raise
        await end_stream(writer)
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
        await send_json(writer, _OTHERS[path])
        return
    await send(writer, b"sound", content_type="audio/mpeg")


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
