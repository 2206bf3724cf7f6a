"""One call from admission to settlement, in a task of its own.

The request's task only relays what the call puts out. So nothing that happens to the connection,
to the client or to the server's handling of the request can keep a call from being settled.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

import structlog

from core.credits.messages import CallOutcome, ReserveRequest, SettleAnswer, SettleRequest
from core.gateway import metrics, pricing, replies
from core.gateway.admission import Admission, Ticket, blocked, context_of
from core.gateway.errors import (
    CallStopped,
    DeadlineExceeded,
    GuardrailBlocked,
    UpstreamTimeout,
    problem_of,
)
from core.gateway.metering import Meter
from core.gateway.outbox import Ended, Failed, Outbox, Streamed, Whole
from core.gateway.ports import Ledger
from core.gateway.pricing import Usage
from core.gateway.providers import Upstream
from core.gateway.settings import GatewaySettings
from core.gateway.settling import Settler
from core.gateway.streaming import OutputGuard
from core.gateway.texts import texts_of_answer
from core.guardrails.engine import GuardrailPool
from core.guardrails.errors import GuardrailUnavailable
from core.guardrails.verdicts import Verdict
from core.guardrails.window import Blocked
from core.kit.ids import uuid7
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

StopReason = Literal["client_gone", "refused", "stopping"]


@dataclass(frozen=True, slots=True)
class Services:
    """What every call of a process works with."""

    admission: Admission
    ledger: Ledger
    upstream: Upstream
    pool: GuardrailPool
    settler: Settler
    settings: GatewaySettings


class Call:
    """One call. `start()` it, read its `outbox`, and `stop()` it where need be."""

    def __init__(self, services: Services, ticket: Ticket) -> None:
        self.ticket = ticket
        self.outbox = Outbox()
        self._services = services
        self._meter = Meter(input_tokens=0, count_text=services.upstream.count_text)
        self._guard = OutputGuard((), services.pool)
        self._output_verdicts: tuple[Verdict, ...] = ()
        self._is_dispatched = False
        self._stop_reason: StopReason | None = None
        self._stop_problem: Problem | None = None
        self._first_token: float | None = None
        self._upstream_model = ""
        self._work: asyncio.Task[None] | None = None
        self._runner: asyncio.Task[None] | None = None

    # -- what the process does with a call ---------------------------------------------------------

    def start(self, *, when_done: Callable[["Call"], None]) -> None:
        """Begin."""
        self._work = asyncio.create_task(self._do())
        self._runner = asyncio.create_task(self._run())
        self._runner.add_done_callback(lambda _: when_done(self))

    def stop(self, reason: StopReason, problem: Problem | None = None) -> None:
        """End the call early; what it has used so far is charged."""
        if self._stop_reason is not None or self._work is None or self._work.done():
            return
        # An image or an embedding is billed as a whole, whether or not anybody waits for it.
        if reason == "client_gone" and self._is_dispatched and self.ticket.body.kind != "chat":
            return
        self._stop_reason, self._stop_problem = reason, problem
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
        used = Usage(output_tokens=self._meter.rough_output_tokens())
        return self.ticket.credits_of(pricing.cost_of(used, self.ticket.price))

    # -- the call itself ---------------------------------------------------------------------------

    async def _run(self) -> None:
        assert self._work is not None
        metrics.IN_FLIGHT.inc()
        try:
            await asyncio.wait({self._work})
            problem = self._problem()
            answer = await self._end(problem)
            self._log(problem, answer)
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

    async def _do(self) -> None:
        try:
            async with asyncio.timeout(self._services.settings.call_seconds):
                await self._admit()
                if self.ticket.body.is_stream:
                    await self._stream()
                else:
                    await self._answer()
        except TimeoutError:
            raise DeadlineExceeded(
                f"No call may take more than {self._services.settings.call_seconds:g} seconds."
            ) from None

    async def _admit(self) -> None:
        await self._services.admission.admit(self.ticket)
        metrics.STEP_SECONDS.labels("admit").observe(time.monotonic() - self.ticket.started)
        self._meter = Meter(
            input_tokens=self.ticket.input_tokens,
            count_text=self._services.upstream.count_text,
        )
        self._guard = OutputGuard(self.ticket.guardrails, self._services.pool)

    async def _answer(self) -> None:
        ticket = self.ticket
        self._is_dispatched = True
        reply = await self._services.upstream.answer(
            ticket.principal.account, ticket.llm, self._params(), seconds=self._services.settings.call_seconds
        )
        self._note_first_token()
        self._upstream_model = reply.upstream_model
        self._meter.report(reply.usage)
        content = reply.content
        if ticket.llm.kind == "image":
            self._meter.receive_images(len(content["data"]))
        if ticket.llm.kind == "chat":
            self._meter.receive(content["choices"], key="message")
            await self._check(content)
        usage = self._meter.usage()
        body = replies.whole_body(ticket, content, usage)
        self.outbox.put(Whole(body, replies.receipts(self._verdicts())))

    async def _check(self, content: dict[str, Any]) -> None:
        texts = texts_of_answer(content)
        checked = await self._services.pool.check(
            texts.values, self.ticket.guardrails, stage="output"
        )
        self._output_verdicts = checked.verdicts
        if checked.blocked_by is not None:
            raise blocked(checked.blocked_by)
        texts.replace(checked.texts)
        if any(verdict.outcome == "masked" for verdict in checked.verdicts):
            for choice in content["choices"]:
                # Log probabilities spell out the very tokens that the mask takes away.
                choice["logprobs"] = None

    async def _stream(self) -> None:
        ticket = self.ticket
        self._is_dispatched = True
        pieces = self._services.upstream.stream(
            ticket.principal.account, ticket.llm, self._params(), seconds=self._services.settings.call_seconds
        )
        try:
            async for piece in pieces:
                self._meter.report(piece.usage)
                self._upstream_model = piece.upstream_model or self._upstream_model
                if piece.choices:
                    self._note_first_token()
                    self._meter.receive(piece.choices, key="delta")
                    await self._put_out(await self._guard.pass_on(piece.choices))
            await self._put_out(await self._guard.end())
        except Blocked:
            verdicts = self._guard.verdicts
            raise blocked(next(each for each in verdicts if each.outcome == "blocked")) from None
        finally:
            self._output_verdicts = self._guard.verdicts
            await pieces.aclose()  # type: ignore[attr-defined]  # generators have it
        if ticket.body.wants_usage:
            await self.outbox.put_slowly(
                Streamed(replies.usage_chunk(ticket, self._meter.usage()), ())
            )

    async def _put_out(self, choices: list[dict[str, Any]]) -> None:
        for choice in choices:
            chunk = replies.chunk(self.ticket, [choice])
            receipts = replies.receipts(self.ticket.verdicts)
            await self.outbox.put_slowly(Streamed(chunk, receipts))

    def _params(self) -> dict[str, Any]:
        params = dict(self.ticket.body.upstream)
        if self.ticket.llm.kind == "chat":
            # The upper bound holds only if the provider knows it.
            params["max_tokens"] = self.ticket.output_limit
        return params

    def _note_first_token(self) -> None:
        if self._first_token is None:
            self._first_token = time.monotonic()
            waited = self._first_token - self.ticket.started
            metrics.STEP_SECONDS.labels("first_token").observe(waited)

    # -- its end -----------------------------------------------------------------------------------

    def _problem(self) -> Problem | None:
        """Return why the call ended early, or None where it did not."""
        assert self._work is not None
        if self._stop_reason is not None or self._work.cancelled():
            return self._stop_problem or CallStopped("Send the call again.")
        error = self._work.exception()
        if error is None:
            return None
        if not isinstance(error, Problem):
            log.error("call_failed", request_id=str(self.request_id), exc_info=error)
        return problem_of(error)

    async def _end(self, problem: Problem | None) -> SettleAnswer | None:
        self._count(problem)
        ticket, settler = self.ticket, self._services.settler
        if isinstance(problem, GuardrailBlocked) and not ticket.may_hold:
            await self._record_refusal(problem)
            return None
        if not ticket.may_hold:
            return None
        if not self._is_dispatched:
            await settler.release(self.schema, self.request_id)
            return None
        if self._has_failed_for_free(problem) and ticket.idempotency_key:
            # The key stays good for another try; the failure is recorded under an id of its own.
            await settler.release(self.schema, self.request_id)
            assert problem is not None
            await self._record_refusal(problem)
            return None
        answer = await settler.settle(self.schema, self._settlement(problem))
        if answer is not None:
            metrics.CREDITS.labels(ticket.llm.kind).inc(max(answer.credits, 0))
        return answer

    def _has_failed_for_free(self, problem: Problem | None) -> bool:
        """Whether the provider failed before it sent anything: it bills nothing then."""
        failed = problem is not None and self._stop_reason is None
        return failed and not self._meter.has_received

    def _settlement(self, problem: Problem | None) -> SettleRequest:
        ticket = self.ticket
        if self._has_failed_for_free(problem):
            usage, cost = Usage(), pricing.NOTHING
        else:
            # A client that hangs up before the first token has still had its input read.
            usage = self._meter.usage()
            cost = pricing.cost_of(usage, ticket.price)
        return SettleRequest(
            request_id=self.request_id,
            cost_usd=cost,
            outcome=self._outcome(problem),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            is_estimated=usage.is_estimated,
            upstream_model=self._upstream_model or ticket.llm.deployment.upstream_model,
            deployment=ticket.llm.deployment.label,
            guardrails=[verdict.as_record() for verdict in self._verdicts()],
            latency_ms=_milliseconds(ticket.started, time.monotonic()),
            first_token_ms=_milliseconds(ticket.started, self._first_token),
            status_code=200 if problem is None else self._status(problem),
            error_code="" if problem is None else problem.code,
        )

    async def _record_refusal(self, problem: Problem) -> None:
        """Leave an event of a call that costs nothing: a block, a provider's failure."""
        ticket = self.ticket
        request = ReserveRequest(
            request_id=uuid7(),
            wallet_id=ticket.principal.wallet_id,
            amount=0,
            factor=ticket.snapshot.credit_factor,
            factor_version=ticket.snapshot.factor_version,
            price_version=ticket.price.version[:64],
            fingerprint=ticket.body.fingerprint,
            ttl_seconds=self._services.settings.hold_seconds,
            context=context_of(ticket),
        )
        try:
            held = await self._services.ledger.reserve(self.schema, request)
        # A refusal that leaves no event is a pity; one that fails for it would be a fault.
        except Exception as error:  # noqa: BLE001
            log.warning("refusal_not_recorded", error=type(error).__name__)
            return
        if held.outcome == "reserved":
            free = replace(
                self._settlement(problem), request_id=request.request_id, cost_usd=pricing.NOTHING
            )
            await self._services.settler.settle(self.schema, free)

    def _outcome(self, problem: Problem | None) -> CallOutcome:
        if problem is None:
            return "ok"
        if self._stop_reason == "client_gone":
            return "client_gone"
        if self._stop_reason == "refused" or isinstance(
            problem, GuardrailBlocked | GuardrailUnavailable
        ):
            return "blocked"
        is_late = isinstance(problem, DeadlineExceeded | UpstreamTimeout)
        return "timeout" if is_late else "error"

    def _status(self, problem: Problem) -> int:
        # What nginx calls "client closed request": nobody saw a status.
        return 499 if self._stop_reason == "client_gone" else problem.status

    def _verdicts(self) -> tuple[Verdict, ...]:
        return (*self.ticket.verdicts, *self._output_verdicts)

    def _log(self, problem: Problem | None, answer: SettleAnswer | None) -> None:
        ticket = self.ticket
        log.info(
            "call",
            request_id=str(ticket.request_id),
            account=ticket.principal.account.slug if ticket.is_identified else "",
            llm=ticket.body.model,
            outcome=self._outcome(problem),
            code="" if problem is None else problem.code,
            microcredits=None if answer is None else answer.credits,
            milliseconds=_milliseconds(ticket.started, time.monotonic()),
        )

    def _count(self, problem: Problem | None) -> None:
        kind = self.ticket.body.kind
        metrics.CALLS.labels(kind, self._outcome(problem)).inc()
        metrics.STEP_SECONDS.labels("call").observe(time.monotonic() - self.ticket.started)
        if problem is not None:
            code = "client_gone" if self._stop_reason == "client_gone" else problem.code
            metrics.REFUSALS.labels(code).inc()


def _milliseconds(start: float, end: float | None) -> int | None:
    return None if end is None else int((end - start) * 1000)
