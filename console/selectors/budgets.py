"""Reads of keys' budgets: caps of the ledger whose subject is a key."""

from collections.abc import Iterable
from uuid import UUID

from console.product import PRODUCT
from core.credits.caps import CapState, caps_of_all
from core.credits.models import Book, Cap
from core.credits.selectors import book_of


def budget_of(key_id: UUID) -> CapState | None:
    """Return a key's budget with what its window has seen, or None where it has none."""
    return budgets_of([key_id]).get(key_id)


def budgets_of(key_ids: Iterable[UUID]) -> dict[UUID, CapState]:
    """Return the budgets of some keys, in one query for all."""
    caps = caps_of_all(book_of(PRODUCT.slug), key_ids)
    return {cap.subject: cap for cap in reversed(caps)}


def caps_of_key(key_id: UUID) -> tuple[Book, list[Cap]]:
    """Return Console's book and the caps of a key in it."""
    book = book_of(PRODUCT.slug)
    return book, list(Cap.objects.filter(book=book, subject=key_id).select_related("book"))
