"""A machine that does the same to the ledger and to a model in plain Python, and compares them."""

import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import (
    booleans,
    builds,
    integers,
    just,
    lists,
    none,
    sampled_from,
    tuples,
)

from core.credits import charging
from core.credits.errors import InsufficientCredits
from core.credits.messages import HeartbeatRequest, RefundRequest
from core.credits.models import Act, Book, Wallet, WalletKind
from core.credits.services import allocating, books
from core.kit.ids import uuid7
from tests.cast import TESTS
from tests.factories.credits import (
    a_key,
    allocate,
    cap,
    open_branch,
    reserve_request,
    set_overflow,
    settle,
    steps,
)
from tests.properties.checks import Checks
from tests.properties.ledger_model import ModelCap, ModelWallet, NotEnough
from tests.properties.renewal_model import RenewingModel
from tests.properties.renewing import RenewalRules

# 5,000 on demand; see docs/ledger.md.
EXAMPLES = int(os.environ.get("COCKPIT_PROPERTY_EXAMPLES", "200"))
STEPS = int(os.environ.get("COCKPIT_PROPERTY_STEPS", "50"))

# Some more often, so that calls meet.
CALLERS = ("membership", "membership", "other", "team", "direct", "alone")
FUNDED = ("organization", "team", "membership", "other", "direct", "alone", "pool")
CAPS = {"team cap": 60, "key cap": 20}

# Small, so that wallets run empty and caps are reached all the time.
amounts = integers(1, 40)


@dataclass(frozen=True)
class Wish:
    """A call that somebody would like to make."""

    name: str
    amount: int
    minimum: int | None
    caps: list[str]
    estimate: int
    is_dispatched: bool


@dataclass(frozen=True)
class Story:
    """A call, and how it ends."""

    wish: Wish
    ends: str
    charge: int
    again: int


ENDS = (
    "settled",
    "settled, settled again",
    "released, settled",
    "swept, settled",
    "dispatched, swept",
    "dispatched, swept, settled",
    "dispatched, swept, settled, settled again",
    "settled, refunded",
    "dispatched, swept, settled, refunded",
)

charges = integers(0, 50)
wishes = builds(
    Wish,
    name=sampled_from(CALLERS),
    amount=integers(0, 30),
    minimum=none() | just(0) | integers(1, 30),
    caps=just([]) | lists(sampled_from(tuple(CAPS)), unique=True),
    estimate=integers(0, 50),
    is_dispatched=booleans(),
)
stories = builds(Story, wish=wishes, ends=sampled_from(ENDS), charge=charges, again=charges)


class LedgerMachine(RenewalRules):
    """Does the same to the ledger and to the model.

    Every history begins with the same book; what it did is rolled back at its end.
    """

    beginning: "Beginning"
    calls: Bundle[UUID] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.book = self.beginning.book
        self.checks = self.beginning.checks
        self.wallets = self.beginning.wallets
        self.names = {str(wallet.pk): name for name, wallet in self.wallets.items()}
        self.cap_names = {str(cap): name for cap, name in self.beginning.caps.items()}
        self.model = deepcopy(self.beginning.model)
        self.last: tuple[Callable[..., Act], dict[str, Any]] | None = None
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)
        self.checks.end_of_history()

    @initialize(
        limit=integers(0, 20),
        spill=just((False, False, False)) | tuples(booleans(), booleans(), booleans()),
        inheriting=lists(sampled_from(("team", "membership", "organization")), unique=True),
    )
    def begin_differently(
        self, limit: int, spill: tuple[bool, bool, bool], inheriting: list[str]
    ) -> None:
        self.change_the_settings(limit, *spill)
        for name in inheriting:
            self.end_an_allocation(name, is_zero=False)

    # -- acts --------------------------------------------------------------------------------------

    @rule(verb=sampled_from(("grant", "take_back")), amount=amounts)
    def move_in_or_out(self, verb: str, amount: int) -> None:
        service = getattr(allocating, f"{verb}_credits")
        self._act(service, getattr(self.model, verb), [amount], book=self.book, amount=amount)

    @rule(
        verb=sampled_from(("allocate", "top_up", "reclaim")),
        name=sampled_from(FUNDED),
        amount=amounts,
    )
    def move_inside(self, verb: str, name: str, amount: int) -> None:
        self._act(
            getattr(allocating, f"{verb}_credits"),
            getattr(self.model, verb),
            [name, amount],
            wallet=self.wallets[name],
            amount=amount,
        )

    @rule(name=sampled_from(FUNDED), is_zero=booleans())
    def end_an_allocation(self, name: str, is_zero: bool) -> None:
        wallet = self.wallets[name]
        if is_zero:
            self._act(
                allocating.allocate_credits, self.model.allocate, [name, 0], wallet=wallet, amount=0
            )
        else:
            self._act(
                allocating.remove_allocation, self.model.remove_allocation, [name], wallet=wallet
            )

    @rule()
    def repeat_the_last_act(self) -> None:
        if self.last is not None:
            service, given = self.last
            service(**given)

    @rule(limit=integers(0, 50), team=booleans(), organization=booleans(), pool=booleans())
    def change_the_settings(self, limit: int, team: bool, organization: bool, pool: bool) -> None:
        set_overflow(self.book, limit)
        self.model.wallets["overflow"].limit = limit
        books.set_spill(
            book=self.book, team=team, organization=organization, pool=pool, actor=TESTS
        )
        self.model.spill = {"team": team, "organization": organization, "pool": pool}

    def _act(
        self,
        service: Callable[..., Act],
        model: Callable[..., None],
        told: list[Any],
        **given: Any,
    ) -> None:
        """Do the same on both sides; both must refuse or neither."""
        given = {**given, "actor": TESTS, "idempotency_key": a_key()}
        try:
            model(*told)
        except NotEnough:
            with pytest.raises(InsufficientCredits):
                service(**given)
        else:
            service(**given)
            self.last = (service, given)

    # -- calls -------------------------------------------------------------------------------------

    @rule(target=calls, wish=wishes)
    def reserve(self, wish: "Wish") -> Any:
        return self._reserve(wish) or multiple()

    @rule(target=calls, stories=lists(stories, min_size=1, max_size=3))
    def go_through_calls(self, stories: list["Story"]) -> Any:
        """Reserve calls and end them at once, in all the ways that are rare otherwise."""
        found: list[UUID] = []
        for place, story in enumerate(stories):
            if place:
                # The last one is looked at as every step is.
                self.all_is_as_it_must_be()
            call = self._reserve(story.wish)
            if call is not None:
                found.append(call)
                self._end(call, story)
        return multiple(*found)

    def _end(self, call: UUID, story: "Story") -> None:
        for end in story.ends.split(", "):
            match end:
                case "dispatched":
                    self.dispatch(call)
                case "swept":
                    self.sweep([call])
                case "released":
                    self.release(call)
                case "settled":
                    self.settle(call, story.charge)
                case "settled again":
                    self.settle(call, story.again)
                case "refunded":
                    self.refund(call, max(story.again, 1), True)

    def _reserve(self, wish: "Wish") -> UUID | None:
        request = reserve_request(
            self.wallets[wish.name],
            wish.amount,
            minimum=wish.minimum,
            estimate_microcredits=wish.estimate,
            dispatch=wish.is_dispatched,
            cap_subjects=tuple(self.beginning.subjects[cap] for cap in wish.caps),
        )
        expected = self.model.reserve(
            request.request_id,
            wish.name,
            wish.amount,
            minimum=wish.minimum,
            caps=wish.caps,
            estimate=wish.estimate,
            is_dispatched=wish.is_dispatched,
        )

        answer = steps().reserve(request)

        assert answer.outcome == expected
        if expected != "reserved":
            return None
        call = self.model.calls[request.request_id]
        assert answer.amount == call.amount
        sources = {self.names[str(one.wallet_id)]: one.amount for one in answer.sources}
        assert sources == call.sources
        return request.request_id

    @rule(call=calls, reported=none() | integers(0, 20))
    def keep_running(self, call: UUID, reported: int | None) -> None:
        if reported is None:
            self.dispatch(call)
        else:
            self.report(call, reported)

    def dispatch(self, call: UUID) -> None:
        is_open = self.model.calls[call].state == "open"
        self.model.calls[call].is_dispatched |= is_open

        assert steps().dispatch(call) is is_open

    def report(self, call: UUID, reported: int) -> None:
        found = self.model.calls[call]
        if found.state == "open":
            found.reported = max(found.reported, reported)

        answer = charging.heartbeat(
            HeartbeatRequest(request_id=call, ttl_seconds=600, reported_microcredits=reported)
        )

        assert answer is (found.state == "open")

    @rule(call=calls, charge=none() | charges)
    def end(self, call: UUID, charge: int | None) -> None:
        if charge is None:
            self.release(call)
        else:
            self.settle(call, charge)

    def settle(self, call: UUID, charge: int) -> None:
        before = self.model.calls[call].charge
        expected = self.model.settle(call, charge)

        answer = settle(call, charge)

        assert (answer.outcome, answer.credits) == (expected, self.model.calls[call].charge)
        if expected == "late":
            changed = self.model.calls[call].charge - before
            assert sum(one.amount for one in answer.charges) == changed

    @rule(call=calls, amount=integers(1, 40), is_repeated=booleans())
    def refund(self, call: UUID, amount: int, is_repeated: bool) -> None:
        request = RefundRequest(refund_id=uuid7(), request_id=call, amount=amount)
        expected = self.model.refund(call, amount)

        answer = charging.refund(request)

        found = self.model.calls[call]
        assert answer.outcome == expected
        if expected in {"refunded", "too_much"}:
            assert answer.left == found.left
        if expected == "refunded":
            assert sum(one.amount for one in answer.charges) == -amount
            if is_repeated:
                assert charging.refund(request).outcome == "duplicate"

    def release(self, call: UUID) -> None:
        assert steps().release(call) is self.model.release(call)

    # Without one, drawing from none of them would throw away the whole history.
    @precondition(lambda self: bool(self.model.calls))
    @rule(expired=lists(calls, max_size=4, unique=True))
    def sweep(self, expired: list[UUID]) -> None:
        open_ones = [call for call in expired if self.model.calls[call].state == "open"]
        # The sweep takes them by expiry; the model has no clock, so they expire in this order.
        with connection.cursor() as cursor:
            for place, call in enumerate(open_ones):
                cursor.execute(
                    "UPDATE credits_reservation SET expires_at = clock_timestamp() "
                    "- interval '1 minute' + %s * interval '1 second' WHERE request_id = %s",
                    [place, call],
                )
        for call in open_ones:
            self.model.expire(call)

        assert charging.sweep().total == len(open_ones)

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        """No invariant is broken, and all figures are the model's."""
        look = self.checks.look(self.book)
        assert look.broken == []
        self.compare(look)


@dataclass(frozen=True)
class Beginning:
    """A book with some credits on each level, and the model of it."""

    book: Book
    wallets: dict[str, Wallet]
    model: RenewingModel
    subjects: dict[str, UUID]
    caps: dict[UUID, str]
    checks: Checks


def begin() -> Beginning:
    """Open a book in the current account."""
    branch = open_branch(grant=100)

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
    names = {wallet.pk: name for name, wallet in wallets.items()}
    model = RenewingModel(
        {
            name: ModelWallet(wallet.kind, names[wallet.parent_id] if wallet.parent_id else None)
            for name, wallet in wallets.items()
        },
        {name: ModelCap(amount) for name, amount in CAPS.items()},
        # By id, which is how the ledger settles what is equal.
        order=[name for _id, name in sorted((wallet.pk, name) for name, wallet in wallets.items())],
    )
    model.grant(100)
    for name, amount in (("organization", 70), ("team", 40), ("membership", 12), ("pool", 8)):
        allocate(wallets[name], amount)
        model.allocate(name, amount)
    subjects = {name: uuid7() for name in CAPS}
    # A cycle's window does not end while the test runs.
    caps = {
        cap(branch.book, subjects[name], amount, "cycle").pk: name for name, amount in CAPS.items()
    }
    return Beginning(branch.book, wallets, model, subjects, caps, Checks())


def run_histories(machine: type[LedgerMachine], beginning: Beginning) -> None:
    """Go through many random histories, and complain about the shortest that goes wrong."""
    machine.beginning = beginning
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
