"""May this call run, and what may it cost: everything before the provider hears of it."""

import asyncio
import time
from uuid import UUID, uuid5

import structlog
from structlog.contextvars import bind_contextvars

from core.credits.errors import CapReached, IdempotencyMismatch, InsufficientCredits
from core.credits.messages import ReserveAnswer, ReserveRequest
from core.gateway import pricing
from core.gateway.bounds import check_context, most_credits, output_limit, shrink
from core.gateway.entitlement import llm_for, may_keep_content, rights_end, stand_ins_for
from core.gateway.errors import (
    AccountSuspended,
    GuardrailBlocked,
    IdempotencyReplay,
    InvalidBody,
    LedgerUnavailable,
)
from core.gateway.ports import AccountSnapshot, Ledger, Llm, Principal
from core.gateway.pricing import Usage
from core.gateway.providers import Upstream
from core.gateway.rates import RateLimiter
from core.gateway.refusals import Refusals
from core.gateway.settings import GatewaySettings
from core.gateway.snapshots import Snapshots
from core.gateway.ticket import Ticket, context_of
from core.guardrails.engine import GuardrailPool
from core.guardrails.verdicts import Verdict
from core.kit.clock import now
from core.kit.money import format_credits
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

# Where a caller sets no limit, a wallet that is nearly empty still gives a short answer.
SHORTEST_OUTPUT_TOKENS = 256
# What a call counts in its key's minute until it has ended, where it sets no limit itself.
ASSUMED_OUTPUT_TOKENS = {"chat": SHORTEST_OUTPUT_TOKENS}
# A call that failed before it cost anything may be repeated under the same key.
MOST_ATTEMPTS = 8
# Postgres may be restarting; a client would rather wait a moment than be refused.
RESERVE_TRIES = 4
RESERVE_PAUSE_SECONDS = 0.25
# Rights may move again while we look again; after that the caller is told to.
MOST_LOOKS = 4

_KEY_NAMESPACE = UUID("6a1c5f0e-2d6f-4b57-9f53-0f8a4f6b7c11")


class Admission:
    """Identifies, entitles, guards and reserves."""

    def __init__(
        self,
        *,
        snapshots: Snapshots,
        refusals: Refusals,
        ledger: Ledger,
        upstream: Upstream,
        pool: GuardrailPool,
        settings: GatewaySettings,
        rates: RateLimiter,
    ) -> None:
        self._rates = rates
        self._snapshots = snapshots
        self._refusals = refusals
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
            with ticket.timed("limits"):
                await self._take_rate(ticket)
            if before != ticket.guardrails:
                with ticket.timed("input_guardrails"):
                    await self._guard(ticket)
            with ticket.timed("reserve"):
                answer = await self._reserve(ticket)
            if answer.outcome != "stale":
                break
            assert answer.policy_version is not None
            schema = ticket.principal.account.schema_name
            self._snapshots.moved(schema, answer.policy_version)
        await self._judge(ticket, answer)

    async def count(self, ticket: Ticket) -> int:
        """Return how many tokens a request has that might be sent. It is free, and counts as one.

        Raises:
            What `identify` raises, and RateLimited.
        """
        await self.identify(ticket)
        principal = ticket.principal
        if principal.key_id is not None and principal.limits.has_rates:
            rate = await self._rates.take(principal.key_id, principal.limits, tokens=0)
            if refusal := rate.refusal():
                raise refusal
        return await self._upstream.count_input(ticket.body)

    async def identify(self, ticket: Ticket) -> None:
        """Find out who calls which LLM, and whether they may.

        Raises:
            InvalidKey, AccountSuspended, LlmNotFound, LlmNotAllowed, PriceUnknown, InvalidBody:
                as their names say.
        """
        with ticket.timed("principal"):
            principal = await self._snapshots.principal(ticket.credential)
            bind_contextvars(account=principal.account.slug)
            ticket.meet(principal, await self._open_snapshot(principal))
        with ticket.timed("access"):
            self._choose(ticket)

    def _choose(self, ticket: Ticket) -> None:
        """Take down which LLM is called, and who may answer in its stead."""
        principal, snapshot = ticket.principal, ticket.snapshot
        llm = self._entitle(snapshot, principal, ticket)
        if ticket.body.has_remote_images and not self._upstream.takes_image_addresses(llm):
            raise InvalidBody(
                f"{llm.name} takes images as data URLs only, not by their address.",
                param="messages",
            )
        stand_ins = stand_ins_for(snapshot, principal, ticket.body, llm) if llm.fallbacks else ()
        if ticket.body.has_remote_images:
            stand_ins = tuple(filter(self._upstream.takes_image_addresses, stand_ins))
        ticket.identify(principal, snapshot, llm, stand_ins)
        ticket.rights_end = rights_end(principal)

    async def _take_rate(self, ticket: Ticket) -> None:
        """Count the call in its key's minute, once, before anything costs time or credits."""
        principal = ticket.principal
        if ticket.rate is not None or principal.key_id is None or not principal.limits.has_rates:
            return
        tokens = 0
        if principal.limits.tokens_per_minute is not None:
            tokens = await self._upstream.count_input(ticket.body)
            most = ticket.body.max_output_tokens or ASSUMED_OUTPUT_TOKENS.get(ticket.llm.kind, 0)
            tokens += most * ticket.body.choices
        ticket.rate = await self._rates.take(principal.key_id, principal.limits, tokens=tokens)
        if refusal := ticket.rate.refusal():
            raise refusal

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
        self._entitle(snapshot, principal, ticket)
        ticket.rights_end = rights_end(principal)
        # What was said before it was switched off goes unkept as well: the log is one row.
        ticket.keeps_no_content |= not may_keep_content(snapshot, principal)

    def _entitle(self, snapshot: AccountSnapshot, principal: Principal, ticket: Ticket) -> Llm:
        try:
            return llm_for(snapshot, principal, ticket.body)
        except Problem as problem:
            self._refusals.keep(problem, principal, snapshot.policy_version)
            raise

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
        check_context(ticket)
        ticket.output_limit = output_limit(ticket)
        for attempt in range(MOST_ATTEMPTS if ticket.idempotency_key else 1):
            if ticket.idempotency_key:
                ticket.request_id = _request_id_of(ticket, attempt)
                bind_contextvars(request_id=str(ticket.request_id))
            # Under a caller's key, another call may hold: it must not lose that because this one
            # hangs up while it asks. What the ledger then still holds for us, its lane gives back.
            ticket.may_hold = not ticket.idempotency_key
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
                ticket.may_hold = True
                log.warning("reserve_repeated", attempt=attempt, error=type(error).__name__)
                await asyncio.sleep(RESERVE_PAUSE_SECONDS * 2**attempt)
                continue
            is_open = answer.outcome == "duplicate" and answer.state == "open"
            if is_open and answer.owner == ticket.owner:
                # Our own first try, whose answer was lost.
                return ReserveAnswer(
                    outcome="reserved", amount=answer.amount, sources=answer.sources
                )
            return answer
        raise LedgerUnavailable("Try again in a moment; nothing was charged.")

    def _request(self, ticket: Ticket) -> ReserveRequest:
        principal, snapshot, body = ticket.principal, ticket.snapshot, ticket.body
        most = most_credits(ticket, ticket.output_limit)
        least = None
        if body.max_output_tokens is None and body.kind == "chat":
            least = most_credits(ticket, min(SHORTEST_OUTPUT_TOKENS, ticket.output_limit))
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
                shrink(ticket, answer)
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


def _request_id_of(ticket: Ticket, attempt: int) -> UUID:
    principal = ticket.principal
    caller = principal.key_id or principal.member_id
    name = f"{principal.account.id}|{principal.product}|{caller}|{attempt}|"
    return uuid5(_KEY_NAMESPACE, name + ticket.idempotency_key)
