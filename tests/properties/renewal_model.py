"""The model of a book whose cycles end, in plain Python. Written from docs/ledger.md."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.properties.ledger_model import Model, ModelCap, ModelWallet

NODES = ("organization", "team", "membership")


@dataclass(frozen=True)
class ModelPlan:
    """What a version of a plan says; `cap` bounds what rolls over, and None bounds nothing."""

    grant: int = 0
    period: str = "month"
    cap: int | None = 0


@dataclass
class EndedCycle:
    """A cycle that is closing or closed. `room` is how much may still roll over."""

    wallets: dict[str, ModelWallet]
    caps: dict[str, ModelCap]
    room: int | None
    is_closed: bool = False
    statement: tuple[int, int, int] | None = None


class RenewingModel(Model):
    """A book in its cycles: `wallets` and `caps` are those of the open one.

    While a call of another cycle ends, they are that cycle's.
    """

    def __init__(
        self, wallets: dict[str, ModelWallet], caps: dict[str, ModelCap], *, order: list[str]
    ) -> None:
        super().__init__(wallets, caps)
        self.order = order
        self.number = 1
        self.open_wallets, self.open_caps = self.wallets, self.caps
        self.ended: dict[int, EndedCycle] = {}
        # Before the first plan there is none, and no end.
        self.plan: ModelPlan | None = None
        self.next_plan = ModelPlan(period="none")
        self.cycle_of: dict[object, int] = {}
        # Where it is not the one in which the call was held.
        self.charged_in: dict[object, int] = {}

    # -- cycles ------------------------------------------------------------------------------------

    def set_plan(self, plan: ModelPlan) -> None:
        """Set a plan for the next cycle; the first one is in force at once."""
        self.next_plan = plan
        self.plan = self.plan or plan

    @property
    def has_end(self) -> bool:
        own = self.plan.period if self.plan else "none"
        return own != "none" or self.next_plan.period != "none"

    def renew(self) -> None:
        """End the open cycle, begin the next one, close what can be closed."""
        assert self.plan is not None
        ended = EndedCycle(self.wallets, self.caps, self.plan.cap)
        self.ended[self.number] = ended
        line = self.wallets["overflow"].limit
        self.wallets = self.open_wallets = {
            name: ModelWallet(wallet.kind, wallet.parent, wallet.rule)
            for name, wallet in ended.wallets.items()
        }
        self.wallets["overflow"].limit = line
        self.caps = self.open_caps = {
            name: ModelCap(cap.amount) for name, cap in ended.caps.items()
        }
        self._wind_down(ended)
        self._close_if_quiet(self.number)
        self.number += 1
        self.plan = self.next_plan
        self.grant(self.plan.grant)
        self._replay()
        self.close()

    def close(self) -> None:
        """Close every cycle whose last call has ended."""
        for number in sorted(self.ended):
            self._close_if_quiet(number)

    def _wind_down(self, ended: EndedCycle) -> None:
        line = ended.wallets["overflow"]
        drawn = max(0, line.used + line.reserved - line.credited)
        line.limit = min(line.limit, drawn)
        rests = {name: ended.wallets[name].free for name in self.order if name != "overflow"}
        for name in ("unallocated", "pool"):
            kept = min(max(rests[name], 0), drawn)
            rests[name] -= kept
            drawn -= kept
        self._carry(ended, rests)

    def _close_if_quiet(self, number: int) -> None:
        ended = self.ended[number]
        open_calls = [
            key
            for key, call in self.calls.items()
            if call.state == "open" and self.cycle_of[key] == number
        ]
        if ended.is_closed or open_calls:
            return
        line = ended.wallets["overflow"]
        for name in ("unallocated", "pool"):
            part = min(max(line.used - line.credited, 0), max(ended.wallets[name].free, 0))
            ended.wallets[name].credited -= part
            line.credited += part
        rests = {name: ended.wallets[name].free for name in self.order if name != "overflow"}
        self._carry(ended, rests)
        ended.statement = (line.used, line.credited, line.used - line.credited)
        ended.is_closed = True

    def _carry(self, ended: EndedCycle, rests: dict[str, int]) -> None:
        free = {name: max(rest, 0) for name, rest in rests.items()}
        total = sum(free.values())
        rolling = total if ended.room is None else min(total, ended.room)
        parts = shared(rolling, free)
        for name, rest in rests.items():
            ended.wallets[name].credited -= rest
            self.open_wallets[name].credited += parts[name] + min(rest, 0)
        if ended.room is not None:
            ended.room -= rolling

    def _replay(self) -> None:
        parents = ["unallocated"]
        while parents:
            children = [
                [name for name in self.order if self._is_child(name, parent)] for parent in parents
            ]
            for parent, names in zip(parents, children, strict=True):
                wanted = {name: self.wallets[name].rule or 0 for name in names}
                available = min(max(self.wallets[parent].free, 0), sum(wanted.values()))
                for name, part in shared(available, wanted).items():
                    self.wallets[name].credited += part
                    self.wallets[name].short = wanted[name] - part
                    self.wallets[parent].credited -= part
            parents = [
                name for names in children for name in names
                if self.wallets[name].kind in {"organization", "team"}
            ]  # fmt: skip

    def _is_child(self, name: str, parent: str) -> bool:
        if name in {"unallocated", "overflow"}:
            return False
        return self.source_of(name) == parent

    # -- calls, each in its cycle ------------------------------------------------------------------

    def reserve(
        self, key: object, acting: str, amount: int, *, minimum: int | None, caps: list[str],
        estimate: int, is_dispatched: bool,
    ) -> str:  # fmt: skip
        outcome = super().reserve(
            key, acting, amount, minimum=minimum, caps=caps, estimate=estimate,
            is_dispatched=is_dispatched,
        )  # fmt: skip
        if outcome == "reserved":
            self.cycle_of[key] = self.number
        return outcome

    def settle(self, key: object, charge: int) -> str:
        with self._in_cycle_of(key):
            outcome = super().settle(key, charge)
        ended = self.ended.get(self.cycle_of[key])
        if outcome == "late" and ended is not None and ended.is_closed:
            # Its first event, if it had none before, is the open cycle's.
            self.charged_in.setdefault(key, self.number)
        return outcome

    def refund(self, key: object, amount: int) -> str:
        with self._in_cycle_of(key, self.charged_in.get(key)):
            return super().refund(key, amount)

    def release(self, key: object) -> bool:
        with self._in_cycle_of(key):
            return super().release(key)

    def expire(self, key: object) -> None:
        with self._in_cycle_of(key):
            super().expire(key)
        if self.calls[key].state == "unsettled":
            self.charged_in[key] = self.cycle_of[key]

    def payers(self, acting: str) -> tuple[list[str], str]:
        # Rules are as of now, whatever cycle is charged.
        shown, self.wallets = self.wallets, self.open_wallets
        try:
            return super().payers(acting)
        finally:
            self.wallets = shown

    @contextmanager
    def _in_cycle_of(self, key: object, number: int | None = None) -> Iterator[None]:
        """Work on the cycle that a call is charged to; what it leaves there moves on."""
        call = self.calls[key]
        ended = self.ended.get(number or self.cycle_of[key])
        held_in = self.ended.get(self.cycle_of[key])
        touched = {*call.payers, *call.charges, *self.payers(call.wallet)[0]}
        shown = self.wallets, self.caps
        if held_in is not None:
            self.caps = held_in.caps
        if ended is not None:
            self.wallets = self.open_wallets if ended.is_closed else ended.wallets
        try:
            yield
        finally:
            self.wallets, self.caps = shown
        if ended is not None and not ended.is_closed:
            self._carry_nodes(ended, touched)

    def _carry_nodes(self, ended: EndedCycle, touched: Iterable[str]) -> None:
        rests = {
            name: ended.wallets[name].free
            for name in self.order
            if name in touched and ended.wallets[name].kind in NODES
        }
        self._carry(ended, rests)


def shared(amount: int, weights: dict[str, int]) -> dict[str, int]:
    """Share an amount by weights, exactly: who loses most by rounding gets one more."""
    total = sum(weights.values())
    if total == 0:
        return dict.fromkeys(weights, 0)
    parts = {name: weight * amount // total for name, weight in weights.items()}
    by_loss = sorted(weights, key=lambda name: -(weights[name] * amount % total))
    for name in by_loss[: amount - sum(parts.values())]:
        parts[name] += 1
    return parts
