"""A collector of OpenTelemetry on a local port: takes traces by OTLP over HTTP and decodes them."""

import asyncio
import gzip
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.fakes.server import LocalServer, RawRequest, send


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
class FakeCollector(LocalServer):
    """The server. `async with FakeCollector() as collector: collector.url`."""

    spans: list[Span] = field(default_factory=list)
    raw: bytes = b""
    status: int = 200

    def named(self, name: str) -> list[Span]:
        """Return the spans of one name."""
        return [span for span in self.spans if span.name == name]

    async def _answer(
        self, raw: RawRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        assert (raw.method, raw.path) == ("POST", "/v1/traces")
        assert raw.headers["content-type"] == "application/x-protobuf"
        is_packed = raw.headers.get("content-encoding") == "gzip"
        self._take(gzip.decompress(raw.body) if is_packed else raw.body)
        answer = ExportTraceServiceResponse().SerializeToString()
        await send(writer, answer, status=self.status, content_type="application/x-protobuf")
        return True

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
