"""Many steps of one account in one round trip: what goes into `ledger_batch` and what comes back.

A batch holds ends of calls (settle, release, dispatch) and new calls (reserve). All ends come
first; then the calls are admitted in the order they came. Whatever the batch leaves out, because
it is rare and needs more care, is answered with None and is to be made as a single call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from core.credits import messages
from core.credits.messages import ReserveAnswer, ReserveRequest, SettleAnswer, SettleRequest


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """Give a hold back."""

    request_id: UUID
    op: Literal["release"] = "release"


@dataclass(frozen=True, slots=True)
class DispatchRequest:
    """Record that the upstream is about to be called."""

    request_id: UUID
    op: Literal["dispatch"] = "dispatch"


End = SettleRequest | ReleaseRequest | DispatchRequest
Answer = ReserveAnswer | SettleAnswer | bool

# What each function says when it did what was asked, for those that answer with a word alone.
_DONE = {ReleaseRequest: "released", DispatchRequest: "dispatched"}
_FUNCTIONS = {
    ReserveRequest: "ledger_reserve",
    SettleRequest: "ledger_settle",
    ReleaseRequest: "ledger_release",
    DispatchRequest: "ledger_dispatch",
}


def function_of(request: End | ReserveRequest) -> str:
    """Return the SQL function that makes one step alone."""
    return _FUNCTIONS[type(request)]


def to_json(ends: Sequence[End], calls: Sequence[ReserveRequest]) -> str:
    """Return a batch as the JSON text that `ledger_batch` takes."""
    return messages.to_json({"ends": ends, "calls": calls})


def from_json(
    text: str, ends: Sequence[End], calls: Sequence[ReserveRequest]
) -> list[Answer | None]:
    """Return the answers to a batch: to its ends, then to its calls. None: to be made alone."""
    found = orjson.loads(text)
    raw = [*found["ends"], *found["calls"]]
    requests: list[End | ReserveRequest] = [*ends, *calls]
    return [
        None if one is None else read(request, one)
        for request, one in zip(requests, raw, strict=True)
    ]


def read(request: End | ReserveRequest, found: dict[str, Any]) -> Answer:
    """Return the answer to one step, from a batch or from its own function."""
    match request:
        case ReserveRequest():
            return messages.read_reserve(found)
        case SettleRequest():
            return messages.read_settle(found)
        case _:
            return bool(found["outcome"] == _DONE[type(request)])
