"""One call on its way: what came in, and what has been decided about it so far."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from core.credits.messages import CallContext
from core.gateway import metrics
from core.gateway.bodies import Body
from core.gateway.ports import AccountSnapshot, Llm, Price, Principal
from core.gateway.rates import Rate
from core.gateway.snapshots import Credential
from core.guardrails.verdicts import BoundGuardrail, Verdict
from core.kit.clock import now
from core.kit.ids import uuid7
from core.kit.money import credits_for
from core.kit.problems import Problem


@dataclass(slots=True)
class Ticket:
    """A call; each step of the admission fills in what it finds out."""

    credential: Credential
    body: Body
    idempotency_key: str = ""
    agent_id: UUID | None = None
    request_id: UUID = field(default_factory=uuid7)
    # By which the ledger knows this call from another under the same Idempotency-Key.
    owner: UUID = field(default_factory=uuid4)
    started: float = field(default_factory=time.monotonic)
    created: int = field(default_factory=lambda: int(time.time()))
    began_at: datetime = field(default_factory=now)
    verdicts: tuple[Verdict, ...] = ()
    input_tokens: int = 0
    output_limit: int = 0
    # Set before the ledger is asked: from then on there may be something to give back.
    may_hold: bool = False
    held_since: float | None = None
    # Who may answer in the LLM's stead, and who was asked last.
    stand_ins: tuple[Llm, ...] = ()
    asked: Llm | None = None
    # Every deployment that was asked, and what each step took: for the log of the call.
    tried: list[str] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    # When the first byte of the request came, and of whose trace it is a part.
    arrived: float | None = None
    traceparent: str = ""
    # What it took out of its key's minute, where the key has rate limits.
    rate: Rate | None = None
    # When something that lets the call in may end by itself, and whether what is said in it may
    # no longer be kept although it could be when it began.
    rights_end: datetime | None = None
    keeps_no_content: bool = False
    _principal: Principal | None = None
    _snapshot: AccountSnapshot | None = None
    _llm: Llm | None = None

    @property
    def principal(self) -> Principal:
        """Who is calling; known after the first step."""
        assert self._principal is not None
        return self._principal

    @property
    def snapshot(self) -> AccountSnapshot:
        """What is on; known after the first step."""
        assert self._snapshot is not None
        return self._snapshot

    @property
    def llm(self) -> Llm:
        """What is called; known after the second step."""
        assert self._llm is not None
        return self._llm

    @property
    def price(self) -> Price:
        """What is charged; an LLM without a price never gets here."""
        assert self.llm.price is not None
        return self.llm.price

    @property
    def candidates(self) -> tuple[Llm, ...]:
        """Whoever may answer, in the order in which they are asked."""
        return (self.llm, *self.stand_ins)

    @property
    def runs(self) -> Llm:
        """What has answered, at the deployment that has; before that, what is called."""
        return self.asked or self.llm

    @property
    def charged_price(self) -> Price:
        """The price of what has answered."""
        return self.runs.price or self.price

    def ask(self, llm: Llm) -> None:
        """Take down who is asked."""
        self.asked = llm
        self.tried.append(llm.deployment.label)

    def pass_over(self, llm: Llm, problem: Problem) -> None:
        """Take down who could not answer, and why."""
        self.failures.append({"deployment": llm.deployment.label[:200], "code": problem.code})

    @property
    def passed_over(self) -> list[dict[str, str]]:
        """Who failed before the one with which the call ended."""
        return self.failures[: max(len(self.tried) - 1, 0)]

    def timed(self, step: str) -> "Timed":
        """Take the time of a step, as a context."""
        return Timed(self, step)

    def milliseconds(self) -> int:
        """Return how long ago the call began."""
        return int((time.monotonic() - self.started) * 1000)

    @property
    def is_known(self) -> bool:
        """Whether the caller is known, so that the call can be logged for them."""
        return self._principal is not None and self._snapshot is not None

    @property
    def is_identified(self) -> bool:
        """Whether the caller and the LLM are known, so that an event could be written."""
        return self._principal is not None and self._snapshot is not None and self._llm is not None

    @property
    def guardrails(self) -> tuple[BoundGuardrail, ...]:
        """What applies to the call."""
        return tuple(self.snapshot.guardrails.get(self.principal.product, ()))

    def meet(self, principal: Principal, snapshot: AccountSnapshot) -> None:
        """Take down who calls, before it is known whether they may."""
        self._principal, self._snapshot = principal, snapshot

    def identify(
        self,
        principal: Principal,
        snapshot: AccountSnapshot,
        llm: Llm,
        stand_ins: tuple[Llm, ...] = (),
    ) -> None:
        """Take down who calls what."""
        self._principal, self._snapshot, self._llm = principal, snapshot, llm
        self.stand_ins = stand_ins

    def credits_of(self, cost_usd: Decimal) -> int:
        """Return a cost in micro-credits of the account."""
        return credits_for(cost_usd, self.snapshot.credit_factor)


class Timed:
    """The time of one step of a call. A class, since a generator costs as much as the clock."""

    __slots__ = ("_began", "_step", "_ticket")

    def __init__(self, ticket: Ticket, step: str) -> None:
        self._ticket = ticket
        self._step = step
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        took = time.monotonic() - self._began
        metrics.STEP_SECONDS.observe(self._step, took)
        at = round((self._began - self._ticket.started) * 1000, 2)
        self._ticket.steps.append({"step": self._step, "at": at, "ms": round(took * 1000, 2)})


def context_of(ticket: Ticket) -> CallContext:
    """Return who calls what, as the ledger keeps it."""
    principal = ticket.principal
    return CallContext(
        product=principal.product,
        llm=ticket.llm.name,
        kind=ticket.llm.kind,
        user_id=principal.user_id,
        member_id=principal.member_id,
        membership_id=principal.membership_id,
        team_id=principal.team_id,
        organization_id=principal.organization_id,
        key_id=principal.key_id,
        client_id=principal.client_id,
        agent_id=ticket.agent_id,
        labels=principal.labels,
        owner=ticket.owner,
    )
