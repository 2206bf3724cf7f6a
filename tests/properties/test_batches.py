"""One random history, in Globex by batches and in Acme by single steps: equal answers and ledgers.

Globex goes first and tells which steps its batches left to be made alone. Acme makes the same
steps one by one in the order that a batch promises: the ends, the calls as they came, and last
what was left out.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import (
    SearchStrategy,
    booleans,
    builds,
    integers,
    just,
    lists,
    none,
    one_of,
    sampled_from,
    tuples,
)

from core.credits import batching, charging
from core.credits.batching import Answer, DispatchRequest, End, ReleaseRequest
from core.credits.errors import InsufficientCredits
from core.credits.invariants import broken_invariants
from core.credits.messages import ReserveRequest, SettleRequest
from core.credits.models import Wallet, WalletKind
from core.credits.services import books
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from core.tenancy.policy import bump_policy, policy_version
from tenants.models import Account
from tests.cast import TESTS
from tests.factories.credits import (
    allocate,
    cap,
    figures,
    open_branch,
    reclaim,
    reserve_request,
    set_overflow,
    top_up,
)

EXAMPLES = int(os.environ.get("COCKPIT_PROPERTY_EXAMPLES", "200"))

CALLERS = ("membership", "membership", "other", "team", "direct", "alone")
FUNDED = ("organization", "team", "membership", "other", "direct", "alone")
SUBJECTS = {"team cap": uuid7(), "key cap": uuid7()}
CAPS = {"team cap": 60, "key cap": 25}


# -- what may happen -------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewCall:
    """Somebody wants to hold credits; `again` repeats an earlier call's id."""

    name: str
    amount: int
    minimum: int | None
    caps: list[str]
    is_dispatched: bool
    is_stale: bool
    again: int | None
    fingerprint: str


@dataclass(frozen=True)
class EndOfCall:
    """The call at this place ends; a charge of None with no mark gives it back."""

    place: int
    charge: int | None
    is_dispatch: bool


@dataclass(frozen=True)
class Batch:
    """What one flush carries."""

    ends: list[EndOfCall]
    calls: list[NewCall]


@dataclass(frozen=True)
class Movement:
    """An admin moves credits in between."""

    verb: str
    name: str
    amount: int


@dataclass(frozen=True)
class Between:
    """Settings change, or the sweep comes by."""

    limit: int
    spill: tuple[bool, bool, bool]
    is_sweep: bool


new_calls: SearchStrategy[NewCall] = builds(
    NewCall,
    name=sampled_from(CALLERS),
    amount=integers(0, 30),
    minimum=none() | just(0) | integers(1, 30),
    caps=just([]) | lists(sampled_from(tuple(CAPS)), unique=True),
    is_dispatched=booleans(),
    is_stale=sampled_from((False, False, False, True)),
    again=sampled_from((None, None, None, None, 0, 1, 2)),
    fingerprint=sampled_from(("print", "print", "other")),
)
ends_of_calls = builds(
    EndOfCall,
    place=integers(0, 30),
    charge=none() | integers(0, 40),
    is_dispatch=sampled_from((False, False, True)),
)
batches = builds(
    Batch, ends=lists(ends_of_calls, max_size=6), calls=lists(new_calls, min_size=1, max_size=8)
)
movements = builds(
    Movement,
    verb=sampled_from(("allocate", "top_up", "reclaim")),
    name=sampled_from(FUNDED),
    amount=integers(1, 40),
)
betweens = builds(
    Between,
    limit=integers(0, 40),
    spill=tuples(booleans(), booleans(), booleans()),
    is_sweep=booleans(),
)
histories = lists(one_of(batches, batches, movements, betweens), min_size=1, max_size=12)


# -- the two books ---------------------------------------------------------------------------------


@dataclass
class Side:
    """One account's book, and names for its ids."""

    account: Account
    wallets: dict[str, Wallet]
    names: dict[str, str] = field(default_factory=dict)

    def neutral(self, value: Any) -> Any:
        """Return a value with names in the place of this side's own ids."""
        if is_dataclass(value) and not isinstance(value, type):
            return {one.name: self.neutral(getattr(value, one.name)) for one in fields(value)}
        if isinstance(value, dict):
            return {key: self.neutral(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.neutral(one) for one in value]
        if isinstance(value, UUID):
            return self.names.get(str(value), str(value))
        return self.names.get(value, value) if isinstance(value, str) else value


def open_side(account: Account) -> Side:
    """Open a book with credits on each level, the same in each account."""
    with in_account(account):
        branch = open_branch(grant=400)

        def seat(parent: Wallet | None) -> Wallet:
            return books.create_wallet(book=branch.book, kind=WalletKind.MEMBERSHIP, parent=parent)

        wallets = {
            "unallocated": branch.unallocated,
            "pool": branch.pool,
            "overflow": branch.overflow,
            "organization": branch.organization,
            "team": branch.team,
            "membership": branch.membership,
            "other": seat(branch.team),
            "direct": seat(branch.organization),
            "alone": seat(None),
        }
        for name, amount in (("organization", 150), ("team", 90), ("membership", 30), ("pool", 40)):
            allocate(wallets[name], amount)
        caps = {name: cap(branch.book, SUBJECTS[name], CAPS[name], "cycle") for name in CAPS}
        cycle = branch.pool.balances.get().cycle
    names = {str(wallet.pk): name for name, wallet in wallets.items()}
    names |= {str(one.pk): name for name, one in caps.items()}
    # Caps of a cycle name its start, which is another moment in each account.
    starts = cycle.starts_at.isoformat()
    return Side(
        account,
        wallets,
        {**names, str(branch.book.pk): "book", str(cycle.pk): "cycle", starts: "start"},
    )


_BALANCES = """
SELECT wallet_id, credited, used, reserved, overrun, credit_limit FROM credits_balance
WHERE wallet_id IN (SELECT w.id FROM credits_wallet w JOIN credits_book b ON b.id = w.book_id
    WHERE b.product = 'testing')
"""
# A counter at zero is as good as none.
_COUNTERS = "SELECT cap_id, used, reserved FROM credits_capcounter WHERE used <> 0 OR reserved <> 0"
_HOLDS = """
SELECT request_id, wallet_id, main_wallet_id, payers, sources, amount, estimate, reported, factor,
    price_version, fingerprint, context, state, dispatched_at IS NULL,
    jsonb_path_query_array(caps, '$[*].cap') FROM credits_reservation
"""
_EVENTS = """
SELECT CASE WHEN corrects IS NULL THEN id END, corrects, wallet_id, product, member_id, llm, kind,
    guardrails, input_tokens, output_tokens, cost_usd, factor, reserved, credits, charges, outcome,
    status_code, error_code, is_estimated, is_late, is_unsettled, latency_ms, fingerprint,
    jsonb_path_query_array(caps, '$[*].cap') FROM credits_usageevent
"""
_LABELS = "SELECT subject, text FROM credits_label"


def ledger_of(side: Side) -> dict[str, list[Any]]:
    """Return every row that calls leave, without the moments and with neutral names."""
    found = {}
    with connection.cursor() as cursor:
        for statement in (_BALANCES, _COUNTERS, _HOLDS, _EVENTS, _LABELS):
            cursor.execute(statement)
            rows = [
                [json.loads(one) if _is_json(one) else one for one in row]
                for row in cursor.fetchall()
            ]
            found[statement] = sorted((side.neutral(row) for row in rows), key=repr)
    return found


def _is_json(value: object) -> bool:
    return isinstance(value, str) and value[:1] in ("[", "{")


# -- both go through it ----------------------------------------------------------------------------


@dataclass
class History:
    """The same steps on both sides."""

    batched: Side
    single: Side
    calls: list[UUID] = field(default_factory=list)

    def go(self, step: Batch | Movement | Between) -> None:
        match step:
            case Batch():
                self._batch(step)
            case Movement():
                self._each(lambda side: _move(side, step))
            case Between():
                self._each(lambda side: _change(side, step))
        with in_account(self.batched.account):
            batched, broken = ledger_of(self.batched), broken_invariants()
        with in_account(self.single.account):
            assert batched == ledger_of(self.single)
        assert broken == []

    def _each(self, act: Any) -> None:
        outcomes = []
        for side in (self.batched, self.single):
            with in_account(side.account):
                outcomes.append(act(side))
        assert outcomes[0] == outcomes[1]

    def _batch(self, batch: Batch) -> None:
        ends = self._ends(batch)
        ids = [
            uuid7()
            if call.again is None or call.again >= len(self.calls)
            # From the end, so that calls of the last batches come twice.
            else self.calls[-1 - call.again]
            for call in batch.calls
        ]
        # A batch in which one call comes twice is refused as a whole; that is another test.
        keep = [place for place, one in enumerate(ids) if ids.index(one) == place]
        calls = [(batch.calls[place], ids[place]) for place in keep]
        with in_account(self.batched.account):
            requests = [_request(self.batched, call, id_) for call, id_ in calls]
            answers = _flush(ends, requests)
            alone = [place for place, answer in enumerate(answers) if answer is None]
            for place in alone:
                answers[place] = charging._alone([*ends, *requests][place])
        with in_account(self.single.account):
            steps: list[End | ReserveRequest] = [
                *ends,
                *(_request(self.single, call, id_) for call, id_ in calls),
            ]
            expected: dict[int, Answer] = {}
            for place in [*(p for p in range(len(steps)) if p not in alone), *alone]:
                expected[place] = charging._alone(steps[place])
        for place, answer in enumerate(answers):
            assert _comparable(self.batched, answer) == _comparable(self.single, expected[place])
        self.calls += [id_ for _, id_ in calls if id_ not in self.calls]

    def _ends(self, batch: Batch) -> list[End]:
        found: dict[UUID, End] = {}
        for one in batch.ends:
            # Beyond the calls that were made: one that nobody knows.
            known = one.place < len(self.calls)
            call = self.calls[-1 - one.place] if known else UUID(int=one.place)
            found.setdefault(call, _end(one, call))
        return list(found.values())


def _end(one: EndOfCall, call: UUID) -> End:
    if one.is_dispatch:
        return DispatchRequest(call)
    if one.charge is None:
        return ReleaseRequest(call)
    return SettleRequest(
        request_id=call,
        cost_usd=Decimal(one.charge).scaleb(-6),
        outcome="ok",
        input_tokens=7,
        output_tokens=one.charge,
        guardrails=[{"name": "Personal data"}],
        status_code=200,
        latency_ms=12,
    )


def _request(side: Side, call: NewCall, request_id: UUID) -> ReserveRequest:
    return reserve_request(
        side.wallets[call.name],
        call.amount,
        request_id=request_id,
        minimum=call.minimum,
        dispatch=call.is_dispatched,
        fingerprint=call.fingerprint,
        cap_subjects=tuple(SUBJECTS[name] for name in call.caps),
        estimate_microcredits=call.amount // 2,
        policy_version=policy_version() - call.is_stale,
    )


def _flush(ends: list[End], calls: list[ReserveRequest]) -> list[Answer | None]:
    text = charging._call("ledger_batch", batching.to_json(ends, calls))
    return batching.from_json(text, ends, calls)


def _comparable(side: Side, answer: Answer | None) -> Any:
    found = side.neutral(answer)
    if isinstance(found, dict):
        found.pop("policy_version", None)
        # A correction's event has an id of its own on each side.
        found.pop("event_id", None)
    return found


def _move(side: Side, movement: Movement) -> str:
    act = {"allocate": allocate, "top_up": top_up, "reclaim": reclaim}[movement.verb]
    try:
        act(side.wallets[movement.name], movement.amount)
    except InsufficientCredits as refusal:
        return refusal.code
    return "moved"


def _change(side: Side, between: Between) -> object:
    book = side.wallets["pool"].book
    team, organization, pool = between.spill
    set_overflow(book, between.limit)
    books.set_spill(book=book, team=team, organization=organization, pool=pool, actor=TESTS)
    if not between.is_sweep:
        return None
    with connection.cursor() as cursor:
        # Both sides expire their open calls in one order.
        cursor.execute(
            "UPDATE credits_reservation r SET expires_at = clock_timestamp() - interval '1 minute' "
            "+ o.place * interval '1 millisecond' "
            "FROM (SELECT request_id, row_number() OVER (ORDER BY request_id) AS place "
            "FROM credits_reservation WHERE state = 'open') o WHERE o.request_id = r.request_id"
        )
    return charging.sweep()


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def sides(acme: Account, globex: Account) -> tuple[Side, Side]:
    for account in (acme, globex):
        with in_account(account):
            bump_policy()
    return open_side(globex), open_side(acme)


@pytest.mark.slow  # Two hundred histories on two ledgers, compared after each step.
def test_batches_do_what_single_steps_do(sides: tuple[Side, Side]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(history=histories)
    def run(history: list[Batch | Movement | Between]) -> None:
        with undone():
            both = History(*sides)
            for step in history:
                both.go(step)

    run()


def test_a_batch_in_which_a_new_call_comes_twice_is_refused_as_a_whole(
    sides: tuple[Side, Side],
) -> None:
    side, _ = sides
    with in_account(side.account):
        request = reserve_request(side.wallets["membership"], 5)
        with pytest.raises(Exception, match="came twice"), transaction.atomic():
            _flush([], [request, request])

        assert charging.reserve(request).outcome == "reserved"


@pytest.mark.parametrize("is_charged", [True, False])
def test_of_two_ends_of_a_call_a_batch_makes_one(
    sides: tuple[Side, Side], is_charged: bool
) -> None:
    side, _ = sides
    with in_account(side.account):
        request = reserve_request(side.wallets["membership"], 5)
        charging.reserve(request)
        end = (
            SettleRequest(request_id=request.request_id, cost_usd=Decimal(0), outcome="ok")
            if is_charged
            else ReleaseRequest(request.request_id)
        )

        answers = _flush([end, end], [])

        assert answers.count(None) == 1
        assert figures(side.wallets["membership"])[2] == 0
