"""What the allocation rules give out when a cycle begins. Pure: no tables, no clock.

Rules are replayed from the top down. What a parent has free is shared among its children: those
with a pinned amount come first, the others share what is left. Where it is not enough for all,
each gets its part of it, in proportion to what its rule says.

A split takes part as one child with its total, and divides anew what it gets.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

from core.credits.split_rules import Standing as SplitStanding, equal_shares, pinned_in


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
class Sharing:
    """A split: the wallets of `rules` share `total` of what `source` has equally.

    `level` is the source's depth; `paths` lead from below the source down to each wallet.
    """

    split: UUID
    source: UUID
    level: int
    total: int
    rules: Mapping[UUID, SplitStanding]
    paths: Mapping[UUID, Sequence[UUID]]

    @property
    def wanted(self) -> int:
        """The total, unless all of it is pinned: then what is pinned."""
        everybody = all(rule.is_pinned for rule in self.rules.values())
        return pinned_in(dict(self.rules)) if everybody else self.total

    def shares(self, amount: int) -> dict[UUID, int]:
        """Divide what the split gets: what is pinned first, then equal shares."""
        pinned = sorted(wallet for wallet, rule in self.rules.items() if rule.is_pinned)
        parts = in_proportion([self.rules[wallet].amount for wallet in pinned], amount)
        others = self.rules.keys() - set(pinned)
        return dict(zip(pinned, parts, strict=True)) | equal_shares(amount - sum(parts), others)

    def beyond(self) -> Iterable[Standing]:
        """Return what parents owe to added overrides beyond their shares."""
        shares = self.shares(self.wanted)
        for wallet, rule in self.rules.items():
            if rule.is_override and not rule.is_pinned:
                path = self.paths[wallet]
                parent = path[-2] if len(path) > 1 else self.source
                more = max(rule.amount - shares[wallet], 0)
                yield Standing(wallet, parent, self.level + len(path) - 1, more)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What each wallet gets, from its parent, top-down; and by how much it was too little.

    What only passes through a wallet is in `given`, but not in what it `got` by its own rule.
    `shares` is what splits give.
    """

    given: Mapping[UUID, int]
    shortfall: int
    shares: Mapping[UUID, int] = field(default_factory=dict)
    got: Mapping[UUID, int] = field(default_factory=dict)


def replay(
    rules: Iterable[Standing], *, has: Mapping[UUID, int], splits: Iterable[Sharing] = ()
) -> Replayed:
    """Share out what the wallets have free (`has`, before anything is given) by the rules.

    A wallet may have less than nothing: an overrun that was carried over. It is covered first.
    """
    free = dict(has)
    given: dict[UUID, int] = {}
    shortfall = 0
    shares: dict[UUID, int] = {}
    got: dict[UUID, int] = {}
    sharing = {split.split: split for split in splits}
    order = sorted(
        _children(rules, sharing.values()), key=lambda rule: (rule.level, rule.parent, rule.wallet)
    )
    for (_level, parent), group in groupby(order, key=lambda rule: (rule.level, rule.parent)):
        children = list(group)
        amounts = _of_one_parent(children, max(free.get(parent, 0), 0))
        for child, amount in zip(children, amounts, strict=True):
            free[parent] = free.get(parent, 0) - amount
            shortfall += child.amount - amount
            if child.wallet in sharing:
                split = sharing[child.wallet]
                shares.update(split.shares(amount))
                _hand_out(split, shares, sums=(given, free, got))
            else:
                _add(child.wallet, amount, given, free, got)
    return Replayed(given, shortfall, shares, got)


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


def _children(rules: Iterable[Standing], splits: Iterable[Sharing]) -> Iterable[Standing]:
    yield from rules
    for split in splits:
        yield Standing(split.split, split.source, split.level, split.wanted)
        yield from split.beyond()


def _hand_out(
    split: Sharing, shares: Mapping[UUID, int], *, sums: tuple[dict[UUID, int], ...]
) -> None:
    """Let each share flow down to its wallet. What an override does not want stays above it."""
    given, free, _ = sums
    for wallet, rule in split.rules.items():
        *through, _ = split.paths[wallet]
        share = shares[wallet]
        kept = min(share, rule.amount) if rule.is_override else share
        for hop in through:
            _add(hop, share, given)
        _add(wallet, kept, *sums)
        _add(through[-1] if through else split.source, share - kept, free)


def _add(wallet: UUID, amount: int, *sums: dict[UUID, int]) -> None:
    for one in sums:
        one[wallet] = one.get(wallet, 0) + amount


def _of_one_parent(children: Sequence[Standing], available: int) -> list[int]:
    pinned = in_proportion([rule.amount if rule.pinned else 0 for rule in children], available)
    rest = in_proportion(
        [0 if rule.pinned else rule.amount for rule in children], available - sum(pinned)
    )
    return [first + second for first, second in zip(pinned, rest, strict=True)]
