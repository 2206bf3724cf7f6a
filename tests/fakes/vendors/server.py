"""The server of the vendors' fakes: whole, streamed, with tools, and failing as told.

Which vendor it is stands in the path, how it behaves in the model's name: see `wire.py`.
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

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
from tests.fakes.vendors import anthropic, bedrock, compatible, google
from tests.fakes.vendors.wire import BREAKS_AT, Wire

_WIRES = {
    "anthropic": anthropic.WIRE,
    "bedrock": bedrock.WIRE,
    "gemini": google.GEMINI,
    "vertex_ai": google.VERTEX,
    **compatible.WIRES,
}


@dataclass(slots=True)
class FakeVendors(LocalServer):
    """The server. `async with FakeVendors() as vendors: vendors.url`."""

    # Calls of models; tokens of service accounts are counted apart.
    seen: list[Seen] = field(default_factory=list)
    tokens_issued: int = 0

    @property
    def token_url(self) -> str:
        """Where service accounts of Google get their tokens."""
        return f"{self.url}/token"

    async def _answer(
        self, raw: RawRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        request = seen(raw)
        request.path = unquote(request.path)
        if request.path == "/token":
            self.tokens_issued += 1
            token = {"access_token": google.TOKEN, "expires_in": 3600, "token_type": "Bearer"}
            await send_json(writer, token)
            return True
        self.seen.append(request)
        call = _Call(request)
        if call.model == "hangs":
            return await until_left(reader)
        if call.model == "reset-first":
            writer.transport.abort()
            return False
        if refusal := _refusal(call):
            status, body = refusal
            await send_json(writer, body, status=status)
        elif call.is_stream:
            return await _stream(call, writer)
        else:
            whole = json.dumps(_whole(call)).encode()
            await send(writer, whole[: len(whole) // 2] if call.model == "malformed" else whole)
        return True


class _Call:
    """What a request asks for, read from its path and body."""

    def __init__(self, request: Seen) -> None:
        self.request, self.body = request, request.body
        path, _, _ = request.path.partition("?")
        self.vendor = _vendor_of(path, request.headers)
        # Bedrock's names have colons, Google's actions stand after one.
        self.action = path.rpartition("/" if self.vendor == "bedrock" else ":")[2]
        self.is_stream = self.action in {"streamGenerateContent", "converse-stream"}
        is_openais = self.vendor in compatible.WIRES
        self.is_stream |= (self.vendor == "anthropic" or is_openais) and bool(
            request.body.get("stream")
        )
        self.model = str(request.body.get("model") or _model_of(path)).removeprefix("models/")
        if self.vendor == "azure":
            # What the body says of the model counts for nothing there.
            self.model = path.partition("/deployments/")[2].partition("/")[0]
        # LiteLLM tells by the name what a model can do.
        if self.model.startswith("anthropic."):
            self.model = "tools"
        self.model = self.model.removeprefix("gemini-")

    @property
    def wire(self) -> Wire:
        return _WIRES[self.vendor]


def _vendor_of(path: str, headers: dict[str, str]) -> str:
    first = path.split("/")[1]
    if first in compatible.WIRES:
        assert path.startswith(f"/{first}{compatible.PATHS[first]}"), path
        return first
    if path.endswith("/v1/messages"):
        return "anthropic"
    if path.startswith("/model/"):
        return "bedrock"
    return "vertex_ai" if "authorization" in headers else "gemini"


def _model_of(path: str) -> str:
    parts = path.split("/")
    marker = "model" if "model" in parts else "models"
    name = "/".join(parts[parts.index(marker) + 1 :])
    return name.rpartition("/")[0] if marker == "model" else name.partition(":")[0]


def _refusal(call: _Call) -> tuple[int, dict[str, Any]] | None:
    if known := call.wire.refuses(call.request) or call.wire.refusals.get(call.model):
        return known
    if call.model == "wrong-key":
        status, message = call.wire.wrong_key
        return status, call.wire.error(status, message)
    if call.model.startswith("error-"):
        status = int(call.model.removeprefix("error-"))
        return status, call.wire.error(status, f"It answers {status}.")
    return None


def _whole(call: _Call) -> dict[str, Any]:
    if call.action == "predict" and "imagen" in call.model:
        return google.images(call.body)
    if call.action in {"batchEmbedContents", "predict"}:
        return google.embeddings(call.action, call.body)
    if call.action == "invoke":
        return bedrock.invoke(call.model)
    return call.wire.chat(call.model)


async def _stream(call: _Call, writer: asyncio.StreamWriter) -> bool:
    begin_stream(writer, call.wire.stream_type)
    if call.wire.waits:
        await send_chunk(writer, call.wire.waits)
    for index, part in enumerate(call.wire.stream(call.model)):
        if call.model == "reset-middle" and index == BREAKS_AT:
            writer.transport.abort()
            return False
        if call.model == "malformed" and index == BREAKS_AT:
            await send_chunk(writer, call.wire.broken_part)
        await send_chunk(writer, part)
    await end_stream(writer)
    return True
