"""What is looked at after each step of a history: prepared once, since planning is most of it."""

import itertools
import json
from typing import Any

from django.db import connection

from core.credits.models import Book

_NUMBERS = itertools.count()

_FIGURES = """
SELECT json_build_array(
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
        WHERE cap.book_id = $1))
"""


class Checks:
    """Statements of one connection and account."""

    def __init__(self) -> None:
        number = next(_NUMBERS)
        self._verify, self._figures = f"verify_{number}", f"figures_{number}"
        with connection.cursor() as cursor:
            cursor.execute(f"PREPARE {self._verify} AS SELECT * FROM ledger_verify()")
            cursor.execute(f"PREPARE {self._figures} (uuid) AS {_FIGURES}")

    def broken_invariants(self) -> list[tuple[str, str, str]]:
        """Return what `core.credits.invariants` would."""
        with connection.cursor() as cursor:
            cursor.execute(f"EXECUTE {self._verify}")
            return [(row[0], row[1], row[2]) for row in cursor.fetchall()]

    def figures(self, book: Book) -> tuple[list[Any], list[Any], list[Any]]:
        """Return a book's balances, cycles and counters of caps."""
        with connection.cursor() as cursor:
            cursor.execute(f"EXECUTE {self._figures} (%s)", [book.pk])
            found = cursor.fetchone()[0]
        balances, cycles, counters = json.loads(found) if isinstance(found, str) else found
        return balances, cycles, counters
