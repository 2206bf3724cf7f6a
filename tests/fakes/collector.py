"""A collector of OpenTelemetry on a local port: takes traces by OTLP over HTTP and decodes them."""

import asyncio
import contextlib
import gzip
from dataclasses import dataclass, field
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    ended: int
    is_error: bool
    attributes: dict[str, Any]
    service: str


@dataclass(slots=True)
class FakeCollector:
    """The server. `async with FakeCollector() as collector: collector.url`."""

    spans: list[Span] = field(default_factory=list)
    raw: bytes = b""
    status: int = 200
    port: int = 0
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """What goes into `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://127.0.0.1:{self.port}"

    def named(self, name: str) -> list[Span]:
        """Return the spans of one name."""
        return [span for span in self.spans if span.name == name]

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
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                headers = dict(
                    line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
                )
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert head.startswith("post /v1/traces ")
                assert headers["content-type"] == "application/x-protobuf"
                self._take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                writer.write(
                    f"HTTP/1.1 {self.status} X\r\ncontent-type: application/x-protobuf\r\n"
                    f"content-length: {len(answer)}\r\n\r\n".encode()
                    + answer
                )
                await writer.drain()
        writer.close()

    def _take(self, body: bytes) -> None:
        self.raw += body
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            service = _values(resource.resource.attributes).get("service.name", "")
            for scope in resource.scope_spans:
                self.spans += [_span(each, service) for each in scope.spans]


def _span(each: Any, service: str) -> Span:
    return Span(
        name=each.name,
        trace_id=each.trace_id.hex(),
        span_id=each.span_id.hex(),
        parent_id=each.parent_span_id.hex(),
        began=each.start_time_unix_nano,
        ended=each.end_time_unix_nano,
        is_error=each.status.code == 2,
        attributes=_values(each.attributes),
        service=service,
    )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
