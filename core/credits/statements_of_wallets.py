"""The statement of one wallet in one cycle: opening balance, movements, closing balance."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from core.credits.models import Balance, Cycle, Transfer, TransferKind, Wallet
from core.credits.refunds import Refund, refunds_into


@dataclass(frozen=True, slots=True)
class Line:
    """One movement in micro-credits, negative where credits left. `other` is the other end."""

    at: datetime
    verb: str
    kind: str
    amount: int
    other: UUID | None
    reason: str
    balance: int


@dataclass(frozen=True, slots=True)
class WalletStatement:
    """What happened to a wallet in a cycle; `closing` is what is there now, holds not deducted.

    `used` is what calls were charged, of which `refunds` came back.
    """

    opening: int
    lines: tuple[Line, ...]
    used: int
    reserved: int
    closing: int
    refunds: tuple[Refund, ...] = ()


def statement_of(wallet: Wallet, cycle: Cycle) -> WalletStatement:
    """Return the statement of a wallet in a cycle."""
    rows = (
        Transfer.objects.filter(Q(from_wallet=wallet) | Q(to_wallet=wallet), cycle=cycle)
        .select_related("act")
        .order_by("created_at", "id")
    )
    balance = Balance.objects.filter(wallet=wallet, cycle=cycle).first() or Balance()
    lines: list[Line] = []
    opening = running = 0
    for row in rows:
        is_in = row.to_wallet_id == wallet.pk
        amount = row.amount if is_in else -row.amount
        running += amount
        if not lines and _is_carried_in(row, is_in=is_in):
            opening += amount
            continue
        other = row.from_wallet_id if is_in else row.to_wallet_id
        kind = str(row.get_kind_display())
        lines.append(
            Line(row.created_at, row.act.verb, kind, amount, other, row.act.reason, running)
        )
    refunds = tuple(refunds_into(wallet, cycle))
    return WalletStatement(
        opening,
        tuple(lines),
        balance.used + sum(refund.amount for refund in refunds),
        balance.reserved,
        balance.credited - balance.used,
        refunds,
    )


def _is_carried_in(row: Transfer, *, is_in: bool) -> bool:
    """Whether a cycle begins with it: what rolled over into it, or was short in the one before.

    The same kinds the other way are how a cycle ends.
    """
    return row.kind == (TransferKind.ROLLOVER if is_in else TransferKind.ADJUST)
