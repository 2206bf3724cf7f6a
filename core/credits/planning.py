"""What an act on a split would change, node by node. Pure: preview and apply share it."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from uuid import UUID

from core.credits.rules import Move
from core.credits.split_rules import (
    Spot,
    Standing,
    by_id,
    divided,
    flows_between,
    moves_along,
    pinned_in,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One wallet before and after, in micro-credits; a rule is None where there is none.

    `passes` is what flows through it to wallets below (negative: back up), without staying.
    """

    wallet: UUID
    kind: str
    depth: int
    before: Standing | None
    after: Standing | None
    free_before: int
    free_after: int
    passes: int = 0

    @property
    def gets(self) -> int:
        """By how much its free credits change."""
        return self.free_after - self.free_before

    @property
    def returns(self) -> int:
        """What flows through it back up, as against down."""
        return -self.passes

    @property
    def lacks(self) -> int:
        """How much it would have to give beyond what it has free."""
        return _lacks(self.free_before, self.gets)


@dataclass(frozen=True)
class Plan:
    """The whole act: what every wallet that it touches has before and after, and what it moves.

    `total` is what the split divides, of which `pinned` is taken by pinned overrides.
    `least_total` is what the total must be at least so that no share falls below what is used or
    held. `before` and `after` are the rules of those whose rule the act decides, `flows` what each
    wallet gets from its parent. Ten thousand share in a large split: what a page does not show is
    not made.
    """

    source: UUID
    total: int
    pinned: int
    least_total: int
    before: Mapping[UUID, Standing | None]
    after: Mapping[UUID, Standing | None]
    flows: Mapping[UUID, int]
    spots: Mapping[UUID, Spot]
    free: Mapping[UUID, int]

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """The moves, those that go up first."""
        return moves_along(self.flows, spots=self.spots)

    @cached_property
    def wallets(self) -> tuple[UUID, ...]:
        """Every wallet that it touches: the source first, then from the top down."""
        levels: dict[int, list[UUID]] = {}
        for wallet in {*self.after, *self._deltas} - {self.source}:
            levels.setdefault(self.spots[wallet].depth, []).append(wallet)
        below = [wallet for depth in sorted(levels) for wallet in sorted(levels[depth], key=by_id)]
        return (self.source, *below)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """What it does to each of its wallets."""
        return tuple(map(self.change_of, self.wallets))

    @cached_property
    def lacking(self) -> tuple[Change, ...]:
        """The wallets that would have to give more than they have free, the source first."""
        # Only who gives can lack something.
        giving = ((pk, delta) for pk, delta in self._deltas.items() if delta < 0)
        short = {pk for pk, delta in giving if _lacks(self.free[pk], delta)}
        return tuple(self.change_of(pk) for pk in self.wallets if pk in short) if short else ()

    @cached_property
    def mark(self) -> str:
        """A short text that two plans share only if they give the same to the same.

        Who is decided about and what each had and gets in each cycle. Not what is free: calls
        spend all the time.
        """
        # Rules of a split are alike by the thousand, and the same objects.
        texts: dict[tuple[int, int], str] = {}
        lines = [f"{self.source.hex} {self.total}"]
        for wallet, after in sorted(self.after.items(), key=_first_by_id):
            before = self.before.get(wallet)
            alike = id(before), id(after)
            text = texts.get(alike)
            if text is None:
                text = texts[alike] = f"{_said(before)} {_said(after)}"
            lines.append(f"{wallet.hex} {text}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]

    @cached_property
    def sharers(self) -> int:
        """How many wallets take part in the split."""
        return sum(1 for rule in self.after.values() if rule and rule.split)

    @cached_property
    def equal_sharers(self) -> int:
        """How many of them have no amount of their own."""
        return sum(1 for rule in self.after.values() if rule and not rule.is_override)

    @property
    def smallest_share(self) -> int:
        """What each of those without an override gets at least."""
        return min(self._equal_shares, default=0)

    @property
    def is_even(self) -> bool:
        """Whether all of those get the same, to the micro-credit."""
        return len(self._equal_shares) == 1

    def some(self, count: int, *, start: int = 0, about: UUID | None = None) -> list[Change]:
        """Return a few of the changes from the `start`th on, what matters most first.

        Those that lack credits, the one that it is about, the source, who shares; then those that
        credits only pass through.
        """
        lacking = [change.wallet for change in self.lacking]
        named = [about] if about is not None else []
        head = dict.fromkeys((*lacking, *named, self.source))
        # A page of ten thousand is not worth going through all.
        staying = (pk for pk in self.wallets if not self._only_passes(pk))
        passing = (pk for pk in self.wallets if self._only_passes(pk))
        rest = (pk for pk in chain(staying, passing) if pk not in head)
        shown = islice(chain(head, rest), start, start + count)
        return [self.change_of(wallet) for wallet in shown]

    def change_of(self, wallet: UUID) -> Change:
        """Return what it does to one of its wallets."""
        spot, free, before = self.spots[wallet], self.free[wallet], self.before.get(wallet)
        is_decided = wallet in self.after
        return Change(
            wallet,
            spot.kind,
            spot.depth,
            before,
            self.after[wallet] if is_decided else before,
            free,
            free + self._deltas.get(wallet, 0),
            0 if is_decided else self.flows.get(wallet, 0),
        )

    def _only_passes(self, wallet: UUID) -> bool:
        return wallet not in self.after and not self._deltas.get(wallet)

    @cached_property
    def _equal_shares(self) -> frozenset[int]:
        rules = self.after.values()
        return frozenset(rule.share for rule in rules if rule and not rule.is_override)

    @cached_property
    def _deltas(self) -> dict[UUID, int]:
        """By how much the free credits of each wallet change."""
        deltas = {wallet: flow for wallet, flow in self.flows.items() if flow}
        given: dict[UUID, int] = {}
        for wallet, flow in deltas.items():
            parent = self.spots[wallet].parent
            assert parent is not None, "Nothing flows into Unallocated."
            given[parent] = given.get(parent, 0) + flow
        for parent, flow in given.items():
            deltas[parent] = deltas.get(parent, 0) - flow
        return deltas


def plan_of(
    *,
    split: UUID,
    source: UUID,
    total: int,
    standing: Mapping[UUID, Standing | None],
    wished: Mapping[UUID, Standing | None],
    leaving: Collection[UUID] = (),
    from_source: Collection[UUID],
    spots: Mapping[UUID, Spot],
    free: Mapping[UUID, int],
) -> Plan:
    """Plan the division of `total` among the wallets of `wished`.

    `standing` has the rules as they are, `wished` those to divide by: with an override added,
    changed or left out. `leaving` lose their rule and what is free of it. `from_source` are the
    splits whose shares came from the same source.
    """
    after: dict[UUID, Standing | None] = {**divided(split=split, total=total, standing=wished)}
    after.update(dict.fromkeys(leaving))
    seen = {
        wallet: rule and _as_seen(rule, from_source, free[wallet] if wallet in leaving else None)
        for wallet, rule in standing.items()
    }
    pinned = pinned_in(wished)
    return Plan(
        source,
        total,
        pinned,
        _least(seen, after, free, pinned),
        standing,
        after,
        flows_between(seen, after, spots=spots, source=source),
        spots,
        free,
    )


def plan_of_one(
    *,
    source: UUID,
    total: int,
    wallet: UUID,
    standing: Mapping[UUID, Standing],
    amount: int,
    spots: Mapping[UUID, Spot],
    free: Mapping[UUID, int],
) -> Plan:
    """Plan a new amount of one wallet that its parent pays for; its split's others stay."""
    now = standing[wallet]
    sharing: dict[UUID, Standing | None] = {
        pk: rule for pk, rule in standing.items() if rule.split == now.split
    }
    after = sharing | {wallet: replace(now, amount=amount, mode="fixed", pinned=False, short=0)}
    flows = {wallet: amount - now.given}
    return Plan(source, total, pinned_in(sharing), 0, sharing, after, flows, spots, free)


def _first_by_id(item: tuple[UUID, object]) -> int:
    return item[0].int


def _said(rule: Standing | None) -> tuple[int, str, bool, int] | None:
    return None if rule is None else (rule.amount, rule.mode, rule.pinned, rule.share)


def _lacks(free: int, gets: int) -> int:
    return max(0, min(-free - gets, -gets))


def _as_seen(rule: Standing, from_source: Collection[UUID], free: int | None) -> Standing:
    """Return a rule by what its credits owe to the source, and, leaving, by what is free of it."""
    is_ours = rule.split in from_source
    share = rule.share if is_ours else 0
    if free is not None:
        amount = min(rule.amount, max(free, 0))
        return replace(rule, amount=amount, share=min(share, amount), short=0)
    return rule if share == rule.share else replace(rule, share=share)


def _least(
    before: Mapping[UUID, Standing | None],
    after: Mapping[UUID, Standing | None],
    free: Mapping[UUID, int],
    pinned: int,
) -> int:
    sharing = added = highest = 0
    for wallet, rule in after.items():
        if rule is None or rule.is_pinned:
            continue
        if rule.is_override:
            added += 1
            continue
        sharing += 1
        old, has = before.get(wallet), free[wallet]
        highest = max(highest, (old.given if old else 0) - max(0, has))
    return pinned + highest * (sharing + added)
