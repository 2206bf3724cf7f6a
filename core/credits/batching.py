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
    """Give a hold back; with an `owner`, only if it is theirs."""

    request_id: UUID
    op: Literal["release"] = "release"
    owner: UUID | None = None


@dataclass(frozen=True, slots=True)
class DispatchRequest:
    """Record that the upstream is about to be called."""

    request_id: UUID
    op: Literal["dispatch"] = "dispatch"


End = SettleRequest | ReleaseRequest | DispatchRequest
Answer = ReserveAnswer | SettleAnswer | bool

# In which list of a batch each kind of end goes.
_LISTS = {
    SettleRequest: "settlements",
    ReleaseRequest: "releases",
    DispatchRequest: "dispatches",
}
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


def to_bytes(ends: Sequence[End], calls: Sequence[ReserveRequest]) -> bytes:
    """Return a batch as the JSON text that `ledger_batch` takes: a list for each kind of step."""
    message: dict[str, list[End | ReserveRequest]] = {}
    for end in ends:
        message.setdefault(_LISTS[type(end)], []).append(end)
    if calls:
        message["calls"] = list(calls)
    return messages.to_bytes(message)


def to_json(ends: Sequence[End], calls: Sequence[ReserveRequest]) -> str:
    """Return the same as a string."""
    return to_bytes(ends, calls).decode()


def from_json(
    text: str | bytes, ends: Sequence[End], calls: Sequence[ReserveRequest]
) -> list[Answer | None]:
    """Return the answers to a batch: to its ends, then to its calls. None: to be made alone."""
    found = orjson.loads(text)
    answers: list[Answer | None] = [None] * len(ends)
    places: dict[str, list[int]] = {kind: [] for kind in _LISTS.values()}
    for place, end in enumerate(ends):
        places[_LISTS[type(end)]].append(place)
    # What is released is charged nothing, and comes after what is settled.
    for nth, charged, charges in zip(
        found["settled"] or (), found["charged"] or (), found["charges"] or (), strict=False
    ):
        place = places["settlements"][nth - 1]
        answers[place] = SettleAnswer(
            outcome="settled",
            credits=charged,
            charges=messages.charges(charges),
            event_id=ends[place].request_id,
        )
    for nth in found["released"] or ():
        answers[places["releases"][nth - 1]] = True
    for nth in found["dispatched"] or ():
        answers[places["dispatches"][nth - 1]] = True
    answers += (_answer_to(call, found, place) for place, call in enumerate(calls))
    return answers


def _answer_to(call: ReserveRequest, found: dict[str, Any], place: int) -> ReserveAnswer | None:
    refusal, amount = found["refusals"][place], found["granted"][place]
    if refusal is not None:
        return messages.read_reserve(refusal)
    if amount is None:
        return None
    branch = found["branches"][place] - 1
    return ReserveAnswer(
        outcome="reserved",
        amount=amount,
        sources=messages.sources(found["sources"][place]),
        wallet_id=messages.uuid_of(found["wallets"][branch]),
        wallet_kind=found["kinds"][branch] or "",
        asked=call.amount,
        policy_version=found["policy_version"],
        state="open",
    )


def read(request: End | ReserveRequest, found: dict[str, Any]) -> Answer:
    """Return the answer to one step, from a batch or from its own function."""
    match request:
        case ReserveRequest():
            return messages.read_reserve(found)
        case SettleRequest():
            return messages.read_settle(found)
        case _:
            return bool(found["outcome"] == _DONE[type(request)])
