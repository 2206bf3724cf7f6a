"""Arithmetic of splits: equal shares, overrides, and how money flows down a tree. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any
from uuid import UUID

from core.credits.rules import Move

FIXED, EQUAL_SHARE = "fixed", "equal_share"

# Orders ids as ids compare, in a third of the time.
by_id = attrgetter("int")


@dataclass(frozen=True, slots=True)
class Standing:
    """A rule by its values, as `core.credits.models.AllocationRule` explains them."""

    amount: int
    mode: str = FIXED
    pinned: bool = False
    share: int = 0
    split: UUID | None = None
    short: int = 0

    @property
    def given(self) -> int:
        """What the node got of the amount: all of it, but where a renewal ran short."""
        return self.amount - self.short

    @property
    def is_override(self) -> bool:
        """Whether somebody gave the node an amount of its own."""
        return self.mode == FIXED

    @property
    def is_pinned(self) -> bool:
        """Whether all of it counts in its split's total."""
        return self.mode == FIXED and self.pinned

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Standing":
        """Read a rule as a rule change keeps it."""
        split = values["split"]
        return cls(**{**values, "split": UUID(split) if split else None})


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a wallet stands: `parent` is where its credits come from, Unallocated at the top."""

    parent: UUID | None
    depth: int
    kind: str


def equal_shares(total: int, wallets: Collection[UUID]) -> dict[UUID, int]:
    """Divide `total` so that shares differ by at most one micro-credit and sum exactly.

    All remainders are alike, so the first by id get one more.
    """
    assert total >= 0
    if not wallets:
        return {}
    base, rest = divmod(total, len(wallets))
    order = sorted(wallets, key=by_id)
    return {wallet: base + (place < rest) for place, wallet in enumerate(order)}


def pinned_in(standing: Mapping[UUID, Standing | None]) -> int:
    """Return how much of a split's total its pinned overrides take."""
    return sum(rule.amount for rule in standing.values() if rule and rule.is_pinned)


def divided(
    *, split: UUID, total: int, standing: Mapping[UUID, Standing | None]
) -> dict[UUID, Standing]:
    """Return the rules of a split's wallets once `total` is divided among them.

    Pinned overrides keep their amount, which counts in the total; the others share the rest. An
    override that is added keeps its amount too, of which its equal share comes from the total.
    """
    rest = total - pinned_in(standing)
    assert rest >= 0, "The caller has checked what is pinned."
    shares = equal_shares(
        rest, [wallet for wallet, rule in standing.items() if not (rule and rule.is_pinned)]
    )
    # Shares differ by one at most, so two rules stand for thousands that are alike.
    alike: dict[int, Standing] = {}
    after = {}
    for wallet, rule in standing.items():
        if rule is not None and rule.is_pinned:
            after[wallet] = replace(rule, share=rule.amount, split=split, short=0)
            continue
        share = shares[wallet]
        if rule is not None and rule.is_override:
            after[wallet] = replace(rule, share=share, split=split)
        elif share in alike:
            after[wallet] = alike[share]
        else:
            after[wallet] = alike[share] = Standing(share, EQUAL_SHARE, share=share, split=split)
    return after


def moves_between(
    before: Mapping[UUID, Standing | None],
    after: Mapping[UUID, Standing | None],
    *,
    spots: Mapping[UUID, Spot],
    source: UUID,
) -> tuple[Move, ...]:
    """Return what changed rules move now, as `flows_between` says."""
    return moves_along(flows_between(before, after, spots=spots, source=source), spots=spots)


def flows_between(
    before: Mapping[UUID, Standing | None],
    after: Mapping[UUID, Standing | None],
    *,
    spots: Mapping[UUID, Spot],
    source: UUID,
) -> dict[UUID, int]:
    """Return what flows into wallets from their parents now, as rules change; negative goes up.

    A change of `share` flows between the source and the wallet through all that stands between,
    and leaves these as they are; any other change flows between the wallet and its parent. The
    caller has set `share` to 0 in those of `before` whose share came from another source: that
    part stays with the parent.
    """
    shares: dict[UUID, int] = {}
    others: dict[UUID, int] = {}
    both = [(wallet, before.get(wallet), new) for wallet, new in after.items()]
    both += [(wallet, old, None) for wallet, old in before.items() if wallet not in after]
    for wallet, old, new in both:
        if old is new:
            continue
        share = (new.share if new else 0) - (old.share if old else 0)
        amount = (new.given if new else 0) - (old.given if old else 0)
        if share:
            shares[wallet] = share
        if amount != share:
            others[wallet] = amount - share
    flows = _through(shares, spots=spots, source=source)
    for wallet, amount in others.items():
        flows[wallet] = flows.get(wallet, 0) + amount
    return flows


def moves_along(flows: Mapping[UUID, int], *, spots: Mapping[UUID, Spot]) -> tuple[Move, ...]:
    """Return the moves of net flows from parents to the wallets named; negative ones go up.

    What goes up comes first, from the leaves; then what goes down, from the root.
    """
    ups, downs = [], []
    for wallet in sorted(flows, key=lambda wallet: (spots[wallet].depth, wallet.int)):
        parent, flow = spots[wallet].parent, flows[wallet]
        if flow > 0:
            downs.append(Move(parent, wallet, flow, "allocate"))
        elif flow < 0:
            ups.append(Move(wallet, parent, -flow, "reclaim"))
    return (*reversed(ups), *downs)


def path_between(
    source: UUID, destination: UUID, *, spots: Mapping[UUID, Spot]
) -> tuple[list[UUID], list[UUID]]:
    """Return the wallets that credits leave upwards, and those that they enter, on their way."""
    ups, downs = _line(source, spots), _line(destination, spots)
    while ups and downs and ups[-1] == downs[-1]:
        ups.pop()
        downs.pop()
    return ups, downs


def is_below(wallet: UUID, source: UUID, *, spots: Mapping[UUID, Spot]) -> bool:
    """Whether a wallet's credits may come from `source`."""
    return wallet != source and source in _line(wallet, spots)


def outside_of(
    source: UUID, wallets: Iterable[UUID], *, spots: Mapping[UUID, Spot], kinds: Collection[str]
) -> set[UUID]:
    """Return those of these wallets that are of other kinds, or get no credits from `source`."""
    # Of ten thousand wallets a few hundred have others below them; one look at those is enough.
    inner = {spot.parent for spot in spots.values() if spot.parent is not None}
    found = {source}
    for wallet in sorted(inner & spots.keys(), key=lambda wallet: spots[wallet].depth):
        if spots[wallet].parent in found:
            found.add(wallet)
    outside = set()
    for wallet in wallets:
        spot = spots.get(wallet)
        if spot is None or spot.parent not in found or spot.kind not in kinds:
            outside.add(wallet)
    return outside


def nearest_above(wallets: Iterable[UUID], *, spots: Mapping[UUID, Spot]) -> UUID | None:
    """Return the lowest wallet that stands above all of these."""
    lines = [_line(wallet, spots)[1:] for wallet in wallets]
    if not lines:
        return None
    shared = set(lines[0]).intersection(*lines[1:])
    return next((wallet for wallet in lines[0] if wallet in shared), None)


def _line(wallet: UUID, spots: Mapping[UUID, Spot]) -> list[UUID]:
    line = [wallet]
    while (parent := spots[line[-1]].parent) is not None:
        line.append(parent)
    return line


def _through(
    amounts: Mapping[UUID, int], *, spots: Mapping[UUID, Spot], source: UUID
) -> dict[UUID, int]:
    """Return what enters each wallet so that these amounts come from the source."""
    flows = {wallet: amount for wallet, amount in amounts.items() if amount}
    flows.pop(source, None)
    rising = flows
    while rising:
        # What those below a wallet get goes through it as one amount, up to the source.
        above: dict[UUID, int] = {}
        for wallet, amount in rising.items():
            parent = spots[wallet].parent
            assert parent is not None, "The source stands above."
            above[parent] = above.get(parent, 0) + amount
        above.pop(source, None)
        for wallet, amount in above.items():
            flows[wallet] = flows.get(wallet, 0) + amount
        rising = above
    return flows
