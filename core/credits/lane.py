"""The gateway's lane into the ledger: micro-batches, on a small pool of connections of its own.

Each account has one writer, which flushes what has come in as soon as the flush before has
returned: no timer, so nobody waits for company. Where many wait, two flushes take turns. A queue
of one goes as a single call.

The one named exception to `in_account()`: a `SET search_path` for each call would be a second
round trip. So the functions are called by their full names, and they name their tables in full.
"""

import asyncio
import time
from functools import partial
from typing import cast
from uuid import UUID

from core.credits import messages
from core.credits.batching import DispatchRequest, ReleaseRequest
from core.credits.messages import (
    HeartbeatRequest,
    ReserveAnswer,
    ReserveRequest,
    SettleAnswer,
    SettleRequest,
)
from core.credits.wires import LedgerPool
from core.credits.writer import AccountWriter, Pending

# New calls of one account that may wait for a flush. A flush takes tens of them in milliseconds;
# more than this means that Postgres is away, and then the callers had better wait themselves.
MOST_WAITING = 1_000


class LedgerLane:
    """Reserve, dispatch, settle and release for any account, without a thread.

    Every step is idempotent by request id, so a step whose answer was lost may be repeated. Who
    stops waiting loses nothing: ends are made all the same, and a reservation that nobody waits
    for any more is given back.
    """

    def __init__(
        self,
        pool: LedgerPool,
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._pool = pool
        self._most_waiting = most_waiting
        self._writers: dict[str, AccountWriter] = {}
        self._is_quiet = asyncio.Event()

    async def reserve(self, schema: str, request: ReserveRequest) -> ReserveAnswer:
        """Hold credits. See `core.credits.charging.reserve`."""
        pending = Pending(request)
        await self._writer_of(schema).put_call(pending)
        try:
            return cast("ReserveAnswer", await pending.answer)
        except asyncio.CancelledError:
            self._writer_of(schema).abandon(pending)
            raise

    async def dispatch(self, schema: str, request_id: UUID) -> bool:
        """Record that the upstream is about to be called; False if the hold is gone: do not."""
        return bool(await self._end(schema, Pending(DispatchRequest(request_id))))

    async def settle(self, schema: str, request: SettleRequest) -> SettleAnswer:
        """Charge the real cost. See `core.credits.charging.settle`."""
        return cast("SettleAnswer", await self._end(schema, Pending(request)))

    async def release(self, schema: str, request_id: UUID, *, owner: UUID | None = None) -> bool:
        """Give a hold back; False if it had ended before, or is not the `owner`'s."""
        return bool(await self._end(schema, Pending(ReleaseRequest(request_id, owner=owner))))

    async def heartbeat(self, schema: str, request: HeartbeatRequest) -> bool:
        """Keep a hold; False if it is gone. Too rare to be worth a batch."""
        text = await self._pool.call(schema, "ledger_heartbeat", messages.to_bytes(request))
        return messages.outcome_of(text) == "extended"

    async def drain(self, seconds: float) -> bool:
        """Wait until everything that came in is made; False if some of it is still under way."""
        until = time.monotonic() + seconds
        while self._writers:
            self._is_quiet.clear()
            try:
                await asyncio.wait_for(self._is_quiet.wait(), until - time.monotonic())
            except TimeoutError:
                return False
        return True

    async def _end(self, schema: str, pending: Pending) -> object:
        self._writer_of(schema).put_end(pending)
        return await pending.answer

    def _writer_of(self, schema: str) -> AccountWriter:
        writer = self._writers.get(schema)
        if writer is None:
            writer = self._writers[schema] = AccountWriter(
                partial(self._pool.call, schema),
                most_waiting=self._most_waiting,
                when_idle=partial(self._forget, schema),
            )
        return writer

    def _forget(self, schema: str, writer: AccountWriter) -> None:
        # There may be thousands of accounts, most of them quiet.
        if self._writers.get(schema) is writer:
            del self._writers[schema]
        if not self._writers:
            self._is_quiet.set()


class ThreadsLane:
    """The same lane for threads of the process that owns it; each waits for its own answer.

    Never call it from the loop's own thread: it would wait for itself.
    """

    def __init__(self, lane: LedgerLane, loop: asyncio.AbstractEventLoop) -> None:
        self._lane = lane
        self._loop = loop

    def reserve(self, schema: str, request: ReserveRequest) -> ReserveAnswer:
        """Hold credits."""
        step = self._lane.reserve(schema, request)
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()

    def dispatch(self, schema: str, request_id: UUID) -> bool:
        """Record that the upstream is about to be called; False if the hold is gone."""
        step = self._lane.dispatch(schema, request_id)
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()

    def settle(self, schema: str, request: SettleRequest) -> SettleAnswer:
        """Charge the real cost."""
        step = self._lane.settle(schema, request)
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()

    def release(self, schema: str, request_id: UUID) -> bool:
        """Give a hold back; False if it had ended before."""
        step = self._lane.release(schema, request_id)
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()
