"""What an act on a split would change, node by node. Pure: preview and apply share it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from core.credits import rules
from core.credits.rules import Move
from core.credits.split_rules import Spot, Standing, divided, moves_between, pinned_in


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
        return max(0, min(-self.free_after, -self.gets))


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole act: every wallet that it touches, the source first, and the moves it makes.

    `total` is what the split divides, of which `pinned` is taken by pinned overrides.
    `least_total` is what the total must be at least so that no share falls below what is used or
    held.
    """

    source: UUID
    total: int
    pinned: int
    changes: tuple[Change, ...]
    moves: tuple[Move, ...]
    least_total: int

    @property
    def lacking(self) -> tuple[Change, ...]:
        """The wallets that would have to give more than they have free, the source first."""
        return tuple(change for change in self.changes if change.lacks)

    @property
    def sharers(self) -> tuple[Change, ...]:
        """The wallets that take part in the split."""
        return tuple(change for change in self.changes if change.after and change.after.split)

    @property
    def smallest_share(self) -> int:
        """What each of those without an override gets at least."""
        return min((c.after.share for c in self.sharers if c.after and not c.after.is_override),
                   default=0)  # fmt: skip


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
        wallet: _as_seen(rule, from_source, free[wallet] if wallet in leaving else None)
        for wallet, rule in standing.items()
    }
    moves = moves_between(seen, after, spots=spots, source=source)
    deltas, through = rules.deltas_of(moves), _through(moves, spots)
    touched = sorted(
        {*after, *deltas} - {source}, key=lambda wallet: (spots[wallet].depth, wallet.int)
    )
    changes = tuple(
        Change(
            wallet,
            spots[wallet].kind,
            spots[wallet].depth,
            standing.get(wallet),
            after[wallet] if wallet in after else standing.get(wallet),
            free[wallet],
            free[wallet] + deltas.get(wallet, 0),
            0 if wallet in after else through.get(wallet, 0),
        )
        for wallet in (source, *touched)
    )
    pinned = pinned_in(wished)
    return Plan(source, total, pinned, changes, moves, _least(seen, after, free, pinned))


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
    now, parent = standing[wallet], spots[wallet].parent
    assert parent is not None
    delta = amount - now.amount
    moves = rules.moves_of_allocation(wallet=wallet, source=parent, before=now.amount, after=amount)
    after = replace(now, amount=amount, mode="fixed", pinned=False)
    others = sorted(w for w, rule in standing.items() if rule.split == now.split and w != wallet)

    def change(pk: UUID, to: Standing | None, gets: int) -> Change:
        spot = spots[pk]
        return Change(pk, spot.kind, spot.depth, standing.get(pk), to, free[pk], free[pk] + gets)

    changes = (
        *([change(source, standing.get(source), 0)] if source != parent else []),
        change(parent, standing.get(parent), -delta),
        change(wallet, after, delta),
        *(change(other, standing[other], 0) for other in others),
    )
    return Plan(source, total, pinned_in(standing), changes, moves, 0)


def _as_seen(
    rule: Standing | None, from_source: Collection[UUID], free: int | None
) -> Standing | None:
    """Return a rule by what its credits owe to the source, and, leaving, by what is free of it."""
    if rule is None:
        return None
    is_ours = rule.split in from_source
    share = rule.share if is_ours else 0
    if free is None and rule.is_pinned and is_ours:
        # A renewal that ran short gave less than what is pinned: the rest is still owed.
        return replace(rule, amount=share, share=share)
    if free is None:
        return rule if share == rule.share else replace(rule, share=share)
    amount = min(rule.amount, max(free, 0))
    return replace(rule, amount=amount, share=min(share, amount))


def _through(moves: Collection[Move], spots: Mapping[UUID, Spot]) -> dict[UUID, int]:
    """Return what enters each wallet from above, less what leaves it there."""
    found: dict[UUID, int] = {}
    for move in moves:
        if move.destination is not None and spots[move.destination].parent == move.source:
            found[move.destination] = found.get(move.destination, 0) + move.amount
        elif move.source is not None:
            found[move.source] = found.get(move.source, 0) - move.amount
    return found


def _least(
    before: Mapping[UUID, Standing | None],
    after: Mapping[UUID, Standing | None],
    free: Mapping[UUID, int],
    pinned: int,
) -> int:
    sharing = [wallet for wallet, rule in after.items() if rule and not rule.is_override]
    added = sum(1 for rule in after.values() if rule and rule.is_override and not rule.is_pinned)
    highest = 0
    for wallet in sharing:
        rule = before.get(wallet)
        highest = max(highest, (rule.amount if rule else 0) - max(free[wallet], 0))
    return pinned + highest * (len(sharing) + added)
