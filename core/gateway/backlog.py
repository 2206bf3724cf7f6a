"""How many jobs wait for a worker, read from Valkey whenever somebody asks for the metrics."""

import asyncio
import math

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.gateway import metrics

log = structlog.get_logger(__name__)

# Celery's own names: the list of its one queue, and what workers have taken and not finished.
QUEUE, TAKEN = "celery", "unacked"
ANSWER_SECONDS = 1.0


class Backlog:
    """The job queue as operators see it; unknown while Valkey is away."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._client: Redis | None = None

    async def measure(self) -> None:
        """Read the queue into the gauges."""
        waiting, taken = await self._read()
        metrics.JOBS_WAITING.set(waiting)
        metrics.JOBS_TAKEN.set(taken)

    async def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            await self._client.aclose()

    async def _read(self) -> tuple[float, float]:
        if not self._redis_url:
            return math.nan, math.nan
        if self._client is None:
            self._client = Redis.from_url(
                self._redis_url,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
            )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                waiting = await self._client.llen(QUEUE)
                taken = await self._client.hlen(TAKEN)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("backlog_unknown", error=type(error).__name__)
            return math.nan, math.nan
        return float(waiting), float(taken)
