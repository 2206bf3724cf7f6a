"""Carries what a call puts out to the client: one JSON body, or server-sent events."""

import asyncio
from typing import Any, cast

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.gateway.dialects.base import Call as Spoken, Dialect, ErrorBody
from core.gateway.errors import error_body
from core.gateway.http import json_response, problem_response
from core.gateway.outbox import Ended, Failed, Streamed, Whole
from core.gateway.pipeline import Call
from core.gateway.settings import GatewaySettings
from core.gateway.ticket import Ticket
from core.kit.money import format_credits

log = structlog.get_logger(__name__)


class Relay:
    """One call and the client that waits for it."""

    def __init__(
        self, call: Call, settings: GatewaySettings, *, errors: ErrorBody = error_body
    ) -> None:
        self._call = call
        self._settings = settings
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = asyncio.create_task(self._watch(receive))
        try:
            await self._relay(scope, receive, send)
        # The server, or the client's end of the connection, gives up on the request. The call is
        # a task of its own, which now ends early and is settled.
        except (OSError, TimeoutError) as error:
            log.info(
                "client_gone",
                request_id=str(self._call.request_id),
                account=self._slug() or "",
                error=type(error).__name__,
            )
        finally:
            watcher.cancel()
            self._call.stop("client_gone")

    async def _relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        event = await self._call.outbox.take()
        scope["cockpit_account"] = self._slug()
        if isinstance(event, Failed):
            answer = problem_response(event.problem, headers=self._headers(()), errors=self._errors)
            await answer(scope, receive, send)
        elif isinstance(event, Whole):
            await self._send_whole(event, scope, receive, send)
        elif isinstance(event, Streamed):
            await self._send_stream(event, send)
        else:
            # A provider that ends a stream without a single chunk.
            await self._send_stream(event, send)

    async def _send_whole(self, event: Whole, scope: Scope, receive: Receive, send: Send) -> None:
        end = await self._call.outbox.take()
        headers = self._headers(event.receipts)
        if isinstance(end, Ended) and end.microcredits is not None:
            headers["x-cockpit-credits-charged"] = format_credits(end.microcredits)
        if event.raw is not None:
            answer = Response(event.raw, headers=headers, media_type=event.media_type)
        else:
            answer = json_response(self._dialect().whole(event.body), headers=headers)
        await answer(scope, receive, send)

    async def _send_stream(self, first: Streamed | Ended, send: Send) -> None:
        receipts = first.receipts if isinstance(first, Streamed) else ()
        headers = {
            **self._headers(receipts),
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            # Tells nginx not to gather the chunks.
            "x-accel-buffering": "no",
        }
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
            }
        )
        dialect, event = self._dialect(), cast("Any", first)
        while isinstance(event, Streamed):
            if frames := dialect.frames(event.body):
                await self._send(send, frames)
            event = await self._call.outbox.take()
        await self._send(send, _last(dialect, event), is_last=True)

    async def _send(self, send: Send, content: bytes, *, is_last: bool = False) -> None:
        async with asyncio.timeout(self._settings.send_seconds):
            await send({"type": "http.response.body", "body": content, "more_body": not is_last})

    def _dialect(self) -> Dialect:
        ticket = self._call.ticket
        return ticket.body.dialect(
            Spoken(
                id=ticket.request_id.hex,
                model=ticket.llm.name,
                created=ticket.created,
                input_tokens=ticket.input_tokens,
            )
        )

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._call.stop("client_gone")

    def _headers(self, receipts: tuple[str, ...]) -> dict[str, str]:
        ticket = self._call.ticket
        headers = {"x-request-id": str(ticket.request_id)}
        if ticket.rate is not None:
            headers |= ticket.rate.headers()
        if receipts:
            headers["x-cockpit-guardrails"] = ", ".join(receipts)
        if ticket.body.dropped:
            headers["x-cockpit-ignored"] = ", ".join(ticket.body.dropped)
        if ticket.is_identified:
            headers |= _answered_by(ticket)
        return headers

    def _slug(self) -> str | None:
        ticket = self._call.ticket
        return ticket.principal.account.slug if ticket.is_identified else None


def _answered_by(ticket: Ticket) -> dict[str, str]:
    headers = {"x-cockpit-demo": "true"} if ticket.runs.is_demo else {}
    if ticket.runs.name != ticket.llm.name:
        headers["x-cockpit-answered-by"] = ticket.runs.name
    return headers


def _last(dialect: Dialect, event: Any) -> bytes:
    if isinstance(event, Failed):
        return dialect.broken(event.problem)
    if isinstance(event, Ended) and event.microcredits is not None:
        # A comment to every reader of server-sent events, and a figure to those who look.
        charged = format_credits(event.microcredits).encode()
        return dialect.ended(b": credits-charged " + charged + b"\n\n")
    return dialect.ended(b"")
