"""The ledger once more, in plain Python, without a database: what the real one must agree with.

Written from docs/ledger.md and not from the SQL. Wallets have names, amounts are plain integers,
and there is no concurrency.
"""

from dataclasses import dataclass, field


@dataclass
class ModelWallet:
    """One wallet and its only balance. `short` is what a renewal gave less than the rule."""

    kind: str
    parent: str | None = None
    rule: int | None = None
    short: int = 0
    credited: int = 0
    used: int = 0
    reserved: int = 0
    limit: int = 0

    @property
    def free(self) -> int:
        return self.credited + self.limit - self.used - self.reserved

    @property
    def overrun(self) -> int:
        return max(0, -self.free)


@dataclass
class ModelCall:
    """One call, from its reservation to its last event."""

    wallet: str
    payers: list[str]
    main: str
    sources: dict[str, int]
    amount: int
    estimate: int
    caps: list[str]
    is_dispatched: bool
    reported: int = 0
    state: str = "open"
    charges: dict[str, int] = field(default_factory=dict)
    refunded: int = 0

    @property
    def left(self) -> int:
        """What the call is charged, less what was given back."""
        return sum(self.charges.values())

    @property
    def charge(self) -> int:
        return self.left + self.refunded


@dataclass
class ModelCap:
    """One cap in its only window."""

    amount: int
    used: int = 0
    reserved: int = 0


class NotEnough(Exception):
    """The move is refused."""


class Model:
    """A book."""

    def __init__(self, wallets: dict[str, ModelWallet], caps: dict[str, ModelCap]) -> None:
        self.wallets = wallets
        self.caps = caps
        self.spill = {"team": False, "organization": False, "pool": False}
        self.calls: dict[object, ModelCall] = {}

    # -- moving ------------------------------------------------------------------------------------

    def grant(self, amount: int) -> None:
        self.wallets["unallocated"].credited += amount

    def take_back(self, amount: int) -> None:
        self._give("unallocated", amount)

    def allocate(self, name: str, amount: int) -> None:
        wallet = self.wallets[name]
        change = amount - (wallet.rule or 0) + wallet.short
        if change > 0:
            self._move(self.source_of(name), name, change)
        elif change < 0:
            self._move(name, self.source_of(name), -change)
        wallet.rule, wallet.short = amount, 0

    def remove_allocation(self, name: str) -> None:
        rest = max(0, self.wallets[name].free)
        self._move(name, self.source_of(name), rest)
        self.wallets[name].rule, self.wallets[name].short = None, 0

    def top_up(self, name: str, amount: int) -> None:
        self._move(self.source_of(name), name, amount)

    def reclaim(self, name: str, amount: int) -> None:
        self._move(name, self.source_of(name), amount)

    def source_of(self, name: str) -> str:
        return self.wallets[name].parent or "unallocated"

    def _move(self, source: str, destination: str, amount: int) -> None:
        self._give(source, amount)
        self.wallets[destination].credited += amount

    def _give(self, name: str, amount: int) -> None:
        if amount > 0 and self.wallets[name].free < amount:
            raise NotEnough
        self.wallets[name].credited -= amount

    # -- who pays ----------------------------------------------------------------------------------

    def payers(self, acting: str) -> tuple[list[str], str]:
        """Return who may pay, in order, and on whom an overrun falls."""
        chain = self._chain(acting)
        living_on = next((name for name in chain if self.wallets[name].rule is not None), None)
        is_global = self.wallets[acting].kind == "membership" and len(chain) == 1
        if living_on is None and is_global:
            living_on = "pool"
        payers = [acting]
        if living_on is not None and living_on != acting:
            payers.append(living_on)
        if living_on is not None and living_on != "pool":
            above = chain[chain.index(living_on) + 1 :]
            payers += [name for name in above if self.spill[self.wallets[name].kind]]
        if self.spill["pool"] and "pool" not in payers:
            payers.append("pool")
        payers.append("overflow")
        has_own = self.wallets[acting].rule is not None
        return payers, acting if has_own else payers[1]

    def _chain(self, acting: str) -> list[str]:
        chain, name = [acting], self.wallets[acting].parent
        while name is not None:
            chain.append(name)
            name = self.wallets[name].parent
        return chain

    # -- calls -------------------------------------------------------------------------------------

    def reserve(
        self, key: object, acting: str, amount: int, *, minimum: int | None, caps: list[str],
        estimate: int, is_dispatched: bool,
    ) -> str:  # fmt: skip
        payers, main = self.payers(acting)
        sources: dict[str, int] = {}
        taken = 0
        for name in payers:
            part = min(max(self.wallets[name].free, 0), amount - taken)
            if part > 0:
                sources[name] = part
                taken += part
        room = min(
            (self.caps[name].amount - self.caps[name].used - self.caps[name].reserved
             for name in caps), default=taken)  # fmt: skip
        granted = min(taken, room)
        if granted < amount and (minimum is None or granted < max(minimum, 1)):
            return "capped" if room < taken else "insufficient"
        sources = _first(sources, granted)
        for name, part in sources.items():
            self.wallets[name].reserved += part
        for name in caps:
            self.caps[name].reserved += granted
        self.calls[key] = ModelCall(
            acting, payers, main, sources, granted, estimate, caps, is_dispatched
        )
        return "reserved"

    def settle(self, key: object, charge: int) -> str:
        call = self.calls[key]
        if call.state == "open":
            self._free(call)
            self._charge(call, charge, held=call.sources)
            call.state = "final"
            return "settled"
        if call.state == "released":
            self._charge(call, charge, held={})
            call.state = "final"
            return "late"
        if call.state == "unsettled":
            self._correct(call, charge)
            call.state = "final"
            return "late"
        return "duplicate"

    def release(self, key: object) -> bool:
        call = self.calls[key]
        if call.state != "open":
            return False
        self._free(call)
        call.state = "released"
        return True

    def expire(self, key: object) -> None:
        call = self.calls[key]
        if not call.is_dispatched:
            self.release(key)
            return
        self._free(call)
        self._charge(call, call.estimate + call.reported, held=call.sources)
        call.state = "unsettled"

    def _free(self, call: ModelCall) -> None:
        for name, part in call.sources.items():
            self.wallets[name].reserved -= part
        for name in call.caps:
            self.caps[name].reserved -= call.amount

    def _charge(self, call: ModelCall, charge: int, *, held: dict[str, int]) -> None:
        """First from what was held, then from what is free along the order, then as an overrun."""
        paid = _first(held, charge)
        rest = charge - sum(paid.values())
        # What this call holds beyond its charge is free again, but that is nothing while rest > 0.
        for name, part in paid.items():
            self.wallets[name].used += part
        for name in call.payers:
            part = min(max(self.wallets[name].free, 0), rest)
            paid[name] = paid.get(name, 0) + part
            self.wallets[name].used += part
            rest -= part
        paid[call.main] = paid.get(call.main, 0) + rest
        self.wallets[call.main].used += rest
        for name in call.payers:
            if paid.get(name):
                call.charges[name] = call.charges.get(name, 0) + paid[name]
        for name in call.caps:
            self.caps[name].used += charge

    def _correct(self, call: ModelCall, charge: int) -> None:
        difference = charge - call.charge
        if difference >= 0:
            call.payers, call.main = self.payers(call.wallet)
            self._charge(call, difference, held={})
            return
        self._give_back(call, -difference)

    def refund(self, key: object, amount: int) -> str:
        call = self.calls[key]
        if call.state in {"open", "released"}:
            return "unknown"
        if call.state == "unsettled":
            return "unsettled"
        if amount > call.left:
            return "too_much"
        self._give_back(call, amount)
        call.refunded += amount
        return "refunded"

    def _give_back(self, call: ModelCall, amount: int) -> None:
        rest = amount
        for name, paid in reversed(call.charges.items()):
            part = min(paid, rest)
            self.wallets[name].used -= part
            call.charges[name] -= part
            rest -= part
        for name in call.caps:
            self.caps[name].used -= amount


def _first(parts: dict[str, int], amount: int) -> dict[str, int]:
    """Return the first `amount` of what the parts have, in order."""
    found = {}
    for name, part in parts.items():
        if amount > 0:
            found[name] = min(part, amount)
            amount -= found[name]
    return found
