"""What the allocation rules give out when a cycle begins. Pure: no tables, no clock.

Rules are replayed from the top down. What a parent has free is shared among its children: those
with a pinned amount come first, the others share what is left. Where it is not enough for all,
each gets its part of it, in proportion to what its rule says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Standing:
    """One rule: `wallet` gets `amount` micro-credits of what `parent` has, in each cycle.

    `level` is the parent's depth: 0 for all that Unallocated feeds, the pool among them.
    """

    wallet: UUID
    parent: UUID
    level: int
    amount: int
    mode: str = "fixed"
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """What each wallet gets, from its parent, top-down; and by how much it was too little."""

    given: Mapping[UUID, int]
    shortfall: int


def replay(rules: Iterable[Standing], *, has: Mapping[UUID, int]) -> Replayed:
    """Share out what the wallets have free (`has`, before anything is given) by the rules.

    A wallet may have less than nothing: an overrun that was carried over. It is covered first.
    """
    free = dict(has)
    given: dict[UUID, int] = {}
    shortfall = 0
    order = sorted(rules, key=lambda rule: (rule.level, rule.parent, rule.wallet))
    for (_level, parent), group in groupby(order, key=lambda rule: (rule.level, rule.parent)):
        children = list(group)
        amounts = _of_one_parent(children, max(free.get(parent, 0), 0))
        for child, amount in zip(children, amounts, strict=True):
            given[child.wallet] = amount
            free[child.wallet] = free.get(child.wallet, 0) + amount
            shortfall += child.amount - amount
        free[parent] = free.get(parent, 0) - sum(amounts)
    return Replayed(given, shortfall)


def in_proportion(wanted: Sequence[int], available: int) -> list[int]:
    """Return what each gets of `available`: all that it wants, or its part of what there is.

    Parts are in proportion and add up exactly. Single micro-credits that remain go to those who
    lost most by rounding, the first ones if equal.
    """
    total = sum(wanted)
    if total <= available:
        return list(wanted)
    parts = [amount * available // total for amount in wanted]
    lost = [amount * available % total for amount in wanted]
    neediest = sorted(range(len(wanted)), key=lambda place: (-lost[place], place))
    for place in neediest[: available - sum(parts)]:
        parts[place] += 1
    return parts


def _of_one_parent(children: Sequence[Standing], available: int) -> list[int]:
    pinned = in_proportion([rule.amount if rule.pinned else 0 for rule in children], available)
    rest = in_proportion(
        [0 if rule.pinned else rule.amount for rule in children], available - sum(pinned)
    )
    return [first + second for first, second in zip(pinned, rest, strict=True)]
