"""The one writer of an account in a process: takes what waits, sends it, hands out the answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import lru_cache
from uuid import UUID

import orjson
import structlog
from prometheus_client import Counter, Gauge, Histogram
from psycopg import AsyncConnection, OperationalError, errors, sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from core.credits import batching, messages
from core.credits.batching import Answer, End, ReleaseRequest
from core.credits.messages import ReserveAnswer, ReserveRequest

log = structlog.get_logger(__name__)

WAITING = Gauge("cockpit_ledger_steps_waiting", "Steps that wait for a flush")
FLUSHES = Histogram(
    "cockpit_ledger_flush_steps",
    "Steps of one flush",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
ALONE = Counter(
    "cockpit_ledger_steps_alone", "Steps that a batch left to be made alone", ("reason",)
)

# Locks are held for as long as a flush takes, and beyond this a call hardly gets cheaper.
MOST_IN_FLUSH = 128
# What nobody waits for any more is seen to all the same, also while Postgres restarts. After that
# it is the sweep's.
PAUSES_SECONDS = (0.1, 0.5, 2.0, 5.0, 10.0)

Call = Callable[[str, str], Awaitable[str]]


class Caller:
    """Calls ledger functions by their full names."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[TupleRow]]) -> None:
        self._pool = pool

    async def __call__(self, schema: str, function: str, request: str) -> str:
        """Return what a function answers, as text."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_statement(schema, function), [request])
            row = await cursor.fetchone()
        assert row is not None
        return str(row[0])


class Pending:
    """One step that somebody waits for."""

    __slots__ = ("answer", "request")

    def __init__(self, request: End | ReserveRequest) -> None:
        self.request = request
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    @property
    def is_call(self) -> bool:
        """Whether it is a new call, as against the end of one."""
        return type(self.request) is ReserveRequest


class AccountWriter:
    """What waits for one account, and the task that sends it while anything does.

    New calls are bounded: beyond `most_waiting` their callers wait to get in line. Ends always
    get in; each stands for a call that was let in before.
    """

    def __init__(
        self,
        call: Call,
        *,
        most_waiting: int,
        when_idle: Callable[[AccountWriter], None],
    ) -> None:
        self._call = call
        self._ends: deque[Pending] = deque()
        self._calls: deque[Pending] = deque()
        self._room = asyncio.Semaphore(most_waiting)
        self._when_idle = when_idle
        self._getting_in = 0
        self._writer: asyncio.Task[None] | None = None
        # Steps made alone beside the writer, which does not wait for them.
        self._beside: set[asyncio.Task[None]] = set()

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """What is under way."""
        return self._beside | ({self._writer} if self._writer else set())

    async def put_call(self, pending: Pending) -> None:
        """Get in line with a new call, once there is room."""
        self._getting_in += 1
        try:
            await self._room.acquire()
        finally:
            self._getting_in -= 1
        self._put(self._calls, pending)

    def put_end(self, pending: Pending) -> None:
        """Get in line with the end of a call."""
        self._put(self._ends, pending)

    def abandon(self, pending: Pending) -> None:
        """Say that nobody waits for a call any more; if it holds something, give that back.

        While the answer is still to come, the writer sees by itself that nobody takes it.
        """
        if not pending.answer.cancelled() and pending.answer.exception() is None:
            self._give_back(pending, pending.answer.result())

    def _put(self, queue: deque[Pending], pending: Pending) -> None:
        queue.append(pending)
        WAITING.inc()
        if self._writer is None:
            # It starts with the loop's next round, so that what comes in this one goes along.
            self._writer = asyncio.create_task(self._write())
            self._writer.add_done_callback(self._rest)

    # -- the writer --------------------------------------------------------------------------------

    async def _write(self) -> None:
        while flush := self._take():
            FLUSHES.observe(len(flush))
            if len(flush) == 1:
                await self._make_alone(flush[0])
            else:
                await self._make_together(flush)

    def _rest(self, task: asyncio.Task[None]) -> None:
        self._writer = None
        if not task.cancelled() and task.exception() is not None:
            # A fault of ours. What waits goes on with a new writer.
            log.error("ledger_writer_failed", exc_info=task.exception())
        if self._ends or self._calls:
            self._writer = asyncio.create_task(self._write())
            self._writer.add_done_callback(self._rest)
        else:
            self._rest_for_good()

    def _rest_for_good(self) -> None:
        if not (self._writer or self._beside or self._getting_in):
            self._when_idle(self)

    def _take(self) -> list[Pending]:
        """Take what the next flush carries: ends first, no call twice, nobody who has left."""
        taken: dict[UUID, Pending] = {}
        for queue in (self._ends, self._calls):
            later = []
            while queue and len(taken) < MOST_IN_FLUSH:
                pending = queue.popleft()
                if pending.request.request_id in taken:
                    later.append(pending)
                    continue
                self._leave_line(pending)
                if not (pending.is_call and pending.answer.done()):
                    taken[pending.request.request_id] = pending
            queue.extendleft(reversed(later))
        return list(taken.values())

    def _leave_line(self, pending: Pending) -> None:
        WAITING.dec()
        if pending.is_call:
            self._room.release()

    async def _make_together(self, flush: list[Pending]) -> None:
        requests = [pending.request for pending in flush]
        ends = [one for one in requests if not isinstance(one, ReserveRequest)]
        calls = [one for one in requests if isinstance(one, ReserveRequest)]
        try:
            text = await self._call("ledger_batch", batching.to_json(ends, calls))
            answers = batching.from_json(text, ends, calls)
        except Exception as error:  # noqa: BLE001
            self._fall_back(flush, error)
            return
        for pending, answer in zip(flush, answers, strict=True):
            if answer is None:
                ALONE.labels("rare").inc()
                self._start_beside(self._make_alone(pending))
            else:
                self._hand_out(pending, answer)

    def _fall_back(self, flush: list[Pending], error: Exception) -> None:
        """One bad step fails a whole batch; alone, it fails by itself."""
        if isinstance(error, OperationalError) and not isinstance(error, errors.DeadlockDetected):
            # Postgres is away, or takes too long. One by one would only take longer: each caller
            # decides for itself whether to repeat.
            for pending in flush:
                self._fail(pending, error)
            return
        log.warning("ledger_batch_failed", steps=len(flush), error=type(error).__name__)
        for pending in flush:
            ALONE.labels("failed").inc()
            self._start_beside(self._make_alone(pending))

    async def _make_alone(self, pending: Pending) -> None:
        request = pending.request
        try:
            text = await self._call(batching.function_of(request), messages.to_json(request))
            answer = batching.read(request, orjson.loads(text))
        except Exception as error:  # noqa: BLE001
            self._fail(pending, error)
        else:
            self._hand_out(pending, answer)

    def _start_beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside_done)

    def _beside_done(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        self._rest_for_good()

    # -- answers -----------------------------------------------------------------------------------

    def _hand_out(self, pending: Pending, answer: Answer) -> None:
        if pending.answer.done():
            self._give_back(pending, answer)
        else:
            pending.answer.set_result(answer)

    def _fail(self, pending: Pending, error: Exception) -> None:
        if not pending.answer.done():
            pending.answer.set_exception(error)
        # Nobody is there who would repeat it. The call may hold something, for all we know.
        elif isinstance(pending.request, ReserveRequest):
            self._start_beside(self._see_to(ReleaseRequest(pending.request.request_id)))
        else:
            self._start_beside(self._see_to(pending.request))

    def _give_back(self, pending: Pending, answer: Answer) -> None:
        if isinstance(answer, ReserveAnswer) and answer.outcome == "reserved":
            self._start_beside(self._see_to(ReleaseRequest(pending.request.request_id)))

    async def _see_to(self, request: End) -> None:
        """End a call for somebody who has left."""
        for pause in (0.0, *PAUSES_SECONDS):
            await asyncio.sleep(pause)
            pending = Pending(request)
            self.put_end(pending)
            try:
                await pending.answer
            except Exception as error:  # noqa: BLE001
                log.warning("abandoned_step_repeated", error=type(error).__name__)
            else:
                return


@lru_cache(maxsize=4096)
def _statement(schema: str, function: str) -> bytes:
    query = sql.SQL("SELECT {}.{}(%s::jsonb)::text")
    return query.format(sql.Identifier(schema), sql.Identifier(function)).as_bytes(None)
