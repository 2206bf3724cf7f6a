"""The ledger's side of a move: a node's wallet comes to hang below another parent.

Whose money travels: a team's credits are that team's, so they go with it, with its rule and with
all that its members hold. A membership leaves a team, and what it did not use is the team's: it
goes back up, and so does the standing promise. In its new place it is a joiner, which the caller
asks to be served. A share that a team or its members have of the organization they leave becomes
an amount of their own. What is used stays where it was used, and open reservations keep the payers
they have.
"""

from dataclasses import dataclass

from django.db import transaction

from core.audit.services import Actor
from core.credits import rules, verbs
from core.credits.models import Wallet, WalletKind
from core.credits.services.joining import give_back, make_own, shares_below
from core.credits.services.locking import hold_cycle, hold_splits, lock_balances
from core.credits.services.moving import claim_act, lock_for
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
    book = wallet.book
    cycle = hold_cycle(book)
    hold_splits(book)
    sharing = () if wallet.parent_id is None else shares_below(wallet, source=wallet.parent_id)
    lock_balances(cycle, {wallet.pk, *sharing})
    # Calls lock the wallet first, so none is halfway through its payers while the parent changes.
    _, balances = lock_for(book, (wallet,))
    free = max(balances[wallet.pk].free, 0)
    given_back = 0
    if wallet.kind == WalletKind.MEMBERSHIP:
        given_back = give_back(act=act, cycle=cycle, wallet=wallet)
    else:
        make_own(act=act, wallets=sharing)
    Wallet.objects.filter(pk=wallet.pk).update(parent=parent)
    wallet.parent = parent
    return MovedCredits(kept=free - given_back, given_back=given_back)
