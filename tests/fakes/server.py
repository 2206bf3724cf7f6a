"""What the fakes on the network are made of: a server on a local port that speaks HTTP by hand.

Raw sockets, since no framework breaks a connection in mid-chunk.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as it came over the wire, the names of its headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Seen:
    """One request, its body read."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class LocalServer:
    """A server while one is inside `async with`; what it answers is its subclass's."""

    # Zero until it has started takes any that is free.
    port: int = 0
    _server: asyncio.Server | None = None
    _clients: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

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
            while (request := await _read(reader)) is not None:
                if not await self._answer(request, reader, writer):
                    break
        self._clients.discard(writer)
        writer.close()

    async def _answer(
        self, raw: RawRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer a request; False ends the connection."""
        raise NotImplementedError


def seen(raw: RawRequest) -> Seen:
    """Return a request with the fields of its body: JSON, an address's, or a form's."""
    if raw.headers.get("content-type", "").startswith("multipart/"):
        return Seen(raw.path, raw.headers, _form_of(raw.body))
    if not raw.body or raw.body.startswith(b"{"):
        return Seen(raw.path, raw.headers, dict(json.loads(raw.body or b"{}")))
    fields = {name: values[0] for name, values in parse_qs(raw.body.decode()).items()}
    return Seen(raw.path, raw.headers, fields)


async def until_left(reader: asyncio.StreamReader) -> bool:
    """Say nothing until the client has had enough."""
    await reader.read(1)
    return False


async def send(
    writer: asyncio.StreamWriter,
    raw: bytes,
    *,
    status: int = 200,
    content_type: str = "application/json",
) -> None:
    """Send a whole answer."""
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n"
    head += "retry-after: 7\r\n" if status == 429 else ""
    writer.write(f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw)
    await writer.drain()


async def send_json(writer: asyncio.StreamWriter, body: Any, *, status: int = 200) -> None:
    """Send a whole answer in JSON."""
    await send(writer, json.dumps(body).encode(), status=status)


def begin_stream(writer: asyncio.StreamWriter, content_type: str) -> None:
    """Send the head of an answer that comes in chunks."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
    writer.write(head.encode())


async def send_chunk(writer: asyncio.StreamWriter, raw: bytes) -> None:
    """Send one chunk of a stream."""
    writer.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
    await writer.drain()


async def end_stream(writer: asyncio.StreamWriter) -> None:
    """Say that a stream is complete."""
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> RawRequest | None:
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
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = first.split(" ")
    return RawRequest(method, path, headers, body)


def _form_of(raw: bytes) -> dict[str, Any]:
    """Return the fields of a form that are text; of a file, how long it is."""
    fields: dict[str, Any] = {}
    for part in raw.split(raw.partition(b"\r\n")[0])[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.decode("latin-1").partition('name="')[2].partition('"')[0]
        fields[name] = len(value) if b"filename=" in head else value.decode()
    return fields
