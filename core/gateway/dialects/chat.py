"""OpenAI's chat, and what all its other paths share: the form that the gateway works in."""

from typing import Any

from core.gateway.dialects.base import Call, event
from core.gateway.errors import error_body
from core.kit.problems import Problem

_DONE = b"data: [DONE]\n\n"


class OpenAiChat:
    """Passes on what is in its form already."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def whole(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a whole answer."""
        return body

    def frames(self, chunk: dict[str, Any]) -> bytes:
        """Return a chunk as an event."""
        return event(chunk)

    def ended(self, comment: bytes) -> bytes:
        """Return the end of a stream."""
        return comment + _DONE

    def broken(self, problem: Problem) -> bytes:
        """Return the end of a stream that broke. No [DONE]: what came is not a whole answer."""
        return event(error_body(problem))
