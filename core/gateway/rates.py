"""Requests and tokens by the minute, counted for a key over all gateway processes.

Valkey holds the counters, and one script takes from them at once, so no number of processes lets
more through than the limit. While Valkey is away each process counts by itself, up to its share of
the limit: fewer calls than allowed may get through then. Only what was taken before it went is not
known to anybody, so the minute in which it goes may let through what was allowed twice.

The window is the last 60 full seconds and the running one, so nothing bursts at a minute's border.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.gateway import metrics
from core.gateway.errors import RateLimited, TooManyTokens
from core.gateway.limits import KeyLimits
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 61
# A call waits no longer than this for the counters.
ANSWER_SECONDS = 1.0
# How long a process counts by itself before it asks Valkey again.
PAUSE_SECONDS = 1.0
MOST_KEYS = 20_000

_TAKE = (Path(__file__).parent / "rates.lua").read_text()
# Gives back, or takes what came on top, in the second in which it was taken; a call that was
# longer than the window has left nothing there to give back.
_CORRECT = """
local second = tonumber(redis.call('TIME')[1])
local at, change = tonumber(ARGV[1]), tonumber(ARGV[2])
if at <= second - 61 then
    if change <= 0 then return 0 end
    at = second
end
redis.call('HINCRBY', KEYS[1], 't' .. at, change)
redis.call('EXPIRE', KEYS[1], 62)
return 1
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a window said: whether there was room, and how full it is. Seconds."""

    is_taken: bool
    requests: int
    tokens: int
    wait: int
    reset: int
    second: int


@dataclass(frozen=True, slots=True)
class Rate:
    """What a call took out of its key's minute, and what the client is told of it."""

    key_id: UUID
    limits: KeyLimits
    # What holds at the moment: the limits, or a share of them.
    held: KeyLimits
    taken: Taken
    tokens: int
    is_shared: bool

    def headers(self) -> dict[str, str]:
        """Return the usual headers, for those limits that there are."""
        found: dict[str, str] = {}
        for name, limit, used in (
            ("requests", self.held.requests_per_minute, self.taken.requests),
            ("tokens", self.held.tokens_per_minute, self.taken.tokens),
        ):
            if limit is not None:
                found[f"x-ratelimit-limit-{name}"] = str(limit)
                found[f"x-ratelimit-remaining-{name}"] = str(max(limit - used, 0))
                found[f"x-ratelimit-reset-{name}"] = f"{self.taken.reset}s"
        return found

    def refusal(self) -> Problem | None:
        """Return why the call may not run, or None where there was room for it."""
        if self.taken.is_taken:
            return None
        requests, tokens = self.limits.requests_per_minute, self.limits.tokens_per_minute
        if tokens is not None and self.tokens > tokens:
            return TooManyTokens(
                f"This call may need {self.tokens} tokens, and the key may use {tokens} a minute. "
                "Send less, or set a smaller max_tokens.",
                retry_after_seconds=WINDOW_SECONDS,
            )
        wait = self.taken.wait if self.taken.wait > 0 else WINDOW_SECONDS
        most = self.held.requests_per_minute
        is_requests = most is not None and self.taken.requests >= most
        what = f"{requests} requests" if is_requests else f"{tokens} tokens"
        return RateLimited(
            f"The key may use {what} a minute, and they are used up. Try again in {wait} seconds.",
            retry_after_seconds=wait,
        )


class Window:
    """The windows of one process: what the script does, without Valkey."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys: OrderedDict[UUID, dict[int, list[int]]] = OrderedDict()

    def take(self, key_id: UUID, wanted: tuple[int, int], limits: tuple[int, int]) -> Taken:
        """Take requests and tokens, all or nothing; a limit of -1 is none."""
        second = int(self._clock())
        seconds = self._seconds_of(key_id, second)
        used = [sum(each[kind] for each in seconds.values()) for kind in (0, 1)]
        waits = [
            _wait(seconds, kind, used[kind] + wanted[kind] - limits[kind], second)
            if wanted[kind] <= limits[kind]
            else -1
            for kind in (0, 1)
            if 0 <= limits[kind] < used[kind] + wanted[kind]
        ]
        wait = -1 if -1 in waits else max(waits, default=0)
        if wait == 0:
            self._add(seconds, second, wanted)
            used = [used[kind] + wanted[kind] for kind in (0, 1)]
        newest = max((at for at, amounts in seconds.items() if any(amounts)), default=0)
        reset = newest + WINDOW_SECONDS - second if newest else 0
        return Taken(wait == 0, used[0], used[1], wait, reset, second)

    def correct(self, key_id: UUID, at: int, change: int) -> None:
        """Give tokens back, or take some on top."""
        second = int(self._clock())
        if at <= second - WINDOW_SECONDS:
            if change <= 0:
                return
            at = second
        self._add(self._seconds_of(key_id, second), at, (0, change))

    def _seconds_of(self, key_id: UUID, second: int) -> dict[int, list[int]]:
        seconds = self._keys.setdefault(key_id, {})
        self._keys.move_to_end(key_id)
        while len(self._keys) > MOST_KEYS:
            self._keys.popitem(last=False)
        for at in [each for each in seconds if each <= second - WINDOW_SECONDS]:
            del seconds[at]
        return seconds

    @staticmethod
    def _add(seconds: dict[int, list[int]], at: int, amounts: tuple[int, int]) -> None:
        taken = seconds.setdefault(at, [0, 0])
        taken[0] += amounts[0]
        taken[1] += amounts[1]


def _wait(seconds: dict[int, list[int]], kind: int, over: int, second: int) -> int:
    """Return how long until so much of the window has passed."""
    for at in sorted(seconds):
        over -= seconds[at][kind]
        if over <= 0:
            return at + WINDOW_SECONDS - second
    return -1


@dataclass(slots=True)
class RateLimiter:
    """Takes from the counters of keys. `processes` are all gateway processes together."""

    redis_url: str = ""
    processes: int = 1
    answer_seconds: float = ANSWER_SECONDS
    _own: Window = field(default_factory=Window)
    _client: "Redis | None" = None
    _scripts: tuple[Any, Any] | None = None
    _away_until: float = 0.0
    _corrections: set[asyncio.Task[None]] = field(default_factory=set)

    async def take(self, key_id: UUID, limits: KeyLimits, *, tokens: int) -> Rate:
        """Count a request with so many tokens; the answer says whether there was room."""
        most = (_or_none(limits.requests_per_minute), _or_none(limits.tokens_per_minute))
        answer = await self._shared(
            lambda take, _: take(keys=[_key(key_id)], args=[1, tokens, *most])
        )
        if answer is not None:
            is_taken, *rest = (int(value) for value in answer)
            taken = Taken(bool(is_taken), *rest)
            return Rate(key_id, limits, limits, taken, tokens, is_shared=True)
        share = self._share_of(limits)
        most = (_or_none(share.requests_per_minute), _or_none(share.tokens_per_minute))
        taken = self._own.take(key_id, (1, tokens), most)
        return Rate(key_id, limits, share, taken, tokens, is_shared=False)

    def correct(self, rate: Rate, tokens: int) -> None:
        """Count what the call has really used; the caller does not wait for it."""
        change = tokens - rate.tokens
        if change == 0 or rate.limits.tokens_per_minute is None:
            return
        task = asyncio.create_task(self._correct(rate, change))
        self._corrections.add(task)
        task.add_done_callback(self._corrections.discard)

    async def close(self) -> None:
        """Write what is still to be corrected, and hang up."""
        if self._corrections:
            await asyncio.wait(set(self._corrections), timeout=self.answer_seconds)
        if self._client is not None:
            await self._client.aclose()

    async def _correct(self, rate: Rate, change: int) -> None:
        at = rate.taken.second
        if rate.is_shared:
            await self._shared(
                lambda _, correct: correct(keys=[_key(rate.key_id)], args=[at, change])
            )
        else:
            self._own.correct(rate.key_id, at, change)

    async def _shared(self, ask: Callable[[Any, Any], Awaitable[Any]]) -> Any:
        """Return what Valkey says, or None while it is away."""
        if not self.redis_url or time.monotonic() < self._away_until:
            return None
        if self._scripts is None:
            self._client = Redis.from_url(
                self.redis_url,
                socket_timeout=self.answer_seconds,
                socket_connect_timeout=self.answer_seconds,
            )
            register = self._client.register_script
            self._scripts = (register(_TAKE), register(_CORRECT))
        try:
            async with asyncio.timeout(self.answer_seconds):
                return await ask(*self._scripts)
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            metrics.RATES_ALONE.inc()
            log.warning("rate_limits_alone", error=type(error).__name__)
            return None

    def _share_of(self, limits: KeyLimits) -> KeyLimits:
        return KeyLimits(
            requests_per_minute=_share(limits.requests_per_minute, self.processes),
            tokens_per_minute=_share(limits.tokens_per_minute, self.processes),
        )


def _key(key_id: UUID) -> str:
    # One hash slot for a key, and ids are unique over all accounts.
    return f"cockpit:rate:{{{key_id}}}"


def _or_none(limit: int | None) -> int:
    return -1 if limit is None else limit


def _share(limit: int | None, processes: int) -> int | None:
    return None if limit is None else limit // processes
