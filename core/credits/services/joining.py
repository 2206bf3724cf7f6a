"""Who joins a split's level is served by it; who leaves gives back what is left.

Both are part of an act of the hierarchy, and write an audit entry of their own only if a rule is
involved or credits move.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from core.audit.services import Actor, record
from core.credits import verbs
from core.credits.models import Act, AllocationRule, Book, Cycle, Split, Wallet
from core.credits.services.locking import hold_cycle, hold_splits, lock_balances
from core.credits.services.moving import apply_moves, claim_act
from core.credits.services.standing import lock_tree, spots_of, standing_of, write_rules
from core.credits.split_rules import (
    EQUAL_SHARE,
    Standing,
    is_below,
    moves_between,
    pinned_in,
)
from core.kit.ids import uuid7
from core.kit.money import format_credits


@transaction.atomic
def serve_joiner(
    *,
    wallet: Wallet,
    others: Collection[UUID] = (),
    actor: Actor,
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> int:
    """Give a new wallet the share in force for its level, from what the split's source has free.

    Of several splits that stand for the level, the nearest counts. Less is free: it gets that, and
    its full share from the next cycle on. `others` are wallets of the same member: who shares in
    the split by one of them is not served again. Returns what it got, 0 if nothing serves it.
    """
    split = _split_for(wallet)
    if split is None:
        return 0
    book = wallet.book
    cycle = hold_cycle(book)
    hold_splits(book)
    split.refresh_from_db()
    standing = standing_of([wallet.pk, *others])
    shares = any(rule.split == split.pk for rule in standing.values())
    if split.ended_by_id is not None or wallet.pk in standing or shares:
        return 0
    spots, balances = lock_tree(book, cycle, [wallet.pk], with_unallocated=True)
    if not is_below(wallet.pk, split.source_id, spots=spots):
        return 0
    share = min(share_in_force(split), max(balances[split.source_id].free, 0))
    rule = Standing(share, EQUAL_SHARE, share=share, split=split.pk)
    act = _claim(verbs.JOINED, wallet, actor)
    apply_moves(
        act=act,
        cycle=cycle,
        balances=balances,
        moves=moves_between({}, {wallet.pk: rule}, spots=spots, source=split.source_id),
    )
    write_rules(act=act, before={}, after={wallet.pk: rule})
    _record(verbs.JOINED, wallet, share, actor=actor, label=label, nodes=nodes)
    return share


@transaction.atomic
def reclaim_from_leaver(
    *, wallet: Wallet, actor: Actor, label: str = "", nodes: Iterable[UUID] = ()
) -> int:
    """Drop a wallet's rule and give back what is free in it.

    Up to its share of a split goes back to the split's source, the rest to its parent. What
    running calls hold stays until they end. Returns what went back.
    """
    book = wallet.book
    cycle = hold_cycle(book)
    hold_splits(book)
    if wallet.pk not in standing_of([wallet.pk]) and not _free_in(cycle, wallet):
        return 0
    act = _claim(verbs.LEFT, wallet, actor)
    back = give_back(act=act, cycle=cycle, wallet=wallet)
    _record(verbs.LEFT, wallet, back, actor=actor, label=label, nodes=nodes)
    return back


def give_back(*, act: Act, cycle: Cycle, wallet: Wallet) -> int:
    """Drop a wallet's rule and move what is free in it to where it came from; part of an act.

    The caller holds the cycle and the splits.
    """
    book = wallet.book
    spots, balances = lock_tree(book, cycle, [wallet.pk], with_unallocated=True)
    before = standing_of([wallet.pk])
    rule, parent = before.get(wallet.pk), spots[wallet.pk].parent
    assert parent is not None
    source = _source_of(rule.split) if rule and rule.split else parent
    if not is_below(wallet.pk, source, spots=spots):
        source = parent
    rest = max(balances[wallet.pk].free, 0)
    share = min(rule.share, rest) if rule else 0
    moves = moves_between({wallet.pk: Standing(rest, share=share)}, {}, spots=spots, source=source)
    apply_moves(act=act, cycle=cycle, balances=balances, moves=moves)
    write_rules(act=act, before=dict(before), after={})
    return rest


def shares_below(team: Wallet, *, source: UUID) -> list[UUID]:
    """Return which of a team and its members share in a split of `source`."""
    children = Wallet.objects.filter(parent=team).values("pk")
    rules = AllocationRule.objects.filter(split__source=source)
    rules = rules.filter(Q(wallet=team) | Q(wallet__in=children))
    return list(rules.values_list("wallet_id", flat=True))


def make_own(*, act: Act, wallets: Collection[UUID]) -> None:
    """Make amounts of their own of shares, for who leaves a split but keeps the credits.

    Part of the caller's act, which holds the splits and has locked the wallets.
    """
    before = standing_of(wallets)
    write_rules(
        act=act,
        before=dict(before),
        after={pk: Standing(rule.amount, short=rule.short) for pk, rule in before.items()},
    )


def hold_for_joiners(book: Book) -> None:
    """Take the locks of `serve_joiner` that come first, for an act that changes rights before it.

    The policy version comes after all balances; who must have it earlier holds this before.
    """
    hold_cycle(book)
    hold_splits(book)


def share_in_force(split: Split) -> int:
    """Return the equal share of a split as those have it who take part now.

    Not the total by their number: who has left, or shares in another split by now, took that part
    along until the total is divided anew. Who joined when less was free has less than the others.
    Where nobody shares, all that is not pinned.
    """
    rules = standing_of(split.rules.values_list("wallet_id", flat=True))
    shares = [rule.share for rule in rules.values() if not rule.is_pinned]
    return max(shares, default=max(split.in_force - pinned_in(dict(rules)), 0))


def _split_for(wallet: Wallet) -> Split | None:
    in_force = list(
        Split.objects.select_related("source").filter(
            book=wallet.book_id, level=wallet.kind, ended_by=None
        )
    )
    if not in_force:
        return None
    spots = spots_of(wallet.book, [wallet.pk])
    above = [split for split in in_force if is_below(wallet.pk, split.source_id, spots=spots)]
    return max(above, key=lambda split: split.source.depth, default=None)


def _free_in(cycle: Cycle, wallet: Wallet) -> bool:
    balance = lock_balances(cycle, [wallet.pk])[wallet.pk]
    return balance.free > 0


def _source_of(split: UUID) -> UUID:
    return Split.objects.values_list("source_id", flat=True).get(pk=split)


def _claim(verb: str, wallet: Wallet, actor: Actor) -> Act:
    # Whoever joins does so once: the act is as unique as the place that it serves.
    return claim_act(
        book=wallet.book,
        verb=verb,
        content={"wallet": wallet.pk},
        actor=actor,
        idempotency_key=f"{verb}:{uuid7()}",
        reason="",
    ).act


def _record(
    verb: str, wallet: Wallet, amount: int, *, actor: Actor, label: str, nodes: Iterable[UUID]
) -> None:
    record(
        actor=actor,
        verb=verb,
        target=("wallet", wallet.pk, label or wallet.get_kind_display()),
        after={"credits": format_credits(amount)},
        product=wallet.book.product,
        nodes=nodes,
    )
