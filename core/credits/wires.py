"""The lane's own connections: each account keeps to one, and a statement may follow another.

Three things make a step cheap that cursors and a common pool do not offer:

- A connection takes an account's next statement while the one before still runs (libpq's pipeline
  mode), so that Postgres need not wait for Python between two flushes.
- A backend compiles the ledger's functions and plans them for each schema that it meets, which
  takes milliseconds and keeps megabytes. So an account has a connection of its choice, and goes to
  another only while that one is held up.
- Steps of several accounts that wait for one connection go in one transaction, so that one commit
  serves them all. If it fails, nothing of it has happened, and each is sent alone.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Self

from psycopg import AsyncConnection, Error, OperationalError, errors, pq, sql
from psycopg.pq import ConnStatus, ExecStatus

# A ledger step takes a millisecond. One that waits this long for a lock had better fail loudly.
_OPTIONS = "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=10000"
_CONNECT_SECONDS = 10

# A backend keeps a cache entry for every table of every schema that it has touched.
_MAX_LIFETIME_SECONDS = 600
# One that runs and one that Postgres begins with as soon as that has ended.
_MOST_RUNNING = 2
# A statement that takes longer holds up what waits behind it: probably it waits for a lock.
_PATIENCE_SECONDS = 0.02
# What goes in one transaction: so many accounts, and no more once there is so much to say. A large
# batch takes milliseconds, for which the others would wait.
_MOST_TOGETHER = 16
_MOST_BYTES_TOGETHER = 16_000
# Together, nobody waits for somebody else's lock for long.
_PATIENCE = b"SELECT set_config('lock_timeout', '20ms', true)"
# Pauses before a connection is tried again while somebody waits for it: Postgres restarts.
_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)


class Step:
    """One statement on its way."""

    __slots__ = (
        "answer", "is_alone", "is_prepared", "parameters", "schema", "statement", "text"
    )  # fmt: skip

    def __init__(self, schema: str, statement: bytes, parameters: list[bytes]) -> None:
        self.schema = schema
        self.statement = statement
        self.parameters = parameters
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.is_prepared = True
        # Whether it is to be a transaction of its own.
        self.is_alone = False
        self.text = b""

    @property
    def size(self) -> int:
        """How much it has to say."""
        return sum(map(len, self.parameters))

    def end(self) -> None:
        """Hand out what came."""
        if not self.answer.done():
            self.answer.set_result(self.text)

    def fail(self, error: Exception) -> None:
        """Say that nothing will come."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Bundle:
    """What goes in one transaction: a step, or one of each of several accounts.

    They are sorted by account. Each takes its own account's locks in the one order, so all
    bundles of all processes take theirs in one order too.
    """

    __slots__ = ("at", "error", "is_patience_due", "schemas", "sent_at", "steps")

    def __init__(self, steps: list[Step], sent_at: float) -> None:
        self.steps = sorted(steps, key=lambda step: step.schema) if len(steps) > 1 else steps
        self.schemas = {step.schema for step in steps}
        self.sent_at = sent_at
        # Which step's answer comes next; before the first, that to the setting of patience.
        self.at = 0
        self.is_patience_due = len(steps) > 1
        self.error: Exception | None = None

    def take(self, text: bytes) -> None:
        """Take the next answer."""
        if self.is_patience_due:
            self.is_patience_due = False
        else:
            self.steps[self.at].text = text
            self.at += 1

    def note_prepared(self) -> None:
        """Take note that the next step's statement is prepared."""
        if not self.is_patience_due:
            self.steps[self.at].is_prepared = True


class Wire:
    """One connection. It opens when it is first needed, and again when it has broken."""

    def __init__(self, conninfo: str, when_waited_for: Callable[[Wire], None]) -> None:
        self._conninfo = conninfo
        self._when_waited_for = when_waited_for
        self._loop = asyncio.get_running_loop()
        self._running: deque[Bundle] = deque()
        self._waiting: deque[Step] = deque()
        # The whole connection is kept, since it closes when it is collected.
        self._connection: AsyncConnection[Any] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._opened_at = 0.0
        # Kept too: a broken connection no longer says it.
        self._socket = -1
        self._is_writing = False
        self._prepared: dict[bytes, bytes] = {}
        self._names = itertools.count()

    @property
    def is_idle(self) -> bool:
        """Whether a statement would begin at once."""
        return not (self._running or self._waiting or self._opening)

    @property
    def is_held_up(self) -> bool:
        """Whether what runs has taken longer than a step does."""
        first = self._running[0] if self._running else None
        return first is not None and self._loop.time() - first.sent_at > _PATIENCE_SECONDS

    @property
    def is_waited_for(self) -> bool:
        """Whether a statement has not been sent yet."""
        return bool(self._waiting)

    def send(self, step: Step) -> None:
        """Send a statement, after those that wait already."""
        self._waiting.append(step)
        self._go_on()

    def give_up_waiting(self) -> list[Step]:
        """Return what waits for other accounts' statements, to be sent by another way."""
        schemas = self._running[0].schemas if self._running else set()
        others = [step for step in self._waiting if step.schema not in schemas]
        self._waiting = deque(step for step in self._waiting if step.schema in schemas)
        return others

    def close(self) -> None:
        """Close the connection. What is under way fails."""
        if self._opening is not None:
            self._opening.cancel()
        waiting, self._waiting = self._waiting, deque()
        self._lose(OperationalError("the ledger's connections are closed"))
        for step in waiting:
            step.fail(OperationalError("the ledger's connections are closed"))

    # -- sending -----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self._connection is None or self._is_due():
            self._reopen()
            return
        server = self._connection.pgconn
        while self._waiting and self._may_follow(self._waiting[0]):
            try:
                self._start(server, Bundle(self._next_steps(), self._loop.time()))
            except Error as error:
                self._lose(error)
                return

    def _may_follow(self, step: Step) -> bool:
        # Of the same account only: another's had better wait here, where it can still turn away.
        return not self._running or (
            len(self._running) < _MOST_RUNNING and self._running[-1].schemas == {step.schema}
        )

    def _next_steps(self) -> list[Step]:
        """Take what goes in the next transaction: one step of each account, in their turn."""
        first = self._waiting.popleft()
        if self._running or first.is_alone:
            return [first]
        steps = {first.schema: first}
        size = first.size
        later: list[Step] = []
        while self._waiting and len(steps) < _MOST_TOGETHER and size < _MOST_BYTES_TOGETHER:
            step = self._waiting.popleft()
            if step.is_alone or step.schema in steps:
                later.append(step)
            else:
                steps[step.schema] = step
                size += step.size
        self._waiting.extendleft(reversed(later))
        return list(steps.values())

    def _start(self, server: pq.abc.PGconn, bundle: Bundle) -> None:
        self._running.append(bundle)
        if bundle.is_patience_due:
            self._send_statement(server, _PATIENCE, [])
        for step in bundle.steps:
            step.is_prepared = self._send_statement(server, step.statement, step.parameters)
        server.pipeline_sync()
        self._push(server)

    def _send_statement(
        self, server: pq.abc.PGconn, statement: bytes, parameters: list[bytes]
    ) -> bool:
        """Send one statement; False if it has to be prepared first."""
        name = self._prepared.get(statement)
        is_prepared = name is not None
        if name is None:
            name = self._prepared[statement] = b"step_%d" % next(self._names)
            server.send_prepare(name, statement)
        server.send_query_prepared(name, parameters)
        return is_prepared

    def _write(self) -> None:
        assert self._connection is not None
        try:
            self._push(self._connection.pgconn)
        except Error as error:
            self._lose(error)

    def _push(self, server: pq.abc.PGconn) -> None:
        """Write what the socket takes."""
        is_more = bool(server.flush())
        if is_more and not self._is_writing:
            self._loop.add_writer(self._socket, self._write)
        elif self._is_writing and not is_more:
            self._loop.remove_writer(self._socket)
        self._is_writing = is_more

    # -- reading -----------------------------------------------------------------------------------

    def _read(self) -> None:
        assert self._connection is not None
        server = self._connection.pgconn
        try:
            server.consume_input()
            self._take_all(server)
        except Error as error:
            self._lose(error)
            return
        if server.status == ConnStatus.BAD:
            self._lose(OperationalError("the connection to the database is lost"))
        elif self._waiting:
            self._go_on()

    def _take_all(self, server: pq.abc.PGconn) -> None:
        was_end = False
        while not server.is_busy():
            result = server.get_result()
            if result is not None:
                self._take(result)
            elif was_end:
                # Two ends in a row: there is nothing behind.
                return
            was_end = result is None

    def _take(self, result: pq.abc.PGresult) -> None:
        if not self._running:
            return
        bundle = self._running[0]
        match result.status:
            case ExecStatus.TUPLES_OK:
                bundle.take(result.get_value(0, 0) or b"")
            case ExecStatus.COMMAND_OK:
                bundle.note_prepared()
            case ExecStatus.FATAL_ERROR:
                bundle.error = bundle.error or errors.error_from_result(result)
            case ExecStatus.PIPELINE_SYNC:
                self._running.popleft()
                self._end(bundle)

    def _end(self, bundle: Bundle) -> None:
        """Hand out what came; of several steps of which one failed, none has happened."""
        if bundle.error is None:
            for step in bundle.steps:
                step.end()
            return
        for step in bundle.steps:
            if not step.is_prepared:
                self._prepared.pop(step.statement, None)
        if bundle.is_patience_due:
            self._prepared.pop(_PATIENCE, None)
        if len(bundle.steps) == 1:
            bundle.steps[0].fail(bundle.error)
            return
        for step in bundle.steps:
            step.is_alone = True
        self._waiting.extendleft(reversed(bundle.steps))
        self._when_waited_for(self)

    # -- opening and losing ------------------------------------------------------------------------

    def _is_due(self) -> bool:
        return not self._running and time.monotonic() - self._opened_at > _MAX_LIFETIME_SECONDS

    def _reopen(self) -> None:
        self._drop()
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        """Connect, for as long as somebody has patience; what waits then is sent or fails."""
        try:
            connection = await self._connect()
        except Error as error:
            self._opening = None
            waiting, self._waiting = self._waiting, deque()
            for step in waiting:
                step.fail(error)
            return
        server = connection.pgconn
        server.nonblocking = 1
        server.enter_pipeline_mode()
        self._connection = connection
        self._opened_at = time.monotonic()
        self._socket = server.socket
        self._loop.add_reader(self._socket, self._read)
        self._opening = None
        self._go_on()

    async def _connect(self) -> AsyncConnection[Any]:
        for pause in _PAUSES_SECONDS:
            try:
                return await self._connect_once()
            except OperationalError:
                await asyncio.sleep(pause)
        return await self._connect_once()

    async def _connect_once(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(
            self._conninfo,
            autocommit=True,
            options=_OPTIONS,
            application_name="cockpit-ledger",
            connect_timeout=_CONNECT_SECONDS,
        )

    def _lose(self, error: Exception) -> None:
        """Give up the connection; whether Postgres made what ran on it, nobody knows."""
        self._drop()
        running, self._running = self._running, deque()
        for bundle in running:
            for step in bundle.steps:
                step.fail(bundle.error or error)
        if self._waiting:
            self._reopen()

    def _drop(self) -> None:
        if self._connection is None:
            return
        server = self._connection.pgconn
        self._loop.remove_reader(self._socket)
        if self._is_writing:
            self._loop.remove_writer(self._socket)
        self._is_writing = False
        self._prepared = {}
        server.finish()
        self._connection = None


class LedgerPool:
    """A few connections to the ledger of every account. `async with` it."""

    def __init__(self, conninfo: str, *, size: int) -> None:
        self._conninfo = conninfo
        self._size = size
        self._wires: list[Wire] = []
        # Which connection each account keeps to: by turns, as they come.
        self._homes: dict[str, int] = {}
        # Those behind which somebody waits, and who is looked after.
        self._watched: set[Wire] = set()

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        self._wires = [Wire(self._conninfo, self._watch) for _ in range(self._size)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all."""
        for wire in self._wires:
            wire.close()

    def call(self, schema: str, function: str, request: bytes) -> asyncio.Future[bytes]:
        """Call a ledger function by its full name; the answer is its JSON text."""
        return self._send(Step(schema, _statement(schema, function), [request]))

    async def ping(self) -> None:
        """Ask Postgres whether it is there."""
        await self._send(Step("", b"SELECT 1", []))

    def _send(self, step: Step) -> asyncio.Future[bytes]:
        home = self._homes.setdefault(step.schema, len(self._homes) % self._size)
        wire = self._wires[home]
        self._send_by(self._free_one(wire) or wire if wire.is_held_up else wire, step)
        return step.answer

    def _send_by(self, wire: Wire, step: Step) -> None:
        wire.send(step)
        if wire.is_waited_for:
            self._watch(wire)

    def _free_one(self, wire: Wire) -> Wire | None:
        """Return the next connection that has nothing to do: of two accounts, the same again."""
        place = self._wires.index(wire)
        turns = (*self._wires[place + 1 :], *self._wires[:place])
        return next((other for other in turns if other.is_idle), None)

    def _watch(self, wire: Wire) -> None:
        if wire not in self._watched:
            self._watched.add(wire)
            asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._relieve, wire)

    def _relieve(self, wire: Wire) -> None:
        """Send what another account's statement holds up by another way."""
        self._watched.discard(wire)
        for step in wire.give_up_waiting() if wire.is_held_up else []:
            self._send_by(self._free_one(wire) or wire, step)
        if wire.is_waited_for:
            self._watch(wire)


@lru_cache(maxsize=4096)
def _statement(schema: str, function: str) -> bytes:
    query = sql.SQL("SELECT {}.{}($1::jsonb)::text")
    return query.format(sql.Identifier(schema), sql.Identifier(function)).as_bytes(None)
