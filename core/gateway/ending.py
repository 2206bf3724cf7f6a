"""How a call ends in the ledger: charged, released, or recorded as free."""

import time
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

import structlog

from core.credits.messages import CallOutcome, ReserveRequest, SettleAnswer, SettleRequest
from core.gateway import metrics, pricing
from core.gateway.errors import DeadlineExceeded, GuardrailBlocked, UpstreamTimeout
from core.gateway.metering import Meter
from core.gateway.ports import Ledger
from core.gateway.pricing import Usage
from core.gateway.rates import RateLimiter
from core.gateway.settings import GatewaySettings
from core.gateway.settling import Settler
from core.gateway.ticket import Ticket, context_of
from core.gateway.words import Words
from core.guardrails.errors import GuardrailUnavailable
from core.guardrails.verdicts import Verdict
from core.kit.ids import uuid7
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

StopReason = Literal["client_gone", "refused", "stopping"]


@dataclass(slots=True)
class Progress:
    """How far a call has come since its admission."""

    ticket: Ticket
    meter: Meter
    is_dispatched: bool = False
    stop_reason: StopReason | None = None
    first_token: float | None = None
    upstream_model: str = ""
    output_verdicts: tuple[Verdict, ...] = field(default=())
    # What was said, where a log may keep it, and what the ledger was told.
    words: Words | None = None
    settled: SettleRequest | None = None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the guardrails of both stages have decided."""
        return (*self.ticket.verdicts, *self.output_verdicts)

    def note_first_token(self) -> None:
        """Take the time, once."""
        if self.first_token is None:
            self.first_token = time.monotonic()
            waited = self.first_token - self.ticket.started
            metrics.STEP_SECONDS.observe("first_token", waited)


class Ender:
    """Ends calls, and says so to operators."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        settler: Settler,
        settings: GatewaySettings,
        rates: RateLimiter,
    ) -> None:
        self._ledger = ledger
        self._rates = rates
        self._settler = settler
        self._settings = settings

    async def end(self, progress: Progress, problem: Problem | None) -> SettleAnswer | None:
        """End a call; `problem` is why it ended early. None: nothing is charged, or not yet."""
        with progress.ticket.timed("settle"):
            answer = await self._end(progress, problem)
        if (rate := progress.ticket.rate) is not None and rate.taken.is_taken:
            self._rates.correct(rate, _tokens_of(progress, problem))
        _report(progress, problem, answer)
        return answer

    async def _end(self, progress: Progress, problem: Problem | None) -> SettleAnswer | None:
        ticket = progress.ticket
        if not ticket.may_hold:
            if isinstance(problem, GuardrailBlocked):
                await self._record_refusal(progress, problem)
            return None
        schema = ticket.principal.account.schema_name
        if not progress.is_dispatched:
            await self._settler.release(schema, ticket.request_id, owner=ticket.owner)
            return None
        if problem is not None and ticket.idempotency_key and _is_free(progress, problem):
            # The key stays good for another try; the failure is recorded under an id of its own.
            await self._settler.release(schema, ticket.request_id, owner=ticket.owner)
            await self._record_refusal(progress, problem)
            return None
        progress.settled = settlement(progress, problem)
        return await self._settler.settle(schema, progress.settled)

    async def _record_refusal(self, progress: Progress, problem: Problem) -> None:
        """Leave an event of a call that costs nothing: a block, a provider's failure."""
        ticket = progress.ticket
        schema = ticket.principal.account.schema_name
        request = ReserveRequest(
            request_id=uuid7(),
            wallet_id=ticket.principal.wallet_id,
            amount=0,
            factor=ticket.snapshot.credit_factor,
            factor_version=ticket.snapshot.factor_version,
            price_version=ticket.price.version[:64],
            fingerprint=ticket.body.fingerprint,
            ttl_seconds=self._settings.hold_seconds,
            context=context_of(ticket),
        )
        try:
            held = await self._ledger.reserve(schema, request)
        # A refusal that leaves no event is a pity; one that fails for it would be a fault.
        except Exception as error:  # noqa: BLE001
            log.warning("refusal_not_recorded", error=type(error).__name__)
            return
        if held.outcome == "reserved":
            free = replace(
                settlement(progress, problem),
                request_id=request.request_id,
                cost_usd=pricing.NOTHING,
            )
            await self._settler.settle(schema, free)


def settlement(progress: Progress, problem: Problem | None) -> SettleRequest:
    """Return what the ledger is to know of a call's end."""
    ticket, answered_by = progress.ticket, progress.ticket.llm
    if _is_free(progress, problem):
        usage, cost = Usage(), pricing.NOTHING
    else:
        answered_by = ticket.runs
        # A client that hangs up before the first token has still had its input read.
        usage = progress.meter.usage()
        cost = pricing.cost_of(usage, ticket.charged_price)
        if usage.is_estimated and progress.meter.reported is not None:
            log.warning(
                "usage_not_believed",
                request_id=str(ticket.request_id),
                deployment=ticket.runs.deployment.label,
                reported=asdict(progress.meter.reported),
                charged=asdict(usage),
            )
    return SettleRequest(
        request_id=ticket.request_id,
        cost_usd=cost,
        outcome=outcome_of(progress, problem),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        is_estimated=usage.is_estimated,
        llm=answered_by.name if answered_by.name != ticket.llm.name else "",
        price_version=(answered_by.price or ticket.price).version[:64],
        upstream_model=progress.upstream_model or ticket.runs.deployment.upstream_model,
        deployment=ticket.runs.deployment.label,
        guardrails=[verdict.as_record() for verdict in progress.verdicts],
        latency_ms=_milliseconds(ticket.started, time.monotonic()),
        first_token_ms=_milliseconds(ticket.started, progress.first_token),
        status_code=status_of(progress, problem),
        error_code="" if problem is None else problem.code,
    )


def _tokens_of(progress: Progress, problem: Problem | None) -> int:
    """Return what a call has used of its key's tokens."""
    if not progress.is_dispatched or _is_free(progress, problem):
        return 0
    usage = progress.meter.usage()
    return usage.input_tokens + usage.output_tokens


def _is_free(progress: Progress, problem: Problem | None) -> bool:
    """Whether the provider failed before it sent anything: it bills nothing then."""
    failed = problem is not None and progress.stop_reason is None
    return failed and not progress.meter.has_received


def outcome_of(progress: Progress, problem: Problem | None) -> CallOutcome:
    """Return how a call has ended."""
    if problem is None:
        return "ok"
    if progress.stop_reason == "client_gone":
        return "client_gone"
    is_guarded = isinstance(problem, GuardrailBlocked | GuardrailUnavailable)
    if progress.stop_reason == "refused" or is_guarded:
        return "blocked"
    is_late = isinstance(problem, DeadlineExceeded | UpstreamTimeout)
    return "timeout" if is_late else "error"


def status_of(progress: Progress, problem: Problem | None) -> int:
    """Return the status that the client got, or would have got."""
    if problem is None:
        return 200
    # What nginx calls "client closed request": nobody saw a status.
    return 499 if progress.stop_reason == "client_gone" else problem.status


def _report(progress: Progress, problem: Problem | None, answer: SettleAnswer | None) -> None:
    ticket, outcome = progress.ticket, outcome_of(progress, problem)
    metrics.CALLS.labels(ticket.body.kind, outcome).inc()
    metrics.STEP_SECONDS.observe("call", time.monotonic() - ticket.started)
    code = "" if problem is None else problem.code
    if problem is not None:
        metrics.REFUSALS.labels("client_gone" if outcome == "client_gone" else code).inc()
        if code.startswith("upstream") and ticket.is_identified:
            metrics.UPSTREAM_ERRORS.labels(ticket.runs.deployment.provider, code).inc()
    if answer is not None:
        metrics.CREDITS.labels(ticket.body.kind).inc(max(answer.credits, 0))
    log.info(
        "call",
        request_id=str(ticket.request_id),
        account=ticket.principal.account.slug if ticket.is_known else "",
        llm=ticket.body.model,
        outcome=outcome,
        code=code,
        microcredits=None if answer is None else answer.credits,
        milliseconds=_milliseconds(ticket.started, time.monotonic()),
    )


def _milliseconds(start: float, end: float | None) -> int | None:
    return None if end is None else int((end - start) * 1000)
