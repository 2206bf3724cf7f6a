"""The bell of the header."""

from typing import Any

from django import template

from core.notifications.selectors import unread_count
from core.notifications.unread import MOST

register = template.Library()


@register.simple_tag
def unread_of(user: Any) -> int:
    """How many notifications the person has not read; kept in the cache between pages."""
    return unread_count(user)


@register.filter
def at_most_two_digits(number: int) -> str:
    """A number for a small badge: beyond 99 it is 99+."""
    return f"{MOST - 1}+" if number >= MOST else str(number)
