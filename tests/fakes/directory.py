"""Callers and accounts in memory: for tests of the gateway that need no database."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from threading import Event
from typing import Any
from uuid import UUID, uuid4

from core.access.refusals import Refusal
from core.access.rules.grants import Grant
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess, Said, Thing
from core.access.rules.switches import Switch
from core.gateway.ports import (
    AccountSnapshot,
    Deployment,
    Llm,
    LlmKind,
    Price,
    Principal,
    Probe,
    Secret,
    WalletNote,
)
from core.guardrails.verdicts import Action, BoundGuardrail, Stage
from core.kit.problems import Unauthenticated
from core.tenancy.context import AccountRef
from core.usage.models import CallLog
from core.usage.policies import Kept

MIA = "ck_acme_mia-and-some-more-letters"

EVERYBODY = PathNode("global", UUID(int=1), "global")

# 2 and 8 US dollars for a million tokens, so that one input token costs 2 micro-dollars.
PRICE = Price(
    version="7",
    input=Decimal(2),
    output=Decimal(8),
    cache_read=Decimal(1),
    cache_write=Decimal("2.5"),
    reasoning=Decimal(8),
    audio_input=Decimal(0),
    audio_output=Decimal(0),
    image_each=Decimal("0.04"),
)


def _set_event() -> Event:
    event = Event()
    event.set()
    return event


@dataclass(slots=True)
class FakeDirectory:
    """One account with one caller, whose LLMs are added by hand."""

    account: AccountRef = field(default_factory=lambda: _account("acme"))
    product: str = "console"
    factor: Decimal = Decimal(100)
    version: int = 1
    is_suspended: bool = False
    llms: dict[str, dict[str, Llm]] = field(default_factory=dict)
    guardrails: tuple[BoundGuardrail, ...] = ()
    policies: dict[UUID, LlmPolicy] = field(default_factory=dict)
    switches: dict[str, dict[UUID, Switch]] = field(default_factory=dict)
    grants: dict[Thing, dict[UUID, Grant]] = field(default_factory=dict)
    open_things: set[Thing] = field(default_factory=set)
    content: dict[str, Kept] = field(default_factory=dict)
    logs: list[tuple[CallLog, Any]] = field(default_factory=list)
    tokens: dict[str, Principal] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    refusal_ids: list[UUID] = field(default_factory=list)
    # Cleared, refusals wait before they are written, as on a disk that is busy.
    writes_after: Event = field(default_factory=_set_event)

    def __post_init__(self) -> None:
        self.add_caller(MIA)

    def add_caller(self, token: str) -> Principal:
        member_id = uuid4()
        principal = Principal(
            account=self.account,
            product=self.product,
            user_id=uuid4(),
            member_id=member_id,
            path=(EVERYBODY, PathNode("member", member_id, "Mia")),
            membership_id=uuid4(),
            wallet_id=uuid4(),
            key_id=uuid4(),
            label="Mia",
        )
        self.tokens[token] = principal
        return principal

    def keep_calls(self, account: AccountRef, logs: Any) -> int:
        """Take logs of calls as they would be written."""
        self.logs += [*logs]
        return len(logs)

    def add_llm(
        self,
        name: str,
        *,
        kind: LlmKind = "chat",
        api_base: str | None = None,
        product: str | None = None,
        price: Price | None = PRICE,
        provider: str | None = None,
        context_window: int = 128_000,
        max_output_tokens: int = 4_000,
    ) -> Llm:
        """Add an LLM: at `api_base`, or else of the demo provider."""
        chosen = provider or ("openai" if api_base else "demo")
        llm = Llm(
            id=uuid4(),
            name=name,
            kind=kind,
            vendor="openai",
            title=name.title(),
            context_window=context_window,
            max_output_tokens=0 if kind == "embedding" else max_output_tokens,
            capabilities=frozenset({"tools"}),
            price=price,
            deployment=Deployment(
                provider=chosen,
                upstream_model=name,
                api_base=api_base,
                api_key=Secret("sk-canary-upstream-1234567890") if api_base else None,
                is_demo=chosen == "demo",
            ),
        )
        self.llms.setdefault(product or self.product, {})[name] = llm
        return llm

    def bind(
        self,
        action: Action,
        *stages: Stage,
        is_mandatory: bool = False,
        preset: str = "pii",
    ) -> None:
        """Bind a guardrail to every call."""
        bound = BoundGuardrail(
            id=uuid4(),
            name="Personal data",
            preset=preset,
            action=action,
            stages=frozenset(stages),
            is_mandatory=is_mandatory,
        )
        self.guardrails = (*self.guardrails, bound)

    def revoke(self, token: str) -> None:
        """Take a caller away, as a revocation does: the policy moves."""
        del self.tokens[token]
        self.version += 1

    # -- the port ----------------------------------------------------------------------------------

    def principal_for_key(self, token: str) -> Principal:
        self.reads.append("key")
        return self._principal(token)

    def principal_for_user_token(self, token: str, team: str | None) -> Principal:
        self.reads.append("token")
        return self._principal(token)

    def snapshot(self, account_id: UUID) -> AccountSnapshot:
        self.reads.append("snapshot")
        return AccountSnapshot(
            account=self.account,
            is_suspended=self.is_suspended,
            credit_factor=self.factor,
            factor_version=3,
            policy_version=self.version,
            llms={product: dict(llms) for product, llms in self.llms.items()},
            guardrails={self.product: self.guardrails},
            access={product: self._access(product) for product in self.llms},
            content=dict(self.content),
        )

    def deployment_to_test(self, account_id: UUID, deployment_id: UUID) -> Probe:
        assert account_id == self.account.id
        llms = self.llms[self.product].values()
        return Probe(self.account, next(llm for llm in llms if llm.id == deployment_id))

    def wallet_note(self, principal: Principal, wallet_id: UUID) -> WalletNote:
        return WalletNote("the wallet of Mia", ("Theo (team admin)", "Ada (account admin)"))

    def keep_refusal(
        self, principal: Principal, refusal: Refusal, policy_version: int, refusal_id: UUID
    ) -> None:
        """Keep it, as slowly as `writes_after` lets it."""
        assert self.writes_after.wait(10)
        self.refusals.append(refusal)
        self.refusal_ids.append(refusal_id)

    def _access(self, product: str) -> ProductAccess:
        on = frozenset(llm.id for llm in self.llms[product].values())
        return ProductAccess(product, on, on, open_things=frozenset(self.open_things))

    def _principal(self, token: str) -> Principal:
        if token not in self.tokens:
            raise Unauthenticated("This key is unknown or revoked.")
        said = Said(dict(self.policies), dict(self.switches), dict(self.grants))
        return replace(self.tokens[token], said=said, policy_version=self.version)


def _account(slug: str) -> AccountRef:
    account_id = uuid4()
    return AccountRef(account_id, slug, f"account_{account_id.hex}")
