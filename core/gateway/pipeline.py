"""One call from admission to settlement, in a task of its own.

The request's task only relays what the call puts out. So nothing that happens to the connection,
to the client or to the server's handling of the request can keep a call from being settled.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from structlog.contextvars import bind_contextvars

from core.gateway import metrics, pricing, replies
from core.gateway.admission import Admission, blocked
from core.gateway.believing import bounds_of
from core.gateway.dispatching import Dispatcher
from core.gateway.ending import Ender, Progress, StopReason
from core.gateway.errors import CallStopped, DeadlineExceeded, UpstreamFailed, problem_of
from core.gateway.journal import Journal, keeps_content
from core.gateway.metering import Meter
from core.gateway.outbox import Ended, Failed, Outbox, Streamed, Whole
from core.gateway.ports import Llm
from core.gateway.pricing import Usage
from core.gateway.providers import Upstream
from core.gateway.settings import GatewaySettings
from core.gateway.streaming import OutputGuard
from core.gateway.texts import texts_of_answer
from core.gateway.ticket import Ticket
from core.gateway.traces import Traces
from core.gateway.wire import Reply
from core.gateway.words import Words
from core.guardrails.engine import GuardrailPool
from core.guardrails.window import Blocked
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

# A token of ours is four characters here; theirs may be some times as long, in tables and code.
MOST_OUTPUT_TIMES = 4
MOST_OUTPUT_MORE = 4_096


@dataclass(frozen=True, slots=True)
class Services:
    """What every call of a process works with."""

    admission: Admission
    upstream: Upstream
    dispatcher: Dispatcher
    pool: GuardrailPool
    ender: Ender
    journal: Journal
    settings: GatewaySettings
    # Only where an operator has asked for them.
    traces: Traces | None = None


class Call:
    """One call. `start()` it, read its `outbox`, and `stop()` it where need be."""

    def __init__(self, services: Services, ticket: Ticket) -> None:
        self.ticket = ticket
        self.outbox = Outbox()
        self._services = services
        meter = Meter(input_tokens=0, count_text=services.upstream.count_text)
        self._progress = Progress(ticket, meter)
        self._stop_problem: Problem | None = None
        self._work: asyncio.Task[None] | None = None
        self._runner: asyncio.Task[None] | None = None

    # -- what the process does with a call ---------------------------------------------------------

    def start(self, *, when_done: Callable[["Call"], None]) -> None:
        """Begin."""
        # Both tasks, and whatever they start, say in each log line whose call it is.
        context = contextvars.copy_context()
        self._work = asyncio.create_task(self._do(), context=context)
        self._runner = asyncio.create_task(self._run(), context=context)
        self._runner.add_done_callback(lambda _: when_done(self))

    def stop(self, reason: StopReason, problem: Problem | None = None) -> None:
        """End the call early; what it has used so far is charged."""
        progress = self._progress
        if progress.stop_reason is not None or self._work is None or self._work.done():
            return
        # An image or an embedding is billed as a whole, whether or not anybody waits for it.
        is_whole = progress.is_dispatched and self.ticket.body.kind != "chat"
        if reason == "client_gone" and is_whole:
            return
        progress.stop_reason, self._stop_problem = reason, problem
        self._work.cancel()

    async def wait(self) -> None:
        """Wait until the call has been settled, or handed over to the settler."""
        if self._runner is not None:
            await asyncio.wait({self._runner})

    @property
    def schema(self) -> str:
        """The account's schema."""
        return self.ticket.principal.account.schema_name

    @property
    def request_id(self) -> UUID:
        """The id under which the ledger knows the call."""
        return self.ticket.request_id

    @property
    def held_since(self) -> float | None:
        """When its credits were reserved."""
        return self.ticket.held_since

    def cost_so_far(self) -> int:
        """Return what the answer has cost so far, roughly, in micro-credits."""
        used = Usage(output_tokens=self._progress.meter.rough_output_tokens())
        return self.ticket.credits_of(pricing.cost_of(used, self.ticket.price))

    # -- the call itself ---------------------------------------------------------------------------

    async def _run(self) -> None:
        assert self._work is not None
        metrics.IN_FLIGHT.inc()
        try:
            await asyncio.wait({self._work})
            problem = self._problem(self._work)
            answer = await self._services.ender.end(self._progress, problem)
            self._services.journal.note(self._progress, problem, answer)
            if self._services.traces is not None:
                self._services.traces.note(self._progress, problem, answer)
            if problem is None:
                self.outbox.put(Ended(None if answer is None else answer.credits))
            else:
                self.outbox.put(Failed(problem))
        # Nobody awaits this task, so nothing else would say what went wrong in it.
        except Exception as error:
            log.exception("call_broken", request_id=str(self.request_id))
            self.outbox.put(Failed(problem_of(error)))
        finally:
            metrics.IN_FLIGHT.dec()

    def _problem(self, work: asyncio.Task[None]) -> Problem | None:
        """Return why the call ended early, or None where it did not."""
        if self._progress.stop_reason is not None or work.cancelled():
            return self._stop_problem or CallStopped("Send the call again.")
        error = work.exception()
        if error is None:
            return None
        if not isinstance(error, Problem):
            log.error("call_failed", request_id=str(self.request_id), exc_info=error)
        return problem_of(error)

    async def _do(self) -> None:
        seconds = self._services.settings.call_seconds
        bind_contextvars(request_id=str(self.request_id))
        try:
            async with asyncio.timeout(seconds):
                await self._admit()
                with self.ticket.timed("provider"):
                    await (self._stream if self.ticket.body.is_stream else self._answer)()
        except TimeoutError:
            raise DeadlineExceeded(f"No call may take more than {seconds:g} seconds.") from None

    async def _admit(self) -> None:
        ticket = self.ticket
        await self._services.admission.admit(ticket)
        if keeps_content(ticket):
            self._progress.words = Words()
        metrics.STEP_SECONDS.observe("admit", time.monotonic() - ticket.started)
        self._progress.meter = Meter(
            input_tokens=ticket.body.estimated_input or ticket.input_tokens,
            count_text=self._services.upstream.count_text,
            bounds=bounds_of(ticket),
        )

    async def _answer(self) -> None:
        ticket, progress = self.ticket, self._progress
        progress.is_dispatched = True
        reply = await self._services.dispatcher.answer(
            ticket.principal.account,
            ticket.candidates,
            self._params,
            seconds=self._services.settings.call_seconds,
            on_try=ticket.ask,
            on_failure=ticket.pass_over,
        )
        progress.note_first_token()
        progress.upstream_model = reply.upstream_model
        await self._take(reply)
        body = replies.whole_body(ticket, reply.content, progress.meter.usage())
        receipts = replies.receipts(progress.verdicts)
        if ticket.llm.kind == "speech":
            self.outbox.put(Whole({}, receipts, reply.raw, reply.media_type))
        elif ticket.body.wants_text:
            text = str(body["text"]).encode()
            self.outbox.put(Whole({}, receipts, text, "text/plain; charset=utf-8"))
        else:
            self.outbox.put(Whole(body, receipts))

    async def _take(self, reply: Reply) -> None:
        """Count and check what has come."""
        kind, meter, content = self.ticket.llm.kind, self._progress.meter, reply.content
        if kind == "image":
            meter.receive_images(len(content["data"]))
        elif kind == "chat":
            meter.receive(content["choices"], key="message")
        elif kind == "transcription":
            meter.receive_text(content["text"])
        else:
            meter.note_answer()
        meter.report(reply.usage, is_own=self.ticket.runs.deployment.is_own)
        if kind in {"chat", "transcription"}:
            await self._check(content)
        if kind == "chat":
            self._keep(content["choices"], key="message")

    async def _check(self, content: dict[str, Any]) -> None:
        texts = texts_of_answer(content)
        checked = await self._services.pool.check(
            texts.values, self.ticket.guardrails, stage="output"
        )
        self._progress.output_verdicts = checked.verdicts
        if checked.blocked_by is not None:
            raise blocked(checked.blocked_by)
        texts.replace(checked.texts)
        if any(verdict.outcome == "masked" for verdict in checked.verdicts):
            for choice in content.get("choices", ()):
                # Log probabilities spell out the very tokens that the mask takes away.
                choice["logprobs"] = None

    async def _stream(self) -> None:
        ticket, progress = self.ticket, self._progress
        guard = OutputGuard(ticket.guardrails, self._services.pool)
        progress.is_dispatched = True
        pieces = self._services.dispatcher.stream(
            ticket.principal.account,
            ticket.candidates,
            self._params,
            seconds=self._services.settings.call_seconds,
            on_try=ticket.ask,
            on_failure=ticket.pass_over,
        )
        try:
            async for piece in pieces:
                progress.upstream_model = piece.upstream_model or progress.upstream_model
                if piece.choices:
                    progress.note_first_token()
                    progress.meter.receive(piece.choices, key="delta")
                    self._check_length()
                progress.meter.report(piece.usage, is_own=ticket.runs.deployment.is_own)
                await self._put_out(await guard.pass_on(piece.choices))
            await self._put_out(await guard.end())
        except Blocked:
            verdicts = guard.verdicts
            raise blocked(next(each for each in verdicts if each.outcome == "blocked")) from None
        finally:
            progress.output_verdicts = guard.verdicts
            await pieces.aclose()  # type: ignore[attr-defined]  # generators have it
        if ticket.body.wants_usage:
            usage = replies.usage_chunk(ticket, progress.meter.usage())
            await self.outbox.put_slowly(Streamed(usage, ()))

    def _check_length(self) -> None:
        """Leave a provider that goes on and on, whatever limit it was told.

        Raises:
            UpstreamFailed: no answer within the limit has so many characters.
        """
        limit = self.ticket.output_limit * self.ticket.body.choices
        most = limit * MOST_OUTPUT_TIMES + MOST_OUTPUT_MORE
        if self._progress.meter.rough_output_tokens() > most:
            raise UpstreamFailed("The provider writes far more than the call allows.")

    def _keep(self, choices: list[dict[str, Any]], *, key: str) -> None:
        if self._progress.words is not None:
            self._progress.words.receive(choices, key=key)

    async def _put_out(self, choices: list[dict[str, Any]]) -> None:
        self._keep(choices, key="delta")
        for choice in choices:
            chunk = replies.chunk(self.ticket, [choice])
            receipts = replies.receipts(self.ticket.verdicts)
            await self.outbox.put_slowly(Streamed(chunk, receipts))

    def _params(self, llm: Llm) -> dict[str, Any]:
        params = dict(self.ticket.body.upstream)
        if llm.kind == "chat":
            # The upper bound holds only if the provider knows it.
            limit = self.ticket.output_limit
            params["max_tokens"] = min(limit, llm.max_output_tokens or limit)
        return params
