"""What the gateway asks of the rest: who is calling, what is on, who keeps the credits.

The values are frozen, so that a cache may hold them and threads may share them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol
from uuid import UUID

from core.access.refusals import Refusal
from core.access.rules.paths import Path
from core.access.rules.product import NOTHING_SAID, ProductAccess, Said
from core.credits.messages import (
    HeartbeatRequest,
    ReserveAnswer,
    ReserveRequest,
    SettleAnswer,
    SettleRequest,
)
from core.gateway.egress import EgressRule
from core.gateway.limits import NO_LIMITS, KeyLimits
from core.guardrails.verdicts import BoundGuardrail
from core.tenancy.context import AccountRef
from core.usage.models import CallLog
from core.usage.policies import Kept

LlmKind = Literal["chat", "embedding", "image", "transcription", "speech", "rerank", "moderation"]


class Secret:
    """A credential that shows itself in no log, error or dump."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the credential, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("A secret is not pickled.")


def secret_parts(text: str) -> dict[str, str]:
    """Return the named parts of a credential that has several, such as a pair of AWS keys."""
    if not text.startswith("{"):
        return {}
    try:
        parts = json.loads(text)
    except ValueError:
        return {}
    return {name: value for name, value in parts.items() if isinstance(value, str) and value}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, by a virtual key or a user token: a membership, or a team, of one product."""

    account: AccountRef
    product: str
    # A team's service key has no user and no member.
    user_id: UUID | None
    member_id: UUID | None
    membership_id: UUID | None
    wallet_id: UUID
    team_id: UUID | None = None
    organization_id: UUID | None = None
    key_id: UUID | None = None
    client_id: UUID | None = None
    label: str = ""
    # From `global` down to the member: whose policies count.
    path: Path = ()
    # What those nodes say. It comes with the caller, so that a large account's policies are never
    # read as a whole because one of them has moved.
    said: Said = NOTHING_SAID
    cap_subjects: tuple[UUID, ...] = ()
    policy_version: int = 0
    expires_at: datetime | None = None
    # What the key may do less than its owner.
    limits: KeyLimits = NO_LIMITS
    # What the ids above are called now, for the usage event's labels.
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Price:
    """One price row: US dollars for a million tokens of each kind, for an image, for a request."""

    version: str
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    reasoning: Decimal
    audio_input: Decimal
    audio_output: Decimal
    image_each: Decimal = Decimal(0)
    request: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where an LLM runs: the provider in LiteLLM's words, its name there, the credential.

    An LLM may have several: the lowest `order` goes first, and among equals `weight` decides how
    often. `timeout_seconds` is how long it may take to its first token. `options` are what a
    vendor needs besides, such as a region. `egress` guards an address that an account typed in.
    """

    provider: str
    upstream_model: str
    api_base: str | None = None
    api_key: Secret | None = None
    is_demo: bool = False
    id: UUID | None = None
    title: str = ""
    weight: int = 1
    order: int = 1
    timeout_seconds: float | None = None
    options: tuple[tuple[str, str], ...] = ()
    egress: EgressRule | None = None

    @property
    def is_own(self) -> bool:
        """Whether an account has typed in the address: it runs what answers there."""
        return self.egress is not None and self.api_base is not None

    @property
    def label(self) -> str:
        """How usage events name it; without any secret."""
        return self.title or f"{self.provider}/{self.upstream_model}"

    def option(self, name: str) -> str:
        """Return what a vendor needs besides, or nothing."""
        return dict(self.options).get(name, "")


@dataclass(frozen=True, slots=True)
class Llm:
    """An LLM as one account may call it. Without a price it is listed nowhere and refused."""

    id: UUID
    name: str
    kind: LlmKind
    vendor: str
    title: str
    context_window: int
    max_output_tokens: int
    capabilities: frozenset[str]
    price: Price | None
    deployment: Deployment
    # More places where it runs, and names of LLMs that may answer in its stead.
    alternatives: tuple[Deployment, ...] = ()
    fallbacks: tuple[str, ...] = ()
    # How many more rounds through its deployments a call that fails for a moment gets.
    retries: int = 0

    @property
    def targets(self) -> tuple[Deployment, ...]:
        """Every place where it runs."""
        return (self.deployment, *self.alternatives)

    @property
    def is_demo(self) -> bool:
        """Whether the demo provider answers."""
        return self.deployment.is_demo

    def at(self, deployment: Deployment) -> "Llm":
        """Return it as it runs at one of its places."""
        if deployment is self.deployment and not self.alternatives:
            return self
        return replace(self, deployment=deployment, alternatives=())


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """All the gateway needs to know of an account at one policy version."""

    account: AccountRef
    is_suspended: bool
    credit_factor: Decimal
    factor_version: int
    policy_version: int
    llms: Mapping[str, Mapping[str, Llm]] = field(default_factory=dict)
    guardrails: Mapping[str, tuple[BoundGuardrail, ...]] = field(default_factory=dict)
    # What each product keeps of its calls, where it has decided on that.
    content: Mapping[str, Kept] = field(default_factory=dict)
    # By product, without what nodes say; one that is missing lets nobody use anything.
    access: Mapping[str, ProductAccess] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WalletNote:
    """What a refusal says about a wallet: its name in words, and who can put credits into it."""

    label: str
    helpers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """A deployment that somebody wants to test, active or not, priced or not."""

    account: AccountRef
    llm: Llm


class Directory(Protocol):
    """Resolves callers and accounts. Synchronous; it runs in a thread that closes its connections.

    The methods raise `Unauthenticated`, or `NotAllowed` where the caller is known but may not call.
    """

    def principal_for_key(self, token: str) -> Principal: ...
    def principal_for_user_token(self, token: str, team: str | None) -> Principal: ...
    def snapshot(self, account_id: UUID) -> AccountSnapshot: ...
    def keep_calls(
        self, account: AccountRef, logs: Sequence[tuple[CallLog, Mapping[str, Any] | None]]
    ) -> int: ...
    def wallet_note(self, principal: Principal, wallet_id: UUID) -> WalletNote: ...
    def keep_refusal(
        self, principal: Principal, refusal: Refusal, policy_version: int, refusal_id: UUID
    ) -> None: ...
    def deployment_to_test(self, account_id: UUID, deployment_id: UUID) -> Probe: ...


class Ledger(Protocol):
    """The ledger of every account by its schema; `core.credits.lane.LedgerLane` is the real one."""

    async def reserve(self, schema: str, request: ReserveRequest) -> ReserveAnswer: ...
    async def heartbeat(self, schema: str, request: HeartbeatRequest) -> bool: ...
    async def settle(self, schema: str, request: SettleRequest) -> SettleAnswer: ...
    async def release(
        self, schema: str, request_id: UUID, *, owner: UUID | None = None
    ) -> bool: ...
