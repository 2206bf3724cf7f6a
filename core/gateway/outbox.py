"""What a call puts out and a request takes: bounded, so that a slow client slows the provider."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

from core.kit.problems import Problem

# A few seconds of a fast answer.
MOST_WAITING = 256


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole answer, and the receipts of its guardrails; what is no JSON stands in `raw`."""

    body: dict[str, Any]
    receipts: tuple[str, ...]
    raw: bytes | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Streamed:
    """A chunk of the answer."""

    body: dict[str, Any]
    receipts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The call has ended with a problem, before or after its first chunk."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Ended:
    """The call has ended well and been charged so much; None: the ledger has yet to say."""

    microcredits: int | None


Event = Whole | Streamed | Failed | Ended


class Outbox:
    """A queue with one writer and one reader."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._has_event = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    def put(self, event: Event) -> None:
        """Add an event at once; for the last ones, which must never wait for a client."""
        self._events.append(event)
        self._has_event.set()

    async def put_slowly(self, event: Event) -> None:
        """Add an event, waiting while the reader is behind."""
        await self._has_room.wait()
        self.put(event)
        if len(self._events) >= MOST_WAITING:
            self._has_room.clear()

    async def take(self) -> Event:
        """Return the next event."""
        await self._has_event.wait()
        event = self._events.popleft()
        if not self._events:
            self._has_event.clear()
        if len(self._events) < MOST_WAITING // 2:
            self._has_room.set()
        return event
