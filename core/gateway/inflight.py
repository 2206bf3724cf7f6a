"""Bodies that are on their way in: how much memory those of one process may take together.

A key may send 20 MB at once, on thousands of connections, and slowly. What a call holds once it
has been read is bounded by how many may run.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Receive

from core.gateway.errors import Overloaded

RETRY_SECONDS = 2


class Bodies:
    """The bytes that have come of all bodies which are not read yet."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    @contextmanager
    def room(self) -> Iterator["Room"]:
        """Yield the room of one body; leaving it gives all of it back."""
        room = Room(self)
        try:
            yield room
        finally:
            self.held -= room.held

    def take(self, count: int) -> None:
        """Take room.

        Raises:
            Overloaded: there is none left.
        """
        if self.held + count > self._most:
            raise Overloaded(
                "Too much is being sent at once; try again in a moment.",
                retry_after_seconds=RETRY_SECONDS,
            )
        self.held += count


class Room:
    """What one body has taken."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.held = 0

    def counted(self, receive: Receive) -> Receive:
        """Return `receive` so that what comes by it takes room."""

        async def receive_counted() -> Message:
            message = await receive()
            count = len(message.get("body", b""))
            self._bodies.take(count)
            self.held += count
            return message

        return receive_counted
