"""Reading and writing many rules at once; each change is kept with its act."""

import json
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from django.db import connection

from core.credits.errors import WalletMoved
from core.credits.models import Act, AllocationRule, Balance, Book, Cycle, Wallet, WalletKind
from core.credits.selectors import book_wallet
from core.credits.services.locking import among, lock_balances
from core.credits.split_rules import Spot, Standing
from core.kit.ids import uuid7

_FIELDS = ("wallet_id", "amount", "mode", "pinned", "share", "split_id")


def standing_of(wallets: Iterable[UUID]) -> dict[UUID, Standing]:
    """Return the rules of those of these wallets that have one."""
    rows = AllocationRule.objects.filter(wallet_id__in=among(wallets)).values_list(*_FIELDS)
    return {wallet: Standing(*values) for wallet, *values in rows}


def spots_of(book: Book, wallets: Iterable[UUID]) -> dict[UUID, Spot]:
    """Return where those of these wallets stand that the book has, and all above them."""
    unallocated = book_wallet(book, WalletKind.UNALLOCATED).pk
    spots: dict[UUID, Spot] = {}
    missing = {*wallets, unallocated}
    while missing:
        rows = Wallet.objects.filter(book=book, pk__in=among(missing))
        found = {
            pk: Spot(_above(pk, parent, unallocated), depth, kind)
            for pk, parent, depth, kind in rows.values_list("pk", "parent_id", "depth", "kind")
        }
        spots.update(found)
        missing = {spot.parent for spot in found.values() if spot.parent is not None} - spots.keys()
    return spots


def lock_tree(
    book: Book, cycle: Cycle, wallets: Collection[UUID], *, with_unallocated: bool = False
) -> tuple[dict[UUID, Spot], dict[UUID, Balance]]:
    """Lock the balances of wallets and of all above them; Unallocated's if it is needed.

    Raises:
        WalletMoved: one of them came to stand elsewhere while we waited.
    """
    seen = spots_of(book, wallets)
    line = [wallet for wallet, spot in seen.items() if with_unallocated or spot.parent is not None]
    balances = lock_balances(cycle, line)
    # Whoever moves a wallet holds its balance, so from here on the parents stay.
    if spots_of(book, wallets) != seen:
        raise WalletMoved("Somebody has just moved this to another place. Look again.")
    return seen, balances


def write_rules(
    *, act: Act, before: Mapping[UUID, Standing | None], after: Mapping[UUID, Standing | None]
) -> None:
    """Put the rules of wallets from `before` to `after`, None being none, and keep the change."""
    changed = sorted(
        wallet for wallet in before.keys() | after.keys() if before.get(wallet) != after.get(wallet)
    )
    if not changed:
        return
    new = {wallet: after.get(wallet) for wallet in changed}
    kept = {wallet: rule for wallet, rule in new.items() if rule is not None}
    gone = [wallet for wallet, rule in new.items() if rule is None]
    with connection.cursor() as cursor:
        if gone:
            cursor.execute(
                "DELETE FROM credits_allocationrule WHERE wallet_id = ANY(%s::uuid[])", [gone]
            )
        if kept:
            cursor.execute(
                _UPSERT,
                [
                    list(kept),
                    [rule.amount for rule in kept.values()],
                    [rule.mode for rule in kept.values()],
                    [rule.pinned for rule in kept.values()],
                    [rule.share for rule in kept.values()],
                    [rule.split for rule in kept.values()],
                ],
            )
        cursor.execute(
            _KEEP,
            [
                act.pk,
                [uuid7() for _ in changed],
                changed,
                [_text(before.get(wallet)) for wallet in changed],
                [_text(after.get(wallet)) for wallet in changed],
            ],
        )


def _above(wallet: UUID, parent: UUID | None, unallocated: UUID) -> UUID | None:
    if parent is None and wallet != unallocated:
        return unallocated
    return parent


def _text(rule: Standing | None) -> str | None:
    return json.dumps(rule.as_json()) if rule else None


_UPSERT = """
INSERT INTO credits_allocationrule
    (wallet_id, amount, mode, pinned, share, split_id, changed_at)
SELECT r.*, now()
FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::bool[], %s::bigint[], %s::uuid[])
    AS r (wallet_id, amount, mode, pinned, share, split_id)
ON CONFLICT (wallet_id) DO UPDATE SET
    amount = EXCLUDED.amount, mode = EXCLUDED.mode, pinned = EXCLUDED.pinned,
    share = EXCLUDED.share, split_id = EXCLUDED.split_id, changed_at = EXCLUDED.changed_at
"""

_KEEP = """
INSERT INTO credits_rulechange (act_id, id, wallet_id, before, after)
SELECT %s, r.id, r.wallet_id, r.before::jsonb, r.after::jsonb
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[]) AS r (id, wallet_id, before, after)
"""
