"""What is looked at after each step of a history: all of it by one statement, planned once."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

from django.db import connection

from core.credits.models import Book

_NUMBERS = itertools.count()

_LOOK = """
SELECT json_build_array(
    (SELECT COALESCE(json_agg(json_build_array(v.invariant, v.subject, v.detail)), '[]')
        FROM ledger_verify() v),
    (SELECT COALESCE(json_agg(json_build_array(c.number, b.wallet_id, b.credited, b.used,
            b.reserved, b.overrun, b.credit_limit)), '[]')
        FROM credits_balance b JOIN credits_cycle c ON c.id = b.cycle_id WHERE c.book_id = $1),
    (SELECT COALESCE(json_agg(json_build_array(c.number, c.state, c.rollover_left, s.used,
            s.covered, s.amount)), '[]')
        FROM credits_cycle c LEFT JOIN credits_overflowstatement s ON s.cycle_id = c.id
        WHERE c.book_id = $1),
    (SELECT COALESCE(json_agg(json_build_array(c.number, k.cap_id, k.used, k.reserved)), '[]')
        FROM credits_capcounter k
        JOIN credits_cap cap ON cap.id = k.cap_id
        JOIN credits_cycle c ON c.book_id = cap.book_id AND c.starts_at = k.window_start
        WHERE cap.book_id = $1),
    (SELECT COALESCE(json_agg(json_build_array(r.wallet_id, r.amount, r.mode, r.pinned, r.share,
            r.short, r.split_id IS NOT NULL)), '[]')
        FROM credits_allocationrule r JOIN credits_wallet w ON w.id = r.wallet_id
        WHERE w.book_id = $1))
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger holds at one moment, as rows; `broken` is what `ledger_verify` finds."""

    broken: list[Any]
    balances: list[Any]
    cycles: list[Any]
    counters: list[Any]
    rules: list[Any]


_WRITTEN = """
SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables
WHERE schemaname = current_schema() AND tablename SIMILAR TO '(credits|audit)\\_%%'
"""
_HISTORIES_BETWEEN = 5


class Checks:
    """Statements of one connection and account."""

    def __init__(self) -> None:
        self._look = f"look_{next(_NUMBERS)}"
        self._histories = 0
        with connection.cursor() as cursor:
            cursor.execute(f"PREPARE {self._look} (uuid) AS {_LOOK}")
            cursor.execute(_WRITTEN)
            self._written = cursor.fetchone()[0]

    def look(self, book: Book) -> Look:
        """Return what the account breaks and what the book holds."""
        with connection.cursor() as cursor:
            cursor.execute(f"EXECUTE {self._look} (%s)", [book.pk])
            found = cursor.fetchone()[0]
        return Look(*(json.loads(found) if isinstance(found, str) else found))

    def end_of_history(self) -> None:
        """Remove now and then what rolled back histories left, which every look would read."""
        self._histories += 1
        if self._histories % _HISTORIES_BETWEEN == 0:
            with connection.cursor() as cursor:
                cursor.execute(f"VACUUM (SKIP_DATABASE_STATS) {self._written}")
