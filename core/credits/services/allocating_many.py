"""Setting the allocations of many wallets in one act, as a file of them does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from core.audit.services import Actor, record
from core.credits import rules, verbs
from core.credits.errors import InvalidAmount, NothingToSplit, OutsideTheSource, not_enough_in
from core.credits.models import SPLIT_LEVELS, Act, Book, WalletKind
from core.credits.rules import Move
from core.credits.selectors import book_wallet, open_cycle_of
from core.credits.services.locking import hold_cycle, read_balances
from core.credits.services.moving import apply_moves, claim_act
from core.credits.services.standing import lock_tree, spots_of, standing_of, write_rules
from core.credits.split_rules import Spot, Standing, moves_between
from core.kit.money import MAX_MICROCREDITS, format_credits


@dataclass(frozen=True, slots=True)
class Allocations:
    """What new allocations move: amounts before (None: no rule) and after, and who lacks credits.

    `lacking` says by how much a wallet would have to give more than it has free.
    """

    before: Mapping[UUID, Standing | None]
    after: Mapping[UUID, Standing | None]
    moves: tuple[Move, ...]
    lacking: Mapping[UUID, int]


def plan_allocations(*, book: Book, amounts: Mapping[UUID, int]) -> Allocations:
    """Return what `allocate_many` would do now, without doing it.

    Raises:
        As `allocate_many`, but for credits that are lacking.
    """
    spots = _checked(book, amounts)
    balances = read_balances(open_cycle_of(book), spots)
    free = {wallet: balance.free for wallet, balance in balances.items()}
    return _planned(book, amounts, spots, free)


@transaction.atomic
def allocate_many(
    *,
    book: Book,
    amounts: Mapping[UUID, int],
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Set what each of these wallets gets in each cycle, as `allocate_credits` does for one.

    All or nothing: what one gives up, its siblings may get in the same act.

    Raises:
        InsufficientCredits: a wallet would have to give more than it has free.
        InvalidAmount: an amount is negative, or out of range.
        NothingToSplit: there are none.
        OutsideTheSource: a wallet is not a node's of this book.
    """
    claim = claim_act(
        book=book,
        verb=verbs.ALLOCATED_MANY,
        content={"amounts": {str(wallet): amounts[wallet] for wallet in sorted(amounts)}},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if claim.is_repeat:
        return claim.act
    _checked(book, amounts)
    cycle = hold_cycle(book)
    spots, balances = lock_tree(book, cycle, list(amounts), with_unallocated=True)
    free = {wallet: balance.free for wallet, balance in balances.items()}
    plan = _planned(book, amounts, spots, free)
    for wallet, lacks in plan.lacking.items():
        has = free[wallet]
        raise not_enough_in(wallet, kind=spots[wallet].kind, free=has, asked=max(has, 0) + lacks)
    apply_moves(act=claim.act, cycle=cycle, balances=balances, moves=plan.moves)
    write_rules(act=claim.act, before=plan.before, after=plan.after)
    record(
        actor=actor,
        verb=verbs.ALLOCATED_MANY,
        target=("book", book.pk, book.product),
        after={
            "count": len(amounts),
            "credits": format_credits(sum(amounts.values())),
        },
        reason=reason,
        product=book.product,
        nodes=nodes,
    )
    return claim.act


def _checked(book: Book, amounts: Mapping[UUID, int]) -> dict[UUID, Spot]:
    if not amounts:
        raise NothingToSplit("There is no allocation to set.")
    if not all(0 <= amount <= MAX_MICROCREDITS for amount in amounts.values()):
        raise InvalidAmount("An allocation is zero or more credits.")
    spots = spots_of(book, amounts)
    if any(w not in spots or spots[w].kind not in SPLIT_LEVELS for w in amounts):
        raise OutsideTheSource("Only organizations, teams and members have allocations of a file.")
    return spots


def _planned(
    book: Book,
    amounts: Mapping[UUID, int],
    spots: Mapping[UUID, Spot],
    free: Mapping[UUID, int],
) -> Allocations:
    known = standing_of(amounts)
    before = {wallet: known.get(wallet) for wallet in amounts}
    after: dict[UUID, Standing | None] = {}
    for wallet, amount in amounts.items():
        rule = known.get(wallet)
        is_same = rule is not None and rule.amount == amount
        share, split = (rule.share, rule.split) if rule else (0, None)
        after[wallet] = rule if is_same else Standing(amount, share=share, split=split)
    source = book_wallet(book, WalletKind.UNALLOCATED).pk
    moves = moves_between(before, after, spots=spots, source=source)
    deltas = rules.deltas_of(moves)
    lacking = {
        wallet: -delta - max(free[wallet], 0)
        for wallet, delta in deltas.items()
        if delta < 0 and free[wallet] < -delta
    }
    return Allocations(before, after, moves, lacking)
