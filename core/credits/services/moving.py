"""Acts and their transfers: what every service that moves credits shares."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from core.audit.services import Actor
from core.credits import rules
from core.credits.errors import AlreadyUndone, IdempotencyMismatch, WalletMoved, not_enough_in
from core.credits.models import Act, Book, Cycle, Wallet
from core.credits.rules import Move
from core.credits.services.locking import BalanceRow, array_of, hold_cycle, lock_balances
from core.kit.ids import many_uuid7, uuid7


@dataclass(frozen=True, slots=True)
class Claim:
    """An act that is ours to do, or that was done before."""

    act: Act
    is_repeat: bool


def claim_act(
    *,
    book: Book,
    verb: str,
    content: Mapping[str, Any],
    actor: Actor,
    idempotency_key: str,
    reason: str,
    undoes: Act | None = None,
) -> Claim:
    """Take an idempotency key, or find who had it. Of two at the same moment, one waits here.

    Raises:
        IdempotencyMismatch: the key was used for another act, or for other `content`.
    """
    assert connection.in_atomic_block, "A key is given back if the act fails."
    assert 0 < len(idempotency_key) <= 200
    act = Act(
        id=uuid7(),
        book=book,
        verb=verb,
        idempotency_key=idempotency_key,
        fingerprint=rules.fingerprint_of(verb, {"book": book.pk, **content}),
        actor_kind=actor.kind,
        actor_id=actor.id,
        reason=reason[:500],
        undoes=undoes,
    )
    Act.objects.bulk_create([act], ignore_conflicts=True)
    winner = Act.objects.filter(idempotency_key=idempotency_key).first()
    if winner is None:
        # It was another conflict: somebody has undone the same act.
        raise AlreadyUndone("This was undone before.")
    if winner.fingerprint != act.fingerprint:
        raise IdempotencyMismatch(
            "This idempotency key was used for something else.", key=idempotency_key
        )
    return Claim(winner, is_repeat=winner.pk != act.pk)


def lock_for(book: Book, wallets: Sequence[Wallet]) -> tuple[Cycle, dict[UUID, BalanceRow]]:
    """Hold the open cycle and lock the balances of `wallets` in it.

    Raises:
        WalletMoved: one has another parent now than when it was read.
    """
    cycle = hold_cycle(book)
    balances = lock_balances(cycle, (wallet.pk for wallet in wallets))
    # Whoever moves a wallet holds its balance, so from here on the parents stay.
    parents = dict(Wallet.objects.filter(pk__in=balances).values_list("pk", "parent_id"))
    for wallet in wallets:
        if parents[wallet.pk] != wallet.parent_id:
            raise WalletMoved("Somebody has just moved this to another place. Look again.")
    return cycle, balances


def apply_moves(
    *, act: Act, cycle: Cycle, balances: Mapping[UUID, BalanceRow], moves: Sequence[Move]
) -> None:
    """Move credits between locked balances and write a transfer for each move.

    Raises:
        InsufficientCredits: a wallet would give more than it has free.
    """
    deltas = {wallet: delta for wallet, delta in rules.deltas_of(moves).items() if delta != 0}
    for wallet_id, delta in deltas.items():
        balance = balances[wallet_id]
        if delta < 0 and balance.credited - balance.used - balance.reserved < -delta:
            raise not_enough_in(wallet_id, kind=balance.kind, free=balance.free, asked=-delta)
    with connection.cursor() as cursor:
        # Few or ten thousand: one statement each.
        if deltas:
            cursor.execute(_CREDIT, [array_of(deltas), _numbers(deltas.values()), cycle.pk])
            assert cursor.rowcount == len(deltas), "Every balance was locked, so it is there."
        if moves:
            cursor.execute(_TRANSFER, _transfers(act, cycle, moves))


def _transfers(act: Act, cycle: Cycle, moves: Sequence[Move]) -> list[Any]:
    return [
        act.pk,
        act.book_id,
        cycle.pk,
        # In order, so that a history by id reads as the moves were meant.
        "{" + ",".join(many_uuid7(len(moves))) + "}",
        array_of(move.source for move in moves),
        array_of(move.destination for move in moves),
        _numbers(move.amount for move in moves),
        "{" + ",".join([move.kind for move in moves]) + "}",
    ]


def _numbers(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


# What comes in covers an overrun first. Nothing here may make one.
_CREDIT = """
UPDATE credits_balance b SET
    credited = b.credited + d.delta,
    overrun = LEAST(b.overrun, GREATEST(
        b.used + b.reserved - b.credited - d.delta - b.credit_limit, 0))
FROM unnest(%s::uuid[], %s::bigint[]) AS d (wallet_id, delta)
WHERE b.wallet_id = d.wallet_id AND b.cycle_id = %s
"""

_TRANSFER = """
INSERT INTO credits_transfer
    (act_id, book_id, cycle_id, id, from_wallet_id, to_wallet_id, amount, kind, created_at)
SELECT %s, %s, %s, t.*, now()
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::text[])
    AS t (id, from_wallet_id, to_wallet_id, amount, kind)
"""
