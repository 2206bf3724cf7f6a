"""Reading and writing many rules at once; each change is kept with its act."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from core.credits.errors import WalletMoved
from core.credits.models import Act, Book, Cycle, WalletKind
from core.credits.selectors import book_wallet
from core.credits.services.locking import BalanceRow, array_of, lock_balances, read_balances
from core.credits.split_rules import Spot, Standing, by_id
from core.kit.ids import many_uuid7

# Where a wallet stands, as the table has it: its parent, its depth, its kind.
_Places = dict[UUID, tuple[UUID | None, int, str]]


def standing_of(wallets: Iterable[UUID]) -> dict[UUID, Standing]:
    """Return the rules of those of these wallets that have one."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [array_of(set(wallets))])
        return _rules((wallet, values) for wallet, *values in cursor.fetchall())


def read_tree(
    book: Book, cycle: Cycle, wallets: Collection[UUID]
) -> tuple[dict[UUID, Spot], dict[UUID, BalanceRow], dict[UUID, Standing]]:
    """Return where wallets stand, with all above them, what these have, and the wallets' rules.

    What `lock_tree` and `standing_of` return, as it is now, for a preview.
    """
    unallocated = book_wallet(book, WalletKind.UNALLOCATED).pk
    with connection.cursor() as cursor:
        cursor.execute(_TREE, [cycle.pk, book.pk, array_of({*wallets, unallocated})])
        rows = cursor.fetchall()
    places = {row[0]: (_id_of(row[1]), row[2], row[3]) for row in rows}
    balances = {row[0]: BalanceRow(row[0], *row[3:8]) for row in rows}
    standing = _rules((row[0], row[8:]) for row in rows if row[8] is not None)
    above = {parent for parent, _, _ in places.values() if parent is not None} - places.keys()
    places.update(_places(book, above))
    balances.update(read_balances(cycle, places.keys() - balances.keys()))
    return _spots(places, unallocated), balances, standing


def spots_of(book: Book, wallets: Iterable[UUID]) -> dict[UUID, Spot]:
    """Return where those of these wallets stand that the book has, and all above them."""
    unallocated = book_wallet(book, WalletKind.UNALLOCATED).pk
    return _spots(_places(book, {*wallets, unallocated}), unallocated)


def lock_tree(
    book: Book, cycle: Cycle, wallets: Collection[UUID], *, with_unallocated: bool = False
) -> tuple[dict[UUID, Spot], dict[UUID, BalanceRow]]:
    """Lock the balances of wallets and of all above them; Unallocated's if it is needed.

    Raises:
        WalletMoved: one of them came to stand elsewhere while we waited.
    """
    unallocated = book_wallet(book, WalletKind.UNALLOCATED).pk
    wanted = {*wallets, unallocated}
    seen = _places(book, wanted)
    line = seen.keys() if with_unallocated else seen.keys() - {unallocated}
    balances = lock_balances(cycle, line)
    # Whoever moves a wallet holds its balance, so from here on the parents stay.
    if _places(book, wanted) != seen:
        raise WalletMoved("Somebody has just moved this to another place. Look again.")
    return _spots(seen, unallocated), balances


def rule_changes_of(act: Act) -> dict[UUID, tuple[Standing | None, Standing | None]]:
    """Return the rules that an act changed, as it found and as it left them."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, [act.pk])
        rows = cursor.fetchall()
    alike = {text: _standing_in(text) for text in {text for row in rows for text in row[1:]}}
    return {wallet: (alike[before], alike[after]) for wallet, before, after in rows}


def write_rules(
    *, act: Act, before: Mapping[UUID, Standing | None], after: Mapping[UUID, Standing | None]
) -> None:
    """Put the rules of wallets from `before` to `after`, None being none, and keep the change.

    `before` are the rules as they are, read under their locks.
    """
    changed = [
        wallet for wallet in before.keys() | after.keys() if before.get(wallet) != after.get(wallet)
    ]
    if not changed:
        return
    changed.sort(key=by_id)
    new = [(wallet, after.get(wallet)) for wallet in changed]
    kept = _columns([(wallet, rule) for wallet, rule in new if rule is not None])
    gone = [wallet for wallet, rule in new if rule is None]
    with connection.cursor() as cursor:
        # First, while the table still has the rules as they were.
        cursor.execute(_KEEP, [act.pk, array_of(changed), _array(many_uuid7(len(changed))), *kept])
        if gone:
            cursor.execute(_DELETE, [array_of(gone)])
        if len(gone) < len(new):
            cursor.execute(_UPSERT, kept)


def _rules(rows: Iterable[tuple[UUID, Sequence[Any]]]) -> dict[UUID, Standing]:
    """Return rules of their columns. Of a split thousands are alike: one stands for all."""
    alike: dict[tuple[Any, ...], Standing] = {}
    found = {}
    for wallet, values in rows:
        key = tuple(values)
        if key not in alike:
            amount, mode, pinned, share, split, short = key
            alike[key] = Standing(amount, mode, pinned, share, _id_of(split), short)
        found[wallet] = alike[key]
    return found


def _standing_in(text: str | None) -> Standing | None:
    return Standing.from_json(json.loads(text)) if text is not None else None


@lru_cache(maxsize=4096)
def _id_of(text: str | None) -> UUID | None:
    """Read an id that stands in thousands of rows."""
    return UUID(text) if text is not None else None


def _places(book: Book, wallets: Collection[UUID]) -> _Places:
    places: _Places = {}
    missing = set(wallets)
    with connection.cursor() as cursor:
        while missing:
            cursor.execute(_PLACES, [book.pk, array_of(missing)])
            found = {row[0]: (_id_of(row[1]), row[2], row[3]) for row in cursor.fetchall()}
            places.update(found)
            parents = {parent for parent, _, _ in found.values() if parent is not None}
            missing = parents - places.keys()
    return places


def _spots(places: _Places, unallocated: UUID) -> dict[UUID, Spot]:
    return {
        pk: Spot(unallocated if parent is None and pk != unallocated else parent, depth, kind)
        for pk, (parent, depth, kind) in places.items()
    }


def _columns(rules: Sequence[tuple[UUID, Standing]]) -> list[str]:
    """Return rules as arrays, one for each column."""
    return [
        array_of(wallet for wallet, _ in rules),
        _array(str(rule.amount) for _, rule in rules),
        _array(rule.mode for _, rule in rules),
        _array("t" if rule.pinned else "f" for _, rule in rules),
        _array(str(rule.share) for _, rule in rules),
        array_of(rule.split for _, rule in rules),
        _array(str(rule.short) for _, rule in rules),
    ]


def _array(words: Iterable[str]) -> str:
    return "{" + ",".join(words) + "}"


_STANDING = """
SELECT wallet_id, amount, mode, pinned, share, split_id::text, short FROM credits_allocationrule
WHERE wallet_id IN (SELECT unnest(%s::uuid[]))
"""

_TREE = """
SELECT w.id, w.parent_id::text, w.depth, w.kind, b.credited, b.credit_limit, b.used, b.reserved,
    r.amount, r.mode, r.pinned, r.share, r.split_id::text, r.short
FROM credits_wallet w
JOIN credits_balance b ON b.wallet_id = w.id AND b.cycle_id = %s
LEFT JOIN credits_allocationrule r ON r.wallet_id = w.id
WHERE w.book_id = %s AND w.id IN (SELECT unnest(%s::uuid[]))
"""

_CHANGES = """
SELECT wallet_id, before::text, after::text FROM credits_rulechange WHERE act_id = %s
"""

_PLACES = """
SELECT id, parent_id::text, depth, kind FROM credits_wallet
WHERE book_id = %s AND id IN (SELECT unnest(%s::uuid[]))
"""

_DELETE = """
DELETE FROM credits_allocationrule WHERE wallet_id IN (SELECT unnest(%s::uuid[]))
"""

_UPSERT = """
INSERT INTO credits_allocationrule
    (wallet_id, amount, mode, pinned, share, split_id, short, changed_at)
SELECT r.*, now()
FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::bool[], %s::bigint[], %s::uuid[],
    %s::bigint[]) AS r (wallet_id, amount, mode, pinned, share, split_id, short)
ON CONFLICT (wallet_id) DO UPDATE SET
    amount = EXCLUDED.amount, mode = EXCLUDED.mode, pinned = EXCLUDED.pinned,
    share = EXCLUDED.share, split_id = EXCLUDED.split_id, short = EXCLUDED.short,
    changed_at = EXCLUDED.changed_at
"""

# What `Standing.from_json` reads.
_VALUES = """jsonb_build_object(
    'amount', {0}.amount, 'mode', {0}.mode, 'pinned', {0}.pinned, 'share', {0}.share,
    'split', {0}.split_id, 'short', {0}.short)"""

_KEEP = f"""
INSERT INTO credits_rulechange (act_id, wallet_id, id, before, after)
SELECT %s, changed.wallet_id, changed.id,
    CASE WHEN old.wallet_id IS NOT NULL THEN {_VALUES.format("old")} END,
    CASE WHEN new.wallet_id IS NOT NULL THEN {_VALUES.format("new")} END
FROM unnest(%s::uuid[], %s::uuid[]) AS changed (wallet_id, id)
LEFT JOIN credits_allocationrule old ON old.wallet_id = changed.wallet_id
LEFT JOIN unnest(%s::uuid[], %s::bigint[], %s::text[], %s::bool[], %s::bigint[], %s::uuid[],
    %s::bigint[]) AS new (wallet_id, amount, mode, pinned, share, split_id, short)
    ON new.wallet_id = changed.wallet_id
"""  # noqa: S608 (nothing but our own words)
