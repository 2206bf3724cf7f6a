"""Ends calls in the ledger, whatever becomes of the request, the client or the connection.

A settlement is a task of its own, which nothing but the end of the process cancels. It repeats
itself while Postgres is away: every step is idempotent by request id.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar
from uuid import UUID

import structlog

from core.credits.messages import HeartbeatRequest, SettleAnswer, SettleRequest
from core.gateway import metrics
from core.gateway.ports import Ledger
from core.gateway.settings import GatewaySettings

T = TypeVar("T")

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class Beating(Protocol):
    """A call that may run longer than its hold."""

    @property
    def schema(self) -> str: ...
    @property
    def request_id(self) -> UUID: ...
    @property
    def held_since(self) -> float | None:
        """Monotonic time of the reservation; None while there is none."""

    def cost_so_far(self) -> int:
        """Micro-credits beyond the input's estimate."""


class Settler:
    """All settlements of one process."""

    def __init__(self, ledger: Ledger, settings: GatewaySettings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._tasks: set[asyncio.Task[object]] = set()

    async def settle(self, schema: str, request: SettleRequest) -> SettleAnswer | None:
        """Charge a call. None: not in the ledger yet; it goes on trying."""
        return await self._in_own_task(
            lambda: self._ledger.settle(schema, request), request.request_id
        )

    async def release(self, schema: str, request_id: UUID, *, owner: UUID | None) -> None:
        """Give a reservation back, if it is the owner's."""
        await self._in_own_task(
            lambda: self._ledger.release(schema, request_id, owner=owner), request_id
        )

    async def beat(self, calls: Iterable[Beating]) -> None:
        """Renew the holds of calls that have run for a while."""
        oldest = time.monotonic() - self._settings.heartbeat_seconds / 2
        for call in calls:
            if call.held_since is None or call.held_since > oldest:
                continue
            request = HeartbeatRequest(
                request_id=call.request_id,
                ttl_seconds=self._settings.hold_seconds,
                reported_microcredits=call.cost_so_far(),
            )
            try:
                await self._ledger.heartbeat(call.schema, request)
            # A hold that is swept meanwhile is charged by estimate, and corrected when it settles.
            except Exception as error:  # noqa: BLE001
                log.warning(
                    "heartbeat_failed",
                    request_id=str(call.request_id),
                    schema=call.schema,
                    error=type(error).__name__,
                )

    async def drain(self, seconds: float) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    async def _in_own_task(self, step: Callable[[], Awaitable[T]], request_id: UUID) -> T | None:
        task = asyncio.create_task(self._persistently(step, request_id))
        self._tasks.add(task)
        metrics.PENDING.inc()
        task.add_done_callback(self._forget)
        done, _ = await asyncio.wait({task}, timeout=self._settings.settle_wait_seconds)
        return task.result() if done else None

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        metrics.PENDING.dec()

    async def _persistently(self, step: Callable[[], Awaitable[T]], request_id: UUID) -> T | None:
        until = time.monotonic() + self._settings.settle_retry_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await step()
            # Postgres restarting, a pool without a free connection, a network that is gone: all of
            # them pass, and giving up early would leave the call to the sweep's estimate.
            except Exception as error:
                if time.monotonic() > until:
                    metrics.LOST.inc()
                    log.exception("settlement_given_up", request_id=str(request_id))
                    return None
                metrics.RETRIES.inc()
                log.warning(
                    "settlement_repeated", request_id=str(request_id), error=type(error).__name__
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
