"""What every dialect offers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from core.kit.problems import Problem


@dataclass(frozen=True, slots=True)
class Call:
    """What an answer says of the call that it belongs to."""

    id: str
    model: str
    created: int
    input_tokens: int


class Dialect(Protocol):
    """Writes one call's answer. `chunk` and `body` are those of OpenAI's chat."""

    def whole(self, body: dict[str, Any]) -> dict[str, Any]: ...
    def frames(self, chunk: dict[str, Any]) -> bytes: ...
    def ended(self, comment: bytes) -> bytes: ...
    def broken(self, problem: Problem) -> bytes: ...


DialectOf = Callable[[Call], Dialect]
ErrorBody = Callable[[Problem], Mapping[str, Any]]


def event(body: Mapping[str, Any], name: str = "") -> bytes:
    """Return one server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(body) + b"\n\n"


def first_choice(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the only choice of a whole answer; an empty one where the provider sent none."""
    nothing: dict[str, Any] = {"message": {}, "finish_reason": "stop"}
    return dict(next(iter(body["choices"]), nothing))


def text_of(delta: Mapping[str, Any]) -> str:
    """Return what a delta or a message says, a refusal included."""
    return str(delta.get("content") or "") + str(delta.get("refusal") or "")
