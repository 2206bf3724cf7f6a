"""A ledger in memory with a single wallet: for tests of the gateway that need no database."""

import asyncio
from dataclasses import dataclass, field
from decimal import ROUND_CEILING
from uuid import UUID

from core.credits.messages import (
    HeartbeatRequest,
    ReserveAnswer,
    ReserveRequest,
    SettleAnswer,
    SettleRequest,
)


@dataclass(slots=True)
class FakeLedger:
    """`free` micro-credits for everybody; `events` is what was settled."""

    free: int = 1_000_000_000
    policy_version: int = 1
    is_suspended: bool = False
    holds: dict[UUID, ReserveRequest] = field(default_factory=dict)
    reserved: list[ReserveRequest] = field(default_factory=list)
    amounts: dict[UUID, int] = field(default_factory=dict)
    released: dict[UUID, str] = field(default_factory=dict)
    events: dict[UUID, SettleRequest] = field(default_factory=dict)
    prints: dict[UUID, str] = field(default_factory=dict)
    credits: dict[UUID, int] = field(default_factory=dict)
    beats: list[HeartbeatRequest] = field(default_factory=list)
    # As many steps as this fail as if Postgres had gone away: before or after they took effect.
    failures_before: int = 0
    failures_after: int = 0
    settle_seconds: float = 0.0
    reserve_seconds: float = 0.0

    @property
    def charged(self) -> int:
        """All micro-credits charged so far."""
        return sum(self.credits.values())

    @property
    def charges(self) -> list[SettleRequest]:
        """The events in the order they came."""
        return list(self.events.values())

    async def reserve(self, schema: str, request: ReserveRequest) -> ReserveAnswer:
        self._maybe_fail()
        if self.reserve_seconds:
            await asyncio.sleep(self.reserve_seconds)
        answer = self._reserve(request)
        self._maybe_fail_late()
        return answer

    def _reserve(self, request: ReserveRequest) -> ReserveAnswer:
        known = self._known(request)
        if known is not None:
            return known
        if self.is_suspended:
            return ReserveAnswer(outcome="suspended", policy_version=self.policy_version)
        if request.policy_version is not None and request.policy_version < self.policy_version:
            return ReserveAnswer(outcome="stale", policy_version=self.policy_version)
        granted = min(request.amount, self.free)
        if granted < request.amount and (request.minimum is None or granted < request.minimum):
            return ReserveAnswer(
                outcome="insufficient",
                asked=request.amount,
                free=self.free,
                wallet_id=request.wallet_id,
                wallet_kind="membership",
            )
        self.free -= granted
        self.holds[request.request_id] = request
        self.reserved.append(request)
        self.amounts[request.request_id] = granted
        self.prints[request.request_id] = request.fingerprint
        return ReserveAnswer(outcome="reserved", amount=granted, asked=request.amount, state="open")

    def _known(self, request: ReserveRequest) -> ReserveAnswer | None:
        key = request.request_id
        if key not in self.prints:
            return None
        if self.prints[key] != request.fingerprint:
            return ReserveAnswer(outcome="mismatch")
        if key in self.holds:
            return ReserveAnswer(
                outcome="duplicate",
                amount=self.amounts[key],
                state="open",
                owner=self.holds[key].context.owner,
            )
        return ReserveAnswer(
            outcome="duplicate", state="released" if key in self.released else "ended"
        )

    async def settle(self, schema: str, request: SettleRequest) -> SettleAnswer:
        self._maybe_fail()
        if self.settle_seconds:
            await asyncio.sleep(self.settle_seconds)
        key = request.request_id
        if key in self.events:
            return SettleAnswer(outcome="duplicate", credits=self.credits[key], event_id=key)
        held = self.holds.pop(key)
        exact = request.cost_usd * held.factor * 1_000_000
        charge = int(exact.to_integral_value(rounding=ROUND_CEILING))
        self.free += self.amounts[key] - charge
        self.events[key] = request
        self.credits[key] = charge
        self._maybe_fail_late()
        return SettleAnswer(outcome="settled", credits=charge, event_id=key)

    async def release(self, schema: str, request_id: UUID, *, owner: UUID | None = None) -> bool:
        self._maybe_fail()
        held = self.holds.get(request_id)
        if held is None or owner not in {None, held.context.owner}:
            return False
        del self.holds[request_id]
        self.free += self.amounts[request_id]
        self.released[request_id] = schema
        return True

    async def heartbeat(self, schema: str, request: HeartbeatRequest) -> bool:
        self._maybe_fail()
        self.beats.append(request)
        return request.request_id in self.holds

    def _maybe_fail(self) -> None:
        if self.failures_before:
            self.failures_before -= 1
            raise ConnectionError("the database system is shutting down")

    def _maybe_fail_late(self) -> None:
        if self.failures_after:
            self.failures_after -= 1
            raise ConnectionError("server closed the connection unexpectedly")
