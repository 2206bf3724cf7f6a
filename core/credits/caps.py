"""Reads of caps: what each admits in the window that runs now."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from core.credits.models import Book


@dataclass(frozen=True, slots=True)
class CapState:
    """One cap with what its current window has counted, in micro-credits."""

    id: UUID
    subject: UUID
    window: str
    amount: int
    used: int
    reserved: int

    @property
    def free(self) -> int:
        """What it still admits."""
        return max(self.amount - self.used - self.reserved, 0)


def caps_of(book: Book, subject: UUID) -> list[CapState]:
    """Return the caps of a node or key, with the same windows as reservations count in."""
    return caps_of_all(book, [subject])


def caps_of_all(book: Book, subjects: Iterable[UUID]) -> list[CapState]:
    """Return the caps of some nodes or keys, the least first."""
    with connection.cursor() as cursor:
        cursor.execute(_CAPS, [book.pk, list(subjects)])
        return [CapState(*row) for row in cursor.fetchall()]


_CAPS = """
SELECT c.id, c.subject, c."window", c.amount, COALESCE(k.used, 0), COALESCE(k.reserved, 0)
FROM credits_cap c
JOIN credits_book b ON b.id = c.book_id
JOIN credits_cycle y ON y.book_id = c.book_id AND y.state = 'open'
LEFT JOIN credits_capcounter k ON k.cap_id = c.id AND k.window_start = CASE c."window"
    WHEN 'cycle' THEN y.starts_at
    ELSE date_trunc(c."window", clock_timestamp() AT TIME ZONE b.time_zone)
        AT TIME ZONE b.time_zone
    END
WHERE c.book_id = %s AND c.subject = ANY(%s)
ORDER BY c.amount
"""
