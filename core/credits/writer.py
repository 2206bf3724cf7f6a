"""The one writer of an account in a process: takes what waits, sends it, hands out the answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import structlog
from prometheus_client import Counter, Gauge, Histogram
from psycopg import OperationalError, errors

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
# While Postgres works on one flush, Python digests the one before; so there are two where many
# wait. Fewer steps than this are better off in one: each flush has a price of its own.
MOST_FLUSHES = 2
LEAST_IN_SECOND_FLUSH = 16
# What nobody waits for any more is seen to all the same, also while Postgres restarts. After that
# it is the sweep's.
PAUSES_SECONDS = (0.1, 0.5, 2.0, 5.0, 10.0)

Call = Callable[[str, bytes], asyncio.Future[bytes]]


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
    """What waits for one account, and what has been sent for it.

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
        self._is_called = False
        self._flushes = 0
        self._steps_in_flushes = 0
        # Steps made alone beside the flushes, which do not wait for them.
        self._beside: set[asyncio.Future[Any]] = set()

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
        if not self._is_called:
            # In the loop's next round, so that what comes in this one goes along.
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._go_on)

    # -- flushes -----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        self._is_called = False
        self._send_what_waits()
        self._rest_if_idle()

    def _rest_if_idle(self) -> None:
        if self._is_idle():
            self._when_idle(self)

    def _send_what_waits(self) -> None:
        while size := self._size_of_next():
            flush = self._take(size)
            if flush:
                self._send(flush)

    def _is_idle(self) -> bool:
        return not (
            self._is_called
            or self._flushes
            or self._ends
            or self._calls
            or self._beside
            or self._getting_in
        )

    def _size_of_next(self) -> int:
        """How much the next flush carries: half of all there is, so that two take turns."""
        waiting = len(self._ends) + len(self._calls)
        if not self._flushes and waiting < 2 * LEAST_IN_SECOND_FLUSH:
            return waiting
        if self._flushes == MOST_FLUSHES or waiting < LEAST_IN_SECOND_FLUSH:
            return 0
        return min((waiting + self._steps_in_flushes + 1) // 2, waiting, MOST_IN_FLUSH)

    def _take(self, size: int) -> list[Pending]:
        """Take what the next flush carries: ends first, no call twice, nobody who has left."""
        taken: dict[UUID, Pending] = {}
        left = calls_left = 0
        for queue in (self._ends, self._calls):
            later = []
            while queue and len(taken) < size:
                pending = queue.popleft()
                if pending.request.request_id in taken:
                    later.append(pending)
                    continue
                left += 1
                calls_left += pending.is_call
                if not (pending.is_call and pending.answer.done()):
                    taken[pending.request.request_id] = pending
            queue.extendleft(reversed(later))
        WAITING.dec(left)
        for _ in range(calls_left):
            self._room.release()
        return list(taken.values())

    def _send(self, flush: list[Pending]) -> None:
        FLUSHES.observe(len(flush))
        self._flushes += 1
        self._steps_in_flushes += len(flush)
        try:
            answer = self._call(*_message_of(flush))
        except Exception as error:  # noqa: BLE001
            answer = asyncio.get_running_loop().create_future()
            answer.set_exception(error)
        answer.add_done_callback(partial(self._have_answer, flush))

    def _have_answer(self, flush: list[Pending], answer: asyncio.Future[bytes]) -> None:
        self._flushes -= 1
        self._steps_in_flushes -= len(flush)
        # What waits goes first: then Postgres works while the answers are read.
        self._send_what_waits()
        self._digest(flush, answer)
        self._rest_if_idle()

    def _digest(self, flush: list[Pending], answer: asyncio.Future[bytes]) -> None:
        try:
            answers = _answers_in(answer.result(), flush)
        except Exception as error:  # noqa: BLE001
            self._fall_back(flush, error)
            return
        for pending, found in zip(flush, answers, strict=True):
            if found is None:
                ALONE.labels("rare").inc()
                self._make_alone(pending)
            else:
                self._hand_out(pending, found)

    def _fall_back(self, flush: list[Pending], error: Exception) -> None:
        """One bad step fails a whole batch; alone, it fails by itself."""
        is_away = isinstance(error, OperationalError) and not isinstance(
            error, errors.DeadlockDetected
        )
        if is_away or len(flush) == 1:
            # Postgres is away, or takes too long. One by one would only take longer: each caller
            # decides for itself whether to repeat.
            for pending in flush:
                self._fail(pending, error)
            return
        # Whichever call has set it off, this is of no single one.
        log.warning(
            "ledger_batch_failed",
            request_id=None,
            account=None,
            steps=len(flush),
            error=type(error).__name__,
        )
        for pending in flush:
            ALONE.labels("failed").inc()
            self._make_alone(pending)

    def _make_alone(self, pending: Pending) -> None:
        try:
            answer = self._call(*_message_of([pending]))
        except Exception as error:  # noqa: BLE001
            self._fail(pending, error)
            return
        self._beside.add(answer)
        answer.add_done_callback(partial(self._have_answer_alone, pending))

    def _have_answer_alone(self, pending: Pending, answer: asyncio.Future[bytes]) -> None:
        self._beside.discard(answer)
        try:
            found = _answers_in(answer.result(), [pending])[0]
            assert found is not None
        except Exception as error:  # noqa: BLE001
            self._fail(pending, error)
        else:
            self._hand_out(pending, found)
        self._rest_if_idle()

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
            self._see_to(_release_of(pending.request))
        else:
            self._see_to(pending.request)

    def _give_back(self, pending: Pending, answer: Answer) -> None:
        if isinstance(answer, ReserveAnswer) and answer.outcome == "reserved":
            assert isinstance(pending.request, ReserveRequest)
            self._see_to(_release_of(pending.request))

    def _see_to(self, request: End) -> None:
        """End a call for somebody who has left."""
        task = asyncio.create_task(self._repeat(request))
        self._beside.add(task)
        task.add_done_callback(self._have_seen_to)

    def _have_seen_to(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        self._rest_if_idle()

    async def _repeat(self, request: End) -> None:
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


def _release_of(request: ReserveRequest) -> ReleaseRequest:
    """Give back what a call may hold, and not what another holds under its id."""
    return ReleaseRequest(request.request_id, owner=request.context.owner)


def _message_of(flush: list[Pending]) -> tuple[str, bytes]:
    """Return the function for a flush, and what it takes."""
    if len(flush) == 1:
        request = flush[0].request
        return batching.function_of(request), messages.to_bytes(request)
    ends, calls = _apart(flush)
    return "ledger_batch", batching.to_bytes(ends, calls)


def _answers_in(text: bytes, flush: list[Pending]) -> list[Answer | None]:
    """Read the answers to a flush, in its order. None: to be made alone."""
    if len(flush) == 1:
        return [batching.read(flush[0].request, orjson.loads(text))]
    return batching.from_json(text, *_apart(flush))


def _apart(flush: list[Pending]) -> tuple[list[End], list[ReserveRequest]]:
    requests = [pending.request for pending in flush]
    ends = [one for one in requests if not isinstance(one, ReserveRequest)]
    return ends, [one for one in requests if isinstance(one, ReserveRequest)]
