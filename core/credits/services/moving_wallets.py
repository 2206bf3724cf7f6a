"""The ledger's side of a move: a node's wallet comes to hang below another parent.

Whose money travels: a team's credits are that team's, so they go with it, with its rule and with
all that its members hold. A membership leaves a team, and what it did not use is the team's: it
goes back up, and so does the standing promise. What is used stays where it was used, and open
reservations keep the payers they have.
"""

from dataclasses import dataclass

from django.db import transaction

from core.audit.services import Actor
from core.credits import rules, verbs
from core.credits.models import AllocationRule, TransferKind, Wallet, WalletKind
from core.credits.rules import Move
from core.credits.services.allocating import source_of
from core.credits.services.moving import apply_moves, claim_act, lock_for
from core.kit.ids import uuid7


@dataclass(frozen=True, slots=True)
class MovedCredits:
    """What a move did to a wallet, in micro-credits: it kept that much, and gave back that much."""

    kept: int
    given_back: int


@transaction.atomic
def move_wallet(
    *, wallet: Wallet, parent: Wallet | None, actor: Actor, reason: str = ""
) -> MovedCredits:
    """Hang a team's or a membership's wallet below another parent of the same book.

    Part of the caller's act: it writes no audit entry of its own. `wallet` is as it was read
    after the caller locked its node.

    Raises:
        WalletMoved: it hangs elsewhere by now.
    """
    assert wallet.kind in {WalletKind.TEAM, WalletKind.MEMBERSHIP}
    assert parent is None or parent.book_id == wallet.book_id
    assert rules.depth_of(wallet.kind, parent.kind if parent else None) == wallet.depth
    act = claim_act(
        book=wallet.book,
        verb=verbs.WALLET_MOVED,
        content={"wallet": wallet.pk, "parent": parent.pk if parent else None},
        actor=actor,
        idempotency_key=f"move {uuid7()}",
        reason=reason,
    ).act
    source = source_of(wallet)
    # Calls lock the wallet first, so none is halfway through its payers while the parent changes.
    cycle, balances = lock_for(wallet.book, (wallet, source))
    free = max(balances[wallet.pk].free, 0)
    given_back = free if wallet.kind == WalletKind.MEMBERSHIP else 0
    if wallet.kind == WalletKind.MEMBERSHIP:
        AllocationRule.objects.filter(wallet=wallet).delete()
    moves = (Move(wallet.pk, source.pk, given_back, TransferKind.RECLAIM),) if given_back else ()
    apply_moves(act=act, cycle=cycle, balances=balances, moves=moves)
    Wallet.objects.filter(pk=wallet.pk).update(parent=parent)
    wallet.parent = parent
    return MovedCredits(kept=free - given_back, given_back=given_back)
