"""Traces of calls by OpenTelemetry, for operators who ask for them; else they cost nothing.

A call takes the time of each step anyway. When it has ended, its spans are made from those: so
tracing costs a call nothing on its way. What was said stands in no attribute, nor who said it;
the request id and the account's id lead to both, for those who may see them.
"""

import os
import time
from collections.abc import Mapping
from typing import Any, Protocol

from core.credits.messages import SettleAnswer
from core.gateway.ending import Progress, outcome_of, status_of
from core.gateway.ticket import Ticket
from core.kit.problems import Problem

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "cockpit-gateway"
# A collector that is away must not keep the process from leaving.
CLOSE_SECONDS = 5.0


class Traces(Protocol):
    """Where calls are noted once they have ended."""

    def note(
        self, progress: Progress, problem: Problem | None, answer: SettleAnswer | None
    ) -> None:
        """Take down how a call went."""

    def close(self) -> None:
        """Send what has not been sent. Blocks."""


def traces_if_wanted() -> Traces | None:
    """Return where calls are noted, if OpenTelemetry's own variables name a collector."""
    is_off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_off or not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    return OtlpTraces()


class OtlpTraces:
    """Sends spans by OTLP over HTTP; sampling, headers and batches as the variables say."""

    def __init__(self) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = TracerProvider(resource=Resource.create(_resource()))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("core.gateway")
        self._propagator = TraceContextTextMapPropagator()

    def note(
        self, progress: Progress, problem: Problem | None, answer: SettleAnswer | None
    ) -> None:
        """Make the spans of a call: one for all of it, and one for each step."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        ticket = progress.ticket
        clock = _Clock(ticket)
        parent = self._propagator.extract({"traceparent": ticket.traceparent})
        whole = self._tracer.start_span(
            f"gateway {ticket.body.kind}",
            context=parent,
            kind=SpanKind.SERVER,
            attributes=_attributes(progress, problem, answer),
            start_time=clock.at(ticket.arrived or ticket.started),
        )
        if whole.is_recording():
            if problem is not None:
                whole.set_status(Status(StatusCode.ERROR, problem.code))
            inside = set_span_in_context(whole)
            for name, began, ended in _steps(progress):
                step = self._tracer.start_span(name, context=inside, start_time=clock.at(began))
                step.end(clock.at(ended))
        whole.end(time.time_ns())

    def close(self) -> None:
        """Send what has not been sent, for a few seconds."""
        self._provider.force_flush(int(CLOSE_SECONDS * 1000))
        self._provider.shutdown()


class _Clock:
    """Turns the process's own time, which only ever goes forward, into that of the world."""

    def __init__(self, ticket: Ticket) -> None:
        self._offset = time.time_ns() - int(time.monotonic() * 1e9)

    def at(self, monotonic: float) -> int:
        return self._offset + int(monotonic * 1e9)


def _steps(progress: Progress) -> list[tuple[str, float, float]]:
    """Return each step with when it began and ended."""
    ticket = progress.ticket
    found = []
    if ticket.arrived is not None:
        found.append(("edge", ticket.arrived, ticket.started))
    for step in ticket.steps:
        began = ticket.started + step["at"] / 1000
        found.append((step["step"], began, began + step["ms"] / 1000))
        if step["step"] == "provider" and progress.first_token is not None:
            found.append(("first_token", began, progress.first_token))
    return found


def _attributes(
    progress: Progress, problem: Problem | None, answer: SettleAnswer | None
) -> Mapping[str, Any]:
    ticket = progress.ticket
    found: dict[str, Any] = {
        "cockpit.request_id": str(ticket.request_id),
        "cockpit.kind": ticket.body.kind,
        "cockpit.is_stream": ticket.body.is_stream,
        "cockpit.outcome": outcome_of(progress, problem),
        "http.response.status_code": status_of(progress, problem),
    }
    if problem is not None:
        found["error.type"] = problem.code
    if ticket.is_known:
        found["cockpit.account_id"] = str(ticket.principal.account.id)
        found["cockpit.product"] = ticket.principal.product
    # Before it is known as an LLM, what stands in the field may be anything.
    if ticket.is_identified:
        found["gen_ai.request.model"] = ticket.llm.name
        found["gen_ai.provider.name"] = ticket.runs.deployment.provider
        found["cockpit.deployments_asked"] = len(ticket.tried)
    if progress.settled is not None:
        found["gen_ai.usage.input_tokens"] = progress.settled.input_tokens
        found["gen_ai.usage.output_tokens"] = progress.settled.output_tokens
    if answer is not None:
        found["cockpit.microcredits"] = answer.credits
    return found


def _resource() -> dict[str, str]:
    """Return what this service is called, unless the variables say so."""
    given = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    is_named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in given
    return {} if is_named else {"service.name": SERVICE}
