"""What goes into the ledger's functions and what comes back, for sync and async callers alike.

Amounts are integers of micro-credits; costs are decimals in US dollars. The engine knows no
product: prices, factors and ids come in with each message.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import orjson

ReserveOutcome = Literal[
    "reserved", "insufficient", "capped", "stale", "suspended", "duplicate", "mismatch"
]
SettleOutcome = Literal["settled", "late", "duplicate", "unknown"]
RefundOutcome = Literal["refunded", "duplicate", "mismatch", "too_much", "unsettled", "unknown"]
CallOutcome = Literal["ok", "error", "client_gone", "blocked", "timeout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """Who calls what, as of the reservation; it ends up in the usage event.

    `labels` says what some of these ids are called now: `{str(member_id): "Mia"}`. Names are kept
    apart from the event, so that erasure can blank them. `owner` marks who holds, where others may
    ask under the same request id; it goes with the hold.
    """

    product: str
    llm: str
    kind: str
    user_id: UUID | None = None
    member_id: UUID | None = None
    membership_id: UUID | None = None
    team_id: UUID | None = None
    organization_id: UUID | None = None
    key_id: UUID | None = None
    client_id: UUID | None = None
    agent_id: UUID | None = None
    connection_id: UUID | None = None
    tool: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: UUID | None = None

    def __post_init__(self) -> None:
        # A settlement must not stumble over what a reservation let through.
        assert all(UUID(subject) for subject in self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveRequest:
    """Hold `amount` for a call of the wallet `wallet_id`.

    With a `minimum`, the ledger may hold less than asked, down to it; without one it is all or
    nothing. `policy_version` is what the caller decided by; None skips the comparison. `estimate`
    is what is charged if the process dies after the dispatch. With `dispatch`, the call counts as
    dispatched at once, which saves a round trip. `cap_subjects` are the nodes and the key whose
    caps count this call.
    """

    request_id: UUID
    wallet_id: UUID
    amount: int
    factor: Decimal
    factor_version: int
    price_version: str
    fingerprint: str
    ttl_seconds: int
    context: CallContext
    minimum: int | None = None
    policy_version: int | None = None
    dispatch: bool = False
    estimate_microcredits: int = 0
    cap_subjects: tuple[UUID, ...] = ()

    def __post_init__(self) -> None:
        assert self.amount >= 0
        assert self.estimate_microcredits >= 0
        assert self.factor > 0
        assert len(self.fingerprint) <= 64
        assert len(self.price_version) <= 64


@dataclass(frozen=True, slots=True)
class Source:
    """How much of a reservation lies in one wallet."""

    wallet_id: UUID
    kind: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveAnswer:
    """What became of a request to hold credits.

    `wallet_id` and `wallet_kind` name the wallet that the call lives on, for a refusal too, with
    what was `asked` and what is `free` to it in all. `cap_subject` is the node or key whose cap
    refused. `state` tells a duplicate of a call that still runs (`open`) from one that has ended
    (`released`, `ended`), and `owner` whose that call is.
    """

    outcome: ReserveOutcome
    amount: int = 0
    sources: tuple[Source, ...] = ()
    wallet_id: UUID | None = None
    wallet_kind: str = ""
    asked: int = 0
    free: int = 0
    policy_version: int | None = None
    cap_subject: UUID | None = None
    state: Literal["", "open", "released", "ended"] = ""
    owner: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRequest:
    """What a call really cost. Credits follow by the factor of its reservation, rounded up once.

    To record a call that failed before it cost anything, settle it at 0; `release` leaves no
    event. `llm` and `price_version` say what has answered where that is not what was asked for.
    """

    request_id: UUID
    cost_usd: Decimal
    outcome: CallOutcome
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimated: bool = False
    llm: str = ""
    price_version: str = ""
    upstream_model: str = ""
    deployment: str = ""
    guardrails: list[Any] = field(default_factory=list)
    latency_ms: int | None = None
    first_token_ms: int | None = None
    status_code: int | None = None
    error_code: str = ""
    reported_cost_usd: Decimal | None = None

    def __post_init__(self) -> None:
        assert self.cost_usd >= 0
        assert len(self.price_version) <= 64


@dataclass(frozen=True, slots=True)
class Charge:
    """How much of a call one wallet paid. Negative where a late settlement gave back."""

    wallet_id: UUID
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleAnswer:
    """What a call was charged in all.

    `late`: the sweep had ended the reservation before; `charges` is then what changed. `unknown`:
    there never was such a reservation, or it was released more than a week ago.
    """

    outcome: SettleOutcome
    credits: int = 0
    charges: tuple[Charge, ...] = ()
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Give back `amount` of what the call `request_id` was charged; `refund_id` does it once."""

    refund_id: UUID
    request_id: UUID
    amount: int

    def __post_init__(self) -> None:
        assert self.amount > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAnswer:
    """What became of a refund.

    `left` is what the call is still charged, `charges` what changed. `unsettled`: the sweep
    guessed what the call cost, and its settlement may still come.
    """

    outcome: RefundOutcome
    left: int = 0
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatRequest:
    """Keep the hold of a call that still runs for another `ttl_seconds`.

    `reported_microcredits` is what it has cost so far beyond its input's estimate, in all.
    """

    request_id: UUID
    ttl_seconds: int
    reported_microcredits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepAnswer:
    """What a sweep ended: calls charged by estimate, holds freed, old releases forgotten."""

    charged: int
    freed: int
    forgotten: int

    @property
    def total(self) -> int:
        """How many rows it took off the table; a full batch means that there are more."""
        return self.charged + self.freed + self.forgotten


def to_bytes(request: object) -> bytes:
    """Return a request, or several, as the JSON text that an SQL function takes."""
    return orjson.dumps(request, default=_decimal_text)


def to_json(request: object) -> str:
    """Return the same as a string."""
    return to_bytes(request).decode()


def reserve_answer(text: str | bytes) -> ReserveAnswer:
    """Read what `ledger_reserve` returned."""
    return read_reserve(orjson.loads(text))


def read_reserve(found: Mapping[str, Any]) -> ReserveAnswer:
    """Read the answer to a reservation, already parsed."""
    return ReserveAnswer(
        outcome=found["outcome"],
        amount=found.get("amount", 0),
        sources=sources(found.get("sources", ())),
        wallet_id=_maybe_uuid(found.get("wallet_id")),
        wallet_kind=found.get("wallet_kind") or "",
        asked=found.get("asked", 0),
        free=found.get("free", 0),
        policy_version=found.get("policy_version"),
        cap_subject=_maybe_uuid(found.get("cap_subject")),
        state=found.get("state", ""),
        # Not `uuid_of`: no two are alike.
        owner=UUID(found["owner"]) if found.get("owner") else None,
    )


def settle_answer(text: str | bytes) -> SettleAnswer:
    """Read what `ledger_settle` returned."""
    return read_settle(orjson.loads(text))


def read_settle(found: Mapping[str, Any]) -> SettleAnswer:
    """Read the answer to a settlement, already parsed."""
    return SettleAnswer(
        outcome=found["outcome"],
        credits=found["credits"],
        charges=charges(found["charges"]),
        event_id=UUID(found["event_id"]) if found.get("event_id") else None,
    )


def refund_answer(text: str | bytes) -> RefundAnswer:
    """Read what `ledger_refund` returned."""
    found = orjson.loads(text)
    return RefundAnswer(
        outcome=found["outcome"], left=found["left"], charges=charges(found["charges"])
    )


def outcome_of(text: str | bytes) -> str:
    """Read what one of the functions returned that answer with a word alone."""
    return str(orjson.loads(text)["outcome"])


def sweep_answer(text: str) -> SweepAnswer:
    """Read what `ledger_sweep` returned."""
    return SweepAnswer(**orjson.loads(text))


def sources(found: Iterable[Mapping[str, Any]]) -> tuple[Source, ...]:
    """Read where a reservation lies."""
    return tuple(Source(uuid_of(one["wallet"]), one["kind"], one["amount"]) for one in found)


def charges(found: Iterable[Mapping[str, Any]]) -> tuple[Charge, ...]:
    """Read who paid."""
    return tuple(Charge(uuid_of(one["wallet"]), one["amount"]) for one in found)


@lru_cache(maxsize=4096)
def uuid_of(text: str) -> UUID:
    """Read the id of a wallet; the same ones come all the time."""
    return UUID(text)


def _maybe_uuid(text: str | None) -> UUID | None:
    return uuid_of(text) if text else None


def _decimal_text(value: object) -> str:
    # A float in between would round money.
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{value!r} does not belong in a ledger message")
