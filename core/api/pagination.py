"""Pages of a list by cursor: each begins after the last row of the one before.

Rows are in the order of their ids, which are time-ordered, so the primary key's index finds any
page as fast as the first, and rows that come or go meanwhile shift nothing. There are no counts.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core.kit.problems import InvalidInput

DEFAULT_LIMIT = 50
# What a client can still show at once, and what a query reads in some milliseconds.
LARGEST_LIMIT = 200

# Stands before the id in a cursor, so that another kind of cursor can be told apart later.
_KIND = b"\x01"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in order, and the cursor of those after them; None where there are no more."""

    items: Sequence[Any]
    next: str | None


def page_of(
    rows: QuerySet[Any], *, limit: int, cursor: str | None = None, newest_first: bool = False
) -> Page:
    """Return a page of rows.

    Raises:
        InvalidInput: the cursor is none of ours.
    """
    assert 1 <= limit <= LARGEST_LIMIT
    if cursor:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": id_of(cursor)})
    # One row more than asked tells whether there is a next page.
    found = list(rows.order_by("-pk" if newest_first else "pk")[: limit + 1])
    items = found[:limit]
    return Page(items, cursor_of(items[-1].pk) if len(found) > limit else None)


def cursor_of(row_id: UUID) -> str:
    """Return the cursor of what comes after a row. Clients pass it on and never read it."""
    return base64.urlsafe_b64encode(_KIND + row_id.bytes).decode().rstrip("=")


def id_of(cursor: str) -> UUID:
    """Return the id of the row that a page begins after.

    Raises:
        InvalidInput: the cursor is none of ours.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if raw[:1] != _KIND or len(raw) != 17:
        fault = {"parameter": "cursor", "code": "cursor", "detail": "Pass `next` on as it is."}
        raise InvalidInput("The cursor is none of ours.", errors=[fault])
    return UUID(bytes=raw[1:])
