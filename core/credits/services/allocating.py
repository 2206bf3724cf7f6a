"""Moving credits by hand: into the book, down the tree, and back up.

Every service takes an idempotency key and returns its act. Calling again with the same key and the
same wish returns the first act and moves nothing; with another wish it is `IdempotencyMismatch`.
Amounts are micro-credits. `label` is what the audit log calls the wallet: its node's name.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from core.audit.services import Actor, record
from core.credits import rules, verbs
from core.credits.errors import InvalidAmount, OutsideTheSource
from core.credits.models import (
    Act,
    Book,
    TransferKind,
    Wallet,
    WalletKind,
)
from core.credits.rules import Move
from core.credits.services.locking import hold_cycle
from core.credits.services.moving import apply_moves, claim_act, lock_for
from core.credits.services.standing import lock_tree, standing_of, write_rules
from core.credits.split_rules import Standing, moves_along, path_between
from core.kit.money import MAX_MICROCREDITS, format_credits


def grant_credits(
    *, book: Book, amount: int, actor: Actor, idempotency_key: str, reason: str = ""
) -> Act:
    """Bring credits into the book; they lie in Unallocated.

    Raises:
        InvalidAmount: `amount` is not positive, or out of range.
    """
    unallocated = _book_wallet(book, WalletKind.UNALLOCATED)
    return _move(
        verbs.GRANTED,
        unallocated,
        Move(None, unallocated.pk, amount, TransferKind.GRANT),
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )


def take_back_credits(
    *, book: Book, amount: int, actor: Actor, idempotency_key: str, reason: str = ""
) -> Act:
    """Take credits out of the book again, from Unallocated.

    Raises:
        InsufficientCredits: less is unallocated.
        InvalidAmount: `amount` is not positive, or out of range.
    """
    unallocated = _book_wallet(book, WalletKind.UNALLOCATED)
    return _move(
        verbs.TAKEN_BACK,
        unallocated,
        Move(unallocated.pk, None, amount, TransferKind.TAKE_BACK),
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )


@transaction.atomic
def allocate_credits(
    *,
    wallet: Wallet,
    amount: int,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Set what a wallet gets in each cycle, and move the difference to what it got of the rule now.

    That is the amount before, less what the last renewal was short of. 0 counts: the node then has
    no credits of its own. More comes from the parent (from Unallocated where there is none); less
    goes back there. Top-ups stay on top.

    Raises:
        InsufficientCredits: the parent has less free, or what should go back is used or held.
        InvalidAmount: `amount` is negative, or out of range.
    """
    assert wallet.kind not in {WalletKind.UNALLOCATED, WalletKind.OVERFLOW}
    if not 0 <= amount <= MAX_MICROCREDITS:
        raise InvalidAmount("An allocation is zero or more credits.")
    claim = claim_act(
        book=wallet.book,
        verb=verbs.ALLOCATED,
        content={"wallet": wallet.pk, "amount": amount},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if claim.is_repeat:
        return claim.act
    source = source_of(wallet)
    # The balances' locks also keep two changes of one rule apart.
    cycle, balances = lock_for(wallet.book, (wallet, source))
    rule = standing_of([wallet.pk]).get(wallet.pk)
    before = rule.amount if rule else 0
    moves = rules.moves_of_allocation(
        wallet=wallet.pk, source=source.pk, before=rule.given if rule else 0, after=amount
    )
    apply_moves(act=claim.act, cycle=cycle, balances=balances, moves=moves)
    # In a split it is an override that is added: the share stays the split's.
    after = Standing(amount, share=rule.share if rule else 0, split=rule.split if rule else None)
    write_rules(act=claim.act, before={wallet.pk: rule}, after={wallet.pk: after})
    _record(
        verbs.ALLOCATION_CHANGED if rule else verbs.ALLOCATED,
        wallet,
        actor=actor,
        before=format_credits(before) if rule else None,
        after=format_credits(amount),
        reason=reason,
        label=label,
        nodes=nodes,
    )
    return claim.act


def allocate_to_pool(
    *, book: Book, amount: int, actor: Actor, idempotency_key: str, reason: str = ""
) -> Act:
    """Set what the pool gets in each cycle, as `allocate_credits` does for a node."""
    return allocate_credits(
        wallet=_book_wallet(book, WalletKind.POOL),
        amount=amount,
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )


@transaction.atomic
def remove_allocation(
    *,
    wallet: Wallet,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Drop a wallet's rule, so that its node inherits again, and move what is free in it up."""
    claim = claim_act(
        book=wallet.book,
        verb=verbs.UNALLOCATED,
        content={"wallet": wallet.pk},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if claim.is_repeat:
        return claim.act
    source = source_of(wallet)
    cycle, balances = lock_for(wallet.book, (wallet, source))
    write_rules(act=claim.act, before=dict(standing_of([wallet.pk])), after={})
    rest = max(balances[wallet.pk].free, 0)
    moves = (Move(wallet.pk, source.pk, rest, TransferKind.RECLAIM),) if rest else ()
    apply_moves(act=claim.act, cycle=cycle, balances=balances, moves=moves)
    _record(
        verbs.UNALLOCATED,
        wallet,
        actor=actor,
        after=format_credits(rest),
        reason=reason,
        label=label,
        nodes=nodes,
    )
    return claim.act


def top_up_credits(
    *,
    wallet: Wallet,
    amount: int,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Give a wallet credits of its parent once, beside any rule.

    Raises:
        InsufficientCredits: the parent (Unallocated where there is none) has less free.
        InvalidAmount: `amount` is not positive, or out of range.
    """
    return _move(
        verbs.TOPPED_UP,
        wallet,
        Move(source_of(wallet).pk, wallet.pk, amount, TransferKind.TOP_UP),
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
        label=label,
        nodes=nodes,
    )


def reclaim_credits(
    *,
    wallet: Wallet,
    amount: int,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Move free credits of a wallet back to its parent once. The rule stays as it is.

    Raises:
        InsufficientCredits: less is free; what is used or held by calls cannot go back.
        InvalidAmount: `amount` is not positive, or out of range.
    """
    return _move(
        verbs.RECLAIMED,
        wallet,
        Move(wallet.pk, source_of(wallet).pk, amount, TransferKind.RECLAIM),
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
        label=label,
        nodes=nodes,
    )


@transaction.atomic
def move_credits(
    *,
    source: Wallet,
    destination: Wallet,
    amount: int,
    actor: Actor,
    idempotency_key: str,
    reason: str = "",
    label: str = "",
    destination_label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    """Move free credits between two nodes once, such as siblings. Their rules stay as they are.

    They go up to the nearest that stands above both, and down again.

    Raises:
        InsufficientCredits: the source has less free.
        InvalidAmount: `amount` is not positive, or out of range, or both are the same node.
        OutsideTheSource: they are of different books, or one of them is Unallocated or Overflow.
    """
    if not rules.is_movable(amount):
        raise InvalidAmount("Enter a number of credits above zero.")
    if source.pk == destination.pk:
        raise InvalidAmount("Choose two different nodes.")
    fixed = {WalletKind.UNALLOCATED, WalletKind.OVERFLOW}
    if source.book_id != destination.book_id or {source.kind, destination.kind} & fixed:
        raise OutsideTheSource("Credits move between nodes of one product, and the pool.")
    book = source.book
    claim = claim_act(
        book=book,
        verb=verbs.MOVED,
        content={"source": source.pk, "destination": destination.pk, "amount": amount},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if claim.is_repeat:
        return claim.act
    cycle = hold_cycle(book)
    spots, balances = lock_tree(book, cycle, {source.pk, destination.pk}, with_unallocated=True)
    ups, downs = path_between(source.pk, destination.pk, spots=spots)
    flows = {**dict.fromkeys(ups, -amount), **dict.fromkeys(downs, amount)}
    apply_moves(
        act=claim.act, cycle=cycle, balances=balances, moves=moves_along(flows, spots=spots)
    )
    record(
        actor=actor,
        verb=verbs.MOVED,
        target=("wallet", source.pk, label or source.get_kind_display()),
        after={
            "credits": format_credits(amount),
            "destination": destination_label or str(destination.get_kind_display()),
        },
        reason=reason,
        product=book.product,
        nodes=nodes,
    )
    return claim.act


def source_of(wallet: Wallet) -> Wallet:
    """Return where a wallet's credits come from and go back to: its parent, or Unallocated."""
    assert wallet.kind not in {WalletKind.UNALLOCATED, WalletKind.OVERFLOW}
    return wallet.parent or _book_wallet(wallet.book, WalletKind.UNALLOCATED)


@transaction.atomic
def _move(
    verb: str,
    wallet: Wallet,
    move: Move,
    *,
    actor: Actor,
    idempotency_key: str,
    reason: str,
    label: str = "",
    nodes: Iterable[UUID] = (),
) -> Act:
    if not rules.is_movable(move.amount):
        raise InvalidAmount("Enter a number of credits above zero.")
    claim = claim_act(
        book=wallet.book,
        verb=verb,
        content={"wallet": wallet.pk, "amount": move.amount},
        actor=actor,
        idempotency_key=idempotency_key,
        reason=reason,
    )
    if claim.is_repeat:
        return claim.act
    ends = [end for end in (move.source, move.destination) if end is not None]
    others = Wallet.objects.filter(pk__in=ends).exclude(pk=wallet.pk)
    cycle, balances = lock_for(wallet.book, (wallet, *others))
    apply_moves(act=claim.act, cycle=cycle, balances=balances, moves=(move,))
    _record(
        verb,
        wallet,
        actor=actor,
        after=format_credits(move.amount),
        reason=reason,
        label=label,
        nodes=nodes,
    )
    return claim.act


def _record(
    verb: str,
    wallet: Wallet,
    *,
    actor: Actor,
    after: str,
    reason: str,
    label: str,
    nodes: Iterable[UUID],
    before: str | None = None,
) -> None:
    record(
        actor=actor,
        verb=verb,
        target=("wallet", wallet.pk, label or wallet.get_kind_display()),
        before={"credits": before} if before is not None else None,
        after={"credits": after},
        reason=reason,
        product=wallet.book.product,
        nodes=nodes,
    )


def _book_wallet(book: Book, kind: WalletKind) -> Wallet:
    return Wallet.objects.select_related("book").get(book=book, kind=kind)
