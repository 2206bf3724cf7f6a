"""May this call run, and what may it cost: everything before the provider hears of it."""

import asyncio
import time
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID, uuid5

import structlog

from core.credits.errors import CapReached, IdempotencyMismatch, InsufficientCredits
from core.credits.messages import CallContext, ReserveAnswer, ReserveRequest
from core.gateway import pricing
from core.gateway.bodies import Body
from core.gateway.entitlement import llm_for
from core.gateway.errors import (
    AccountSuspended,
    GuardrailBlocked,
    IdempotencyReplay,
    InvalidBody,
    LedgerUnavailable,
)
from core.gateway.ports import AccountSnapshot, Ledger, Llm, Price, Principal
from core.gateway.pricing import Usage
from core.gateway.providers import Upstream
from core.gateway.settings import GatewaySettings
from core.gateway.snapshots import Credential, Snapshots
from core.gateway.upstream_errors import ContextTooLong
from core.guardrails.engine import GuardrailPool
from core.guardrails.verdicts import BoundGuardrail, Verdict
from core.kit.clock import now
from core.kit.ids import uuid7
from core.kit.money import MICROCREDITS_PER_CREDIT, credits_for, format_credits

log = structlog.get_logger(__name__)

# Where a caller sets no limit, a wallet that is nearly empty still gives a short answer.
SHORTEST_OUTPUT_TOKENS = 256
# For an LLM whose limit nobody has entered.
UNKNOWN_OUTPUT_LIMIT = 4_096
# A call that failed before it cost anything may be repeated under the same key.
MOST_ATTEMPTS = 8
# Postgres may be restarting; a client would rather wait a moment than be refused.
RESERVE_TRIES = 4
RESERVE_PAUSE_SECONDS = 0.25
# Rights may move again while we look again; after that the caller is told to.
MOST_LOOKS = 4

_KEY_NAMESPACE = UUID("6a1c5f0e-2d6f-4b57-9f53-0f8a4f6b7c11")


@dataclass(slots=True)
class Ticket:
    """One call on its way: what came in, and what has been decided about it so far."""

    credential: Credential
    body: Body
    idempotency_key: str = ""
    agent_id: UUID | None = None
    request_id: UUID = field(default_factory=uuid7)
    started: float = field(default_factory=time.monotonic)
    created: int = field(default_factory=lambda: int(time.time()))
    verdicts: tuple[Verdict, ...] = ()
    input_tokens: int = 0
    output_limit: int = 0
    # Set before the ledger is asked: from then on there may be something to give back.
    may_hold: bool = False
    held_since: float | None = None
    _principal: Principal | None = None
    _snapshot: AccountSnapshot | None = None
    _llm: Llm | None = None

    @property
    def principal(self) -> Principal:
        """Who is calling; known after the first step."""
        assert self._principal is not None
        return self._principal

    @property
    def snapshot(self) -> AccountSnapshot:
        """What is on; known after the first step."""
        assert self._snapshot is not None
        return self._snapshot

    @property
    def llm(self) -> Llm:
        """What is called; known after the second step."""
        assert self._llm is not None
        return self._llm

    @property
    def price(self) -> Price:
        """What is charged; an LLM without a price never gets here."""
        assert self.llm.price is not None
        return self.llm.price

    @property
    def is_identified(self) -> bool:
        """Whether the caller and the LLM are known, so that an event could be written."""
        return self._principal is not None and self._snapshot is not None and self._llm is not None

    @property
    def guardrails(self) -> tuple[BoundGuardrail, ...]:
        """What applies to the call."""
        return tuple(self.snapshot.guardrails.get(self.principal.product, ()))

    def identify(self, principal: Principal, snapshot: AccountSnapshot, llm: Llm) -> None:
        """Take down who calls what."""
        self._principal, self._snapshot, self._llm = principal, snapshot, llm

    def credits_of(self, cost_usd: Decimal) -> int:
        """Return a cost in micro-credits of the account."""
        return credits_for(cost_usd, self.snapshot.credit_factor)


class Admission:
    """Identifies, entitles, guards and reserves."""

    def __init__(
        self,
        *,
        snapshots: Snapshots,
        ledger: Ledger,
        upstream: Upstream,
        pool: GuardrailPool,
        settings: GatewaySettings,
    ) -> None:
        self._snapshots = snapshots
        self._ledger = ledger
        self._upstream = upstream
        self._pool = pool
        self._settings = settings

    async def admit(self, ticket: Ticket) -> None:
        """Decide about a call and hold what it may cost. The hold counts as dispatched.

        Raises:
            A problem that says why not; nothing is held then.
        """
        for _ in range(MOST_LOOKS):
            before = ticket.guardrails if ticket.is_identified else None
            await self.identify(ticket)
            if before != ticket.guardrails:
                await self._guard(ticket)
            answer = await self._reserve(ticket)
            if answer.outcome != "stale":
                break
            assert answer.policy_version is not None
            schema = ticket.principal.account.schema_name
            self._snapshots.moved(schema, answer.policy_version)
        await self._judge(ticket, answer)

    async def identify(self, ticket: Ticket) -> None:
        """Find out who calls which LLM, and whether they may.

        Raises:
            InvalidKey, AccountSuspended, LlmNotFound, LlmNotAllowed, PriceUnknown, InvalidBody:
                as their names say.
        """
        principal = await self._snapshots.principal(ticket.credential)
        snapshot = await self._open_snapshot(principal)
        llm = llm_for(snapshot, principal.product, ticket.body)
        if ticket.body.has_remote_images and not self._upstream.takes_image_addresses(llm):
            raise InvalidBody(
                f"{llm.name} takes images as data URLs only, not by their address.",
                param="messages",
            )
        ticket.identify(principal, snapshot, llm)

    async def check_again(self, ticket: Ticket) -> None:
        """Find out whether a call that runs still may, now that rights have moved.

        Raises:
            What `identify` raises.
        """
        principal = ticket.principal
        # A token that ran out while its answer was running is no revocation.
        if principal.expires_at is None or principal.expires_at > now():
            principal = await self._snapshots.principal(ticket.credential)
        snapshot = await self._open_snapshot(principal)
        llm_for(snapshot, principal.product, ticket.body)

    async def _open_snapshot(self, principal: Principal) -> AccountSnapshot:
        snapshot = await self._snapshots.snapshot(principal.account)
        if snapshot.is_suspended:
            raise AccountSuspended("A super admin has suspended this account; ask them about it.")
        return snapshot

    async def _guard(self, ticket: Ticket) -> None:
        guardrails = ticket.guardrails
        if not guardrails:
            return
        texts = ticket.body.texts()
        checked = await self._pool.check(texts.values, guardrails, stage="input")
        ticket.verdicts = checked.verdicts
        if checked.blocked_by is not None:
            raise blocked(checked.blocked_by)
        texts.replace(checked.texts)

    async def _reserve(self, ticket: Ticket) -> ReserveAnswer:
        ticket.input_tokens = await self._upstream.count_input(ticket.body)
        _check_context(ticket)
        ticket.output_limit = _output_limit(ticket)
        for attempt in range(MOST_ATTEMPTS if ticket.idempotency_key else 1):
            if ticket.idempotency_key:
                ticket.request_id = _request_id_of(ticket, attempt)
            ticket.may_hold = True
            answer = await self._ask(ticket, self._request(ticket))
            is_ours = answer.outcome == "reserved"
            ticket.may_hold = is_ours
            if answer.outcome != "duplicate" or answer.state != "released":
                break
        if is_ours:
            ticket.held_since = time.monotonic()
        return answer

    async def _ask(self, ticket: Ticket, request: ReserveRequest) -> ReserveAnswer:
        """Ask the ledger, again if the answer got lost: it knows the request by its id."""
        schema = ticket.principal.account.schema_name
        for attempt in range(RESERVE_TRIES):
            try:
                answer = await self._ledger.reserve(schema, request)
            # Whatever keeps the ledger from answering, nothing may run without it.
            except Exception as error:  # noqa: BLE001
                log.warning("reserve_repeated", attempt=attempt, error=type(error).__name__)
                await asyncio.sleep(RESERVE_PAUSE_SECONDS * 2**attempt)
                continue
            if attempt and answer.outcome == "duplicate" and answer.state == "open":
                # Our own first try, whose answer was lost.
                return ReserveAnswer(
                    outcome="reserved", amount=answer.amount, sources=answer.sources
                )
            return answer
        raise LedgerUnavailable("Try again in a moment; nothing was charged.")

    def _request(self, ticket: Ticket) -> ReserveRequest:
        principal, snapshot, body = ticket.principal, ticket.snapshot, ticket.body
        most = _bound(ticket, ticket.output_limit)
        least = None
        if body.max_output_tokens is None and body.kind == "chat":
            least = _bound(ticket, min(SHORTEST_OUTPUT_TOKENS, ticket.output_limit))
        estimate = Usage(input_tokens=ticket.input_tokens, images=body.images)
        return ReserveRequest(
            request_id=ticket.request_id,
            wallet_id=principal.wallet_id,
            amount=most,
            minimum=least,
            factor=snapshot.credit_factor,
            factor_version=snapshot.factor_version,
            price_version=ticket.price.version[:64],
            policy_version=min(principal.policy_version, snapshot.policy_version),
            fingerprint=body.fingerprint,
            ttl_seconds=self._settings.hold_seconds,
            dispatch=True,
            estimate_microcredits=ticket.credits_of(pricing.cost_of(estimate, ticket.price)),
            cap_subjects=principal.cap_subjects,
            context=context_of(ticket),
        )

    async def _judge(self, ticket: Ticket, answer: ReserveAnswer) -> None:
        match answer.outcome:
            case "reserved":
                _shrink(ticket, answer)
            case "insufficient":
                raise await self._insufficient(ticket, answer)
            case "capped":
                raise CapReached(
                    f"This call may cost {format_credits(answer.asked)} credits; a cap leaves "
                    f"{format_credits(answer.free)}.",
                    asked=format_credits(answer.asked),
                    available=format_credits(answer.free),
                    subject=str(answer.cap_subject),
                )
            case "suspended":
                raise AccountSuspended(
                    "A super admin has suspended this account; ask them about it."
                )
            case "mismatch":
                raise IdempotencyMismatch("This Idempotency-Key was used with another body.")
            case "duplicate":
                raise IdempotencyReplay(
                    "This call was made before and is not charged again. Its answer is not kept; "
                    "send a new Idempotency-Key to make another call.",
                    state=answer.state,
                )
            case "stale":
                raise LedgerUnavailable("Rights keep changing; try again in a moment.")

    async def _insufficient(self, ticket: Ticket, answer: ReserveAnswer) -> InsufficientCredits:
        asked, available = format_credits(answer.asked), format_credits(answer.free)
        wallet_id = answer.wallet_id or ticket.principal.wallet_id
        note = await self._snapshots.wallet_note(ticket.principal, wallet_id)
        label = note.label or f"the {answer.wallet_kind or 'acting'} wallet"
        helpers = ", ".join(note.helpers) or "Your account admin"
        return InsufficientCredits(
            f"This call may cost {asked} credits, and {label} has {available} left to spend. "
            f"{helpers} can add credits.",
            asked=asked,
            available=available,
            wallet=str(wallet_id),
            wallet_label=label,
            wallet_kind=answer.wallet_kind,
            who_can_help=list(note.helpers),
        )


def blocked(verdict: Verdict) -> GuardrailBlocked:
    """Return the refusal that follows from a verdict."""
    found = ", ".join(sorted(verdict.found))
    place = "request" if verdict.stage == "input" else "answer"
    return GuardrailBlocked(
        f"The guardrail {verdict.name!r} found {found} in the {place} and blocks it.",
        guardrail=verdict.name,
        stage=verdict.stage,
        found=dict(verdict.found),
    )


def context_of(ticket: Ticket) -> CallContext:
    """Return who calls what, as the ledger keeps it."""
    principal = ticket.principal
    return CallContext(
        product=principal.product,
        llm=ticket.llm.name,
        kind=ticket.llm.kind,
        user_id=principal.user_id,
        member_id=principal.member_id,
        membership_id=principal.membership_id,
        team_id=principal.team_id,
        organization_id=principal.organization_id,
        key_id=principal.key_id,
        client_id=principal.client_id,
        agent_id=ticket.agent_id,
        labels=principal.labels,
    )


def _output_limit(ticket: Ticket) -> int:
    if ticket.llm.kind == "embedding":
        return 0
    limit = ticket.llm.max_output_tokens
    if ticket.llm.kind == "chat":
        limit = limit or UNKNOWN_OUTPUT_LIMIT
        if ticket.llm.context_window:
            # Providers refuse a limit that the window could never hold.
            limit = max(min(limit, ticket.llm.context_window - ticket.input_tokens), 1)
    asked = ticket.body.max_output_tokens
    return limit if asked is None else min(asked, limit)


def _check_context(ticket: Ticket) -> None:
    # A batch of texts to embed goes through the window one by one; the provider knows.
    window = 0 if ticket.llm.kind == "embedding" else ticket.llm.context_window
    # Our count is not the provider's, so only what is clearly too long is refused here.
    if window and ticket.input_tokens * 100 > window * pricing.INPUT_MARGIN_PERCENT:
        raise ContextTooLong(
            f"The request has about {ticket.input_tokens} tokens; {ticket.llm.name} takes "
            f"{window}.",
            param="prompt" if ticket.body.kind == "image" else "messages",
        )


def _bound(ticket: Ticket, output_tokens: int) -> int:
    cost = pricing.upper_bound(
        ticket.price,
        input_tokens=ticket.input_tokens,
        output_tokens=output_tokens * ticket.body.choices,
        images=ticket.body.images,
    )
    return ticket.credits_of(cost)


def _shrink(ticket: Ticket, answer: ReserveAnswer) -> None:
    """Let the answer be no longer than what could be held for it."""
    if answer.amount >= _bound(ticket, ticket.output_limit):
        return
    budget = Decimal(answer.amount) / MICROCREDITS_PER_CREDIT / ticket.snapshot.credit_factor
    affordable = pricing.affordable_output_tokens(
        ticket.price, budget_usd=budget, input_tokens=ticket.input_tokens
    )
    ticket.output_limit = max(min(affordable // ticket.body.choices, ticket.output_limit), 1)


def _request_id_of(ticket: Ticket, attempt: int) -> UUID:
    principal = ticket.principal
    caller = principal.key_id or principal.member_id
    name = f"{principal.account.id}|{principal.product}|{caller}|{attempt}|"
    return uuid5(_KEY_NAMESPACE, name + ticket.idempotency_key)
