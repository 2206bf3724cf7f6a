"""The gateway's lane into the ledger: one round trip a step, on a small pool of its own.

The one named exception to `in_account()`: a `SET search_path` for each call would be a second
round trip. So the functions are called by their full names, and they name their tables in full.
"""

from functools import lru_cache
from uuid import UUID

import orjson
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from core.credits import messages
from core.credits.messages import (
    HeartbeatRequest,
    ReserveAnswer,
    ReserveRequest,
    SettleAnswer,
    SettleRequest,
)

# A ledger step takes a millisecond. One that waits this long for a lock had better fail loudly.
_OPTIONS = "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=10000"

# A backend keeps a cache entry for every table of every schema that it has touched.
_MAX_LIFETIME_SECONDS = 600


class LedgerLane:
    """Reserve, dispatch, settle and release for any account, without a thread.

    Every step is idempotent by request id, so a step whose answer was lost may be repeated.
    """

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[TupleRow]]) -> None:
        self._pool = pool

    async def reserve(self, schema: str, request: ReserveRequest) -> ReserveAnswer:
        """Hold credits. See `core.credits.charging.reserve`."""
        text = await self._call(schema, "ledger_reserve", messages.to_json(request))
        return messages.reserve_answer(text)

    async def dispatch(self, schema: str, request_id: UUID) -> bool:
        """Record that the upstream is about to be called; False if the hold is gone: do not."""
        text = await self._call(schema, "ledger_dispatch", _only(request_id))
        return messages.outcome_of(text) == "dispatched"

    async def heartbeat(self, schema: str, request: HeartbeatRequest) -> bool:
        """Keep a hold; False if it is gone."""
        text = await self._call(schema, "ledger_heartbeat", messages.to_json(request))
        return messages.outcome_of(text) == "extended"

    async def settle(self, schema: str, request: SettleRequest) -> SettleAnswer:
        """Charge the real cost. See `core.credits.charging.settle`."""
        text = await self._call(schema, "ledger_settle", messages.to_json(request))
        return messages.settle_answer(text)

    async def release(self, schema: str, request_id: UUID) -> bool:
        """Give a hold back; False if it had ended before."""
        text = await self._call(schema, "ledger_release", _only(request_id))
        return messages.outcome_of(text) == "released"

    async def _call(self, schema: str, function: str, request: str) -> str:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_statement(schema, function), [request])
            row = await cursor.fetchone()
        assert row is not None
        return str(row[0])


def ledger_pool(conninfo: str, *, size: int) -> AsyncConnectionPool[AsyncConnection[TupleRow]]:
    """Return a pool for a `LedgerLane`, still closed: `async with` it, or `open()` and `close()`.

    Its connections commit each statement by itself: a step is one statement.
    """
    return AsyncConnectionPool(
        conninfo,
        kwargs={"autocommit": True, "options": _OPTIONS, "application_name": "cockpit-ledger"},
        min_size=min(2, size),
        max_size=size,
        max_lifetime=_MAX_LIFETIME_SECONDS,
        open=False,
    )


@lru_cache(maxsize=4096)
def _statement(schema: str, function: str) -> bytes:
    query = sql.SQL("SELECT {}.{}(%s::jsonb)::text")
    return query.format(sql.Identifier(schema), sql.Identifier(function)).as_bytes(None)


def _only(request_id: UUID) -> str:
    return orjson.dumps({"request_id": request_id}).decode()
