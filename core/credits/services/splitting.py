"""Splitting credits equally, and overriding single shares of a split.

Each act has a plan of the same arguments: the same function, without the locks. Idempotency keys
work as in `core.credits.services.allocating`. Amounts are micro-credits.

The wallets of a split stand below its source, at any depth. Credits flow down through the wallets
between, which keep what they have: no rule and no free credits of theirs change.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from django.db import transaction

from core.audit.services import Actor, record
from core.credits import verbs
from core.credits.errors import (
    CycleEnded,
    InsufficientCredits,
    InvalidAmount,
    NothingToSplit,
    NotInASplit,
    OutsideTheSource,
    PinnedTooMuch,
    SplitChanged,
    not_enough_in,
)
from core.credits.models import SPLIT_LEVELS, Act, AllocationRule, Cycle, Split, Wallet
from core.credits.planning import Plan, plan_of, plan_of_one
from core.credits.selectors import open_cycle_of
from core.credits.services.allocating import allocate_credits
from core.credits.services.locking import BalanceRow, among, hold_cycle, hold_splits
from core.credits.services.moving import Claim, apply_moves, claim_act
from core.credits.services.sharing import take_along
from core.credits.services.standing import lock_tree, read_tree, standing_of, write_rules
from core.credits.split_rules import EQUAL_SHARE, Spot, Standing, outside_of, pinned_in
from core.kit.ids import uuid7
from core.kit.money import MAX_MICROCREDITS, format_credits

How = Literal["pinned", "added"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitWish:
    """Divide `total` of what `source` has free equally among `wallets`, now and in each cycle.

    With a `level`, `wallets` are all of that kind below the source that take part, and who joins
    them is served too. Amounts of their own that wallets have are overrides: they are kept, or
    give way to the share. `cycle` is the one that the caller looked at, `seen` the mark of the
    plan that they saw; None does not compare.
    """

    source: Wallet
    wallets: frozenset[UUID]
    total: int
    level: str = ""
    keeps_overrides: bool = True
    cycle: UUID | None = None
    seen: str | None = None


def plan_split(wish: SplitWish) -> Plan:
    """Return what `split_credits` would do now, without doing it.

    Raises:
        As `split_credits`, but for credits that are lacking: `Plan.lacking` names these.
    """
    cycle = open_cycle_of(wish.source.book)
    return _Work(cycle, wish.source, is_locked=False).split(wish, uuid7())


@transaction.atomic
def split_credits(
    *,
    wish: SplitWish,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
    tell: Callable[[Plan], object] | None = None,
) -> Act:
    """Divide credits equally in one act. `tell` gets the plan that is applied; a repeat has none.

    Raises:
        InsufficientCredits: the source has less free, or a share would be less than what is used
            or held there.
        InvalidAmount: the total is negative, or out of range.
        NothingToSplit: no wallet is selected.
        OutsideTheSource: a wallet does not stand below the source.
        PinnedTooMuch: pinned overrides come to more than the total.
        CycleEnded: the cycle that was looked at has ended.
        SplitChanged: it would not come to what was seen.
    """
    book = wish.source.book
    # All of a level is whoever that is when it happens: a repeat may find others there.
    whom = {"level": wish.level} if wish.level else {"wallets": sorted(map(str, wish.wallets))}
    claim = claim_act(
        book=book,
        verb=verbs.SPLIT,
        content={
            "source": wish.source.pk,
            "total": wish.total,
            "keeps_overrides": wish.keeps_overrides,
            **whom,
        },
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if claim.is_repeat:
        return claim.act
    cycle = hold_cycle(book)
    hold_splits(book)
    work = _Work(cycle, wish.source, is_locked=True)
    split = Split(
        id=uuid7(),
        book=book,
        act=claim.act,
        source=wish.source,
        level=wish.level,
        total=wish.total,
    )
    plan = work.split(wish, split.pk)
    if wish.seen is not None and wish.seen != plan.mark:
        raise SplitChanged("Who takes part, or what they have, has changed since. Look again.")
    take_along(split, plan.before)
    if wish.level:
        Split.objects.filter(source=wish.source, level=wish.level, ended_by=None).update(
            ended_by=claim.act
        )
    split.save(force_insert=True)
    work.apply(plan, claim.act)
    if tell is not None:
        tell(plan)
    record(
        actor=actor,
        verb=verbs.SPLIT,
        target=("wallet", wish.source.pk, label or wish.source.get_kind_display()),
        after={"credits": format_credits(wish.total), "count": len(wish.wallets)},
        reason=reason,
        product=book.product,
        nodes=nodes,
    )
    return claim.act


def plan_override(*, wallet: Wallet, amount: int, how: How) -> Plan:
    """Return what `override_share` would do now, without doing it."""
    split = split_of(wallet)
    cycle = open_cycle_of(wallet.book)
    return _Work(cycle, split.source, is_locked=False).override(split, wallet, amount, how)


@transaction.atomic
def override_share(
    *,
    wallet: Wallet,
    amount: int,
    how: How,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Give one wallet of a split an amount of its own.

    `pinned`: it counts in the split's total, and the others share the rest. `added`: the others
    keep their shares, and the wallet's parent gives the difference, as in `allocate_credits`.

    Raises:
        NotInASplit: the wallet takes part in none.
        InsufficientCredits: somebody would have to give more than is free there.
        InvalidAmount: `amount` is negative, or out of range.
        PinnedTooMuch: pinned overrides come to more than the total.
    """
    if how == "added":
        return allocate_credits(
            wallet=wallet,
            amount=amount,
            actor=actor,
            idempotency_key=idempotency_key,
            reason=reason,
            label=label,
            nodes=nodes,
        )
    claim = claim_act(
        book=wallet.book,
        verb=verbs.OVERRIDDEN,
        content={"wallet": wallet.pk, "amount": amount, "how": how},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if not claim.is_repeat:
        work, split = _work_on(wallet)
        _apply(
            work, work.override(split, wallet, amount, how), claim, wallet,
            verb=verbs.OVERRIDDEN, label=label, nodes=nodes, reason=reason, actor=actor,
        )  # fmt: skip
    return claim.act


def plan_end_of_override(*, wallet: Wallet) -> Plan:
    """Return what `end_override` would do now, without doing it."""
    split = split_of(wallet)
    cycle = open_cycle_of(wallet.book)
    return _Work(cycle, split.source, is_locked=False).end_override(split, wallet)


@transaction.atomic
def end_override(
    *,
    wallet: Wallet,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Let a wallet have its equal share again; all of the split are divided anew.

    Raises:
        NotInASplit: the wallet takes part in none.
        InsufficientCredits: somebody would have to give more than is free there.
    """
    claim = claim_act(
        book=wallet.book,
        verb=verbs.OVERRIDE_ENDED,
        content={"wallet": wallet.pk},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if not claim.is_repeat:
        work, split = _work_on(wallet)
        _apply(
            work, work.end_override(split, wallet), claim, wallet,
            verb=verbs.OVERRIDE_ENDED, label=label, nodes=nodes, reason=reason, actor=actor,
        )  # fmt: skip
    return claim.act


def split_of(wallet: Wallet) -> Split:
    """Return the split that a wallet takes part in.

    Raises:
        NotInASplit: it takes part in none.
    """
    split = Split.objects.select_related("source__book").filter(rules__wallet=wallet).first()
    if split is None:
        raise NotInASplit("This node is not part of an equal split.")
    return split


class _Work:
    """The ledger's side of a plan: reads what it needs, once it is locked if it will be applied."""

    def __init__(self, cycle: Cycle, source: Wallet, *, is_locked: bool) -> None:
        self._cycle, self._source, self._is_locked = cycle, source, is_locked
        self._balances: dict[UUID, BalanceRow] = {}
        self._standing: dict[UUID, Standing] = {}
        self._spots: dict[UUID, Spot] = {}

    def split(self, wish: SplitWish, split_id: UUID) -> Plan:
        if wish.cycle is not None and wish.cycle != self._cycle.pk:
            raise CycleEnded("The cycle has ended since. Look at the new one and try again.")
        if not 0 <= wish.total <= MAX_MICROCREDITS:
            raise InvalidAmount("A split is zero or more credits.")
        if not wish.wallets:
            raise NothingToSplit("Select at least one that is active.")
        leaving = self._left_behind(wish)
        self._read(wish.wallets | leaving)
        # By the ids that were read: that equal ids are the same object is told without comparing.
        sharing = [wallet for wallet in self._spots if wallet in wish.wallets]
        standing = {wallet: self._standing.get(wallet) for wallet in sharing}
        if not wish.keeps_overrides:
            standing = dict.fromkeys(standing)
        return self._plan(split_id, wish.total, standing, leaving=leaving)

    def override(self, split: Split, wallet: Wallet, amount: int, how: How) -> Plan:
        if not 0 <= amount <= MAX_MICROCREDITS:
            raise InvalidAmount("An allocation is zero or more credits.")
        wished = self._sharing(split, wallet)
        now = self._standing[wallet.pk]
        wished[wallet.pk] = replace(now, amount=amount, mode="fixed", pinned=how == "pinned")
        if how == "added":
            return self._alone(split, wallet.pk, amount)
        return self._plan(split.pk, split.in_force, wished)

    def end_override(self, split: Split, wallet: Wallet) -> Plan:
        wished = self._sharing(split, wallet)
        wished[wallet.pk] = Standing(0, EQUAL_SHARE)
        return self._plan(split.pk, split.in_force, wished)

    def apply(self, plan: Plan, act: Act) -> None:
        if plan.lacking:
            raise self._lacking(plan)
        apply_moves(act=act, cycle=self._cycle, balances=self._balances, moves=plan.moves)
        write_rules(act=act, before=plan.before, after=plan.after)

    def _sharing(self, split: Split, wallet: Wallet) -> dict[UUID, Standing | None]:
        """Return the rules of all of a split, of which the wallet must still be one."""
        self._read(frozenset(split.rules.values_list("wallet", flat=True)) | {wallet.pk})
        sharing: dict[UUID, Standing | None] = {
            pk: rule for pk, rule in self._standing.items() if rule.split == split.pk
        }
        if wallet.pk not in sharing:
            raise NotInASplit("This node is not part of the split any more.")
        return sharing

    def _left_behind(self, wish: SplitWish) -> frozenset[UUID]:
        """Return those of the split in force for the same level who do not take part any more."""
        if not wish.level:
            return frozenset()
        old = AllocationRule.objects.filter(
            split__source=wish.source, split__level=wish.level, split__ended_by=None
        )
        gone = old.exclude(wallet_id__in=among(wish.wallets))
        return frozenset(gone.values_list("wallet_id", flat=True))

    def _read(self, wallets: Collection[UUID]) -> None:
        book, all_of_them = self._source.book, {*wallets, self._source.pk}
        if self._is_locked:
            self._spots, self._balances = lock_tree(
                book, self._cycle, all_of_them, with_unallocated=self._source.depth == 0
            )
            # After the lock: a rule only changes under its balance's.
            self._standing = standing_of(wallets)
        else:
            self._spots, self._balances, self._standing = read_tree(book, self._cycle, all_of_them)
            self._standing.pop(self._source.pk, None)
        outside = outside_of(self._source.pk, wallets, spots=self._spots, kinds=SPLIT_LEVELS)
        if outside:
            raise OutsideTheSource(
                "Credits can only go to what stands below the node that they come from.",
                wallets=[str(wallet) for wallet in sorted(outside)[:20]],
            )

    def _plan(
        self,
        split_id: UUID,
        total: int,
        wished: Mapping[UUID, Standing | None],
        *,
        leaving: Collection[UUID] = (),
    ) -> Plan:
        pinned = pinned_in(wished)
        if pinned > total:
            raise PinnedTooMuch(
                f"{format_credits(pinned)} credits are pinned; the total is only "
                f"{format_credits(total)}.",
                pinned=format_credits(pinned),
                total=format_credits(total),
            )
        splits = {rule.split for rule in self._standing.values() if rule.split}
        same = Split.objects.filter(pk__in=splits, source=self._source)
        return plan_of(
            split=split_id,
            source=self._source.pk,
            total=total,
            standing={wallet: self._standing.get(wallet) for wallet in (*wished, *leaving)},
            wished=wished,
            leaving=leaving,
            from_source=frozenset(same.values_list("pk", flat=True)),
            spots=self._spots,
            free={wallet: balance.free for wallet, balance in self._balances.items()},
        )

    def _alone(self, split: Split, wallet: UUID, amount: int) -> Plan:
        """Plan an added override: nothing but the wallet and its parent changes."""
        return plan_of_one(
            source=self._source.pk,
            total=split.in_force,
            wallet=wallet,
            standing=self._standing,
            amount=amount,
            spots=self._spots,
            free={pk: balance.free for pk, balance in self._balances.items()},
        )

    def _lacking(self, plan: Plan) -> InsufficientCredits:
        first = plan.lacking[0]
        problem = not_enough_in(
            first.wallet,
            kind=first.kind,
            free=first.free_before,
            asked=first.free_before - first.free_after,
        )
        if first.wallet != plan.source:
            problem.extensions["least_total"] = format_credits(plan.least_total)
            problem.extensions["lacking"] = len(plan.lacking)
        return problem


def _work_on(wallet: Wallet) -> tuple[_Work, Split]:
    cycle = hold_cycle(wallet.book)
    hold_splits(wallet.book)
    split = split_of(wallet)
    return _Work(cycle, split.source, is_locked=True), split


def _apply(
    work: _Work,
    plan: Plan,
    claim: Claim,
    wallet: Wallet,
    *,
    verb: str,
    label: str,
    nodes: Iterable[UUID],
    reason: str,
    actor: Actor,
) -> None:
    work.apply(plan, claim.act)
    change = plan.change_of(wallet.pk)
    assert change.before is not None
    assert change.after is not None
    record(
        actor=actor,
        verb=verb,
        target=("wallet", wallet.pk, label or wallet.get_kind_display()),
        before={"credits": format_credits(change.before.amount)},
        after={"credits": format_credits(change.after.amount)},
        reason=reason,
        product=wallet.book.product,
        nodes=nodes,
    )
