"""Splits, overrides, moves, leavers and undo in plain Python, on top of the renewing model."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from tests.properties.ledger_model import NotEnough
from tests.properties.renewal_model import RenewingModel, shared

DEPTHS = {"unallocated": 0, "pool": 0, "overflow": 0, "organization": 1, "team": 2, "membership": 3}


class PinnedMore(Exception):
    """Pinned overrides come to more than the total."""


class NotShared(Exception):
    """The wallet takes part in no split."""


class Gone(Exception):
    """The act cannot be undone any more."""


class Ended(Exception):
    """The act belongs to an earlier cycle."""


@dataclass(frozen=True)
class Rule:
    """How a wallet came to its amount; `short` is what a renewal gave less than that."""

    amount: int
    is_override: bool = True
    is_pinned: bool = False
    share: int = 0
    split: int | None = None
    short: int = 0

    @property
    def given(self) -> int:
        return self.amount - self.short


@dataclass(frozen=True)
class Done:
    """What an act changed: by how much each wallet, and rules before and after.

    `parents` says where the wallets stood, `split` which one it made.
    """

    deltas: dict[str, int]
    before: dict[str, Rule | None]
    after: dict[str, Rule | None]
    parents: dict[str, str]
    split: int | None = None


class SplitModel(RenewingModel):
    """A book with splits, in its cycles."""

    @classmethod
    def of(cls, model: RenewingModel) -> "SplitModel":
        made = cls(deepcopy(model.wallets), deepcopy(model.caps), order=model.order)
        made.rules = {
            name: Rule(wallet.rule, short=wallet.short)
            for name, wallet in made.wallets.items()
            if wallet.rule is not None
        }
        return made

    def __init__(self, *parts: Any, **named: Any) -> None:
        super().__init__(*parts, **named)
        self.rules: dict[str, Rule] = {}
        self.splits: list[tuple[str, int]] = []
        # What each later split was given of the total of an earlier one: (later, earlier) to it.
        self.taken: dict[tuple[int, int], int] = {}
        self.done: Done | None = None

    def allocate(self, name: str, amount: int) -> None:
        now = self.rules.get(name)
        after = Rule(amount, share=now.share if now else 0, split=now.split if now else None)
        more = amount - (now.given if now else 0)
        self._change({name: more, self.source_of(name): -more}, {name: after})

    def remove_allocation(self, name: str) -> None:
        rest = max(0, self.wallets[name].free)
        self._change({name: -rest, self.source_of(name): rest}, {name: None})

    def split(self, source: str, names: list[str], total: int, *, keeps: bool) -> None:
        wished = {name: self.rules.get(name) if keeps else None for name in names}
        made = len(self.splits)
        taken: dict[tuple[int, int], int] = {}
        for name in names:
            old = self.rules[name].split if name in self.rules else None
            if old is not None:
                share = self._shares(old, self._in_force(old))[name]
                taken[made, old] = taken.get((made, old), 0) + share
        self._divide(made, source, total, wished)
        self.splits.append((source, total))
        self.taken.update(taken)
        assert self.done is not None
        self.done = replace(self.done, split=made)

    def pin(self, name: str, amount: int) -> None:
        self._again(name, Rule(amount, is_pinned=True))

    def end_override(self, name: str) -> None:
        self._again(name, None)

    def pass_on(self, source: str, destination: str, amount: int) -> None:
        self._change({source: -amount, destination: amount}, {})

    def leave(self, name: str) -> None:
        rule, rest = self.rules.get(name), max(0, self.wallets[name].free)
        share = min(rule.share, rest) if rule else 0
        source = self.splits[rule.split][0] if rule and rule.split is not None else None
        deltas = {name: -rest}
        _add(deltas, source or self.source_of(name), share)
        _add(deltas, self.source_of(name), rest - share)
        self._change(deltas, {name: None})

    def hang(self, name: str, parent: str | None) -> None:
        """Move a membership: what it has free stays with the place that it leaves."""
        self.leave(name)
        self.wallets[name].parent = parent

    def undo(self, done: Done) -> None:
        if self.number > 1:
            # The histories' renewals come before their time, and all acts before these.
            raise Ended
        if any(delta and self.source_of(name) != done.parents.get(name)
               for name, delta in done.deltas.items() if name in done.parents):  # fmt: skip
            raise Gone
        if any(self.rules.get(name) != rule for name, rule in done.after.items()):
            raise Gone
        try:
            self._change({name: -delta for name, delta in done.deltas.items()}, done.before)
        except NotEnough:
            raise Gone from None
        for made, old in list(self.taken):
            if made == done.split:
                del self.taken[made, old]

    # -- renewal -----------------------------------------------------------------------------------

    def _replay(self) -> None:
        """From the top: a split takes part as one child of its source, with all of its total."""
        shares: dict[str, int] = {}
        got: dict[str, int] = {}
        for depth in range(3):
            for parent in self.order:
                if DEPTHS[self.wallets[parent].kind] == depth and parent not in {
                    "pool",
                    "overflow",
                }:
                    self._replay_below(parent, shares, got)
        for name, rule in self.rules.items():
            share = shares.get(name, rule.share)
            amount = rule.amount if rule.is_override else share
            short = amount - got.get(name, 0)
            self.rules[name] = replace(rule, amount=amount, share=share, short=short)
            self.wallets[name].rule = amount

    def _replay_below(self, parent: str, shares: dict[str, int], got: dict[str, int]) -> None:
        wanted: dict[Any, int] = {
            name: self._owed(self.rules[name], name)
            for name in self.order
            if name in self.rules and self._is_child(name, parent)
        }
        for split, (source, _total) in enumerate(self.splits):
            if source == parent and self._sharing(split):
                wanted[split] = self._wanted(split)
        available = min(max(self.wallets[parent].free, 0), sum(wanted.values()))
        for child, part in shared(available, wanted).items():
            self.wallets[parent].credited -= part
            if isinstance(child, str):
                self.wallets[child].credited += part
                _add(got, child, part)
            else:
                shares.update(self._shares(child, part))
                self._hand_out(child, shares, got)

    def _owed(self, rule: Rule, name: str) -> int:
        """What the parent owes by a rule: all of it, or what an override adds."""
        if rule.split is None:
            return rule.amount
        if rule.is_pinned or not rule.is_override:
            return 0
        return max(rule.amount - self._shares(rule.split, self._wanted(rule.split))[name], 0)

    def _hand_out(self, split: int, shares: dict[str, int], got: dict[str, int]) -> None:
        for name, rule in self._sharing(split).items():
            kept = min(shares[name], rule.amount) if rule.is_override else shares[name]
            self.wallets[name].credited += kept
            _add(got, name, kept)
            self.wallets[self.source_of(name)].credited += shares[name] - kept

    def _sharing(self, split: int) -> dict[str, Rule]:
        return {name: self.rules[name] for name in self.order
                if name in self.rules and self.rules[name].split == split}  # fmt: skip

    def _wanted(self, split: int) -> int:
        rules = self._sharing(split).values()
        if all(rule.is_pinned for rule in rules):
            return sum(rule.amount for rule in rules)
        return self._in_force(split)

    def _in_force(self, split: int) -> int:
        gone = sum(amount for (_, old), amount in self.taken.items() if old == split)
        return self.splits[split][1] - gone

    def _shares(self, split: int, amount: int) -> dict[str, int]:
        rules = self._sharing(split)
        pinned = {name: rule.amount for name, rule in rules.items() if rule.is_pinned}
        found = shared(min(amount, sum(pinned.values())), pinned)
        others = [name for name in rules if name not in pinned]
        if others:
            base, rest = divmod(amount - sum(found.values()), len(others))
            found.update({name: base + (place < rest) for place, name in enumerate(others)})
        return found

    # -- dividing ----------------------------------------------------------------------------------

    def _again(self, name: str, wish: Rule | None) -> None:
        now = self.rules.get(name)
        if now is None or now.split is None:
            raise NotShared
        source, total = self.splits[now.split][0], self._in_force(now.split)
        wished: dict[str, Rule | None] = {
            one: rule for one, rule in self.rules.items() if rule.split == now.split
        }
        self._divide(now.split, source, total, {**wished, name: wish})

    def _divide(self, split: int, source: str, total: int, wished: dict[str, Rule | None]) -> None:
        pinned = sum(rule.amount for rule in wished.values() if rule and rule.is_pinned)
        if pinned > total:
            raise PinnedMore
        sharing = [n for n in self.order if n in wished and not _is_pinned(wished[n])]
        base, rest = divmod(total - pinned, len(sharing)) if sharing else (0, 0)
        shares = {name: base + (place < rest) for place, name in enumerate(sharing)}
        after: dict[str, Rule | None] = {}
        for name, rule in wished.items():
            if rule is None or not rule.is_override:
                after[name] = Rule(shares[name], False, False, shares[name], split)
            elif rule.is_pinned:
                after[name] = Rule(rule.amount, True, True, rule.amount, split)
            else:
                after[name] = Rule(rule.amount, True, False, shares[name], split, rule.short)
        self._become(after, source=source)

    def _become(self, after: dict[str, Rule | None], *, source: str) -> None:
        """Let wallets have other rules: shares come from the source, the rest from parents."""
        deltas: dict[str, int] = {}
        for name, rule in after.items():
            old = self.rules.get(name)
            is_same = (
                old is not None
                and old.split is not None
                and (self.splits[old.split][0] == source or (rule and rule.split == old.split))
            )
            old_share = old.share if old and is_same else 0
            from_source = (rule.share if rule else 0) - old_share
            # Where a renewal gave less than the amount, that is what counts.
            old_given = old.given if old else 0
            from_parent = (rule.given if rule else 0) - old_given - from_source
            if rule and rule.split is not None and rule.split < len(self.splits):
                _add(deltas, self.splits[rule.split][0], -from_source)
            else:
                _add(deltas, source, -from_source)
            _add(deltas, self.source_of(name), -from_parent)
            _add(deltas, name, from_source + from_parent)
        self._change(deltas, after)

    def _change(self, deltas: dict[str, int], after: dict[str, Rule | None]) -> None:
        for name, delta in deltas.items():
            if delta < 0 and self.wallets[name].free < -delta:
                raise NotEnough
        parents = {
            name: self.source_of(name) for name in deltas if self.wallets[name].kind == "membership"
        }
        # What an act left as it was does not keep it from being undone.
        changed = {name: rule for name, rule in after.items() if self.rules.get(name) != rule}
        before = {name: self.rules.get(name) for name in changed}
        self.done = Done(deltas, before, changed, parents)
        for name, delta in deltas.items():
            self.wallets[name].credited += delta
        for name, rule in after.items():
            self.rules.pop(name, None)
            self.wallets[name].rule = rule.amount if rule else None
            if rule is not None:
                self.rules[name] = rule


def _is_pinned(rule: Rule | None) -> bool:
    return rule is not None and rule.is_override and rule.is_pinned


def _add(deltas: dict[str, int], name: str, amount: int) -> None:
    deltas[name] = deltas.get(name, 0) + amount
