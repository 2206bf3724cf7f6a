"""How many keys work for some memberships; a product with keys says how to count them."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from core.hierarchy.product import Product

CountKeys = Callable[["QuerySet[Any]"], int]

_counters: dict[str, CountKeys] = {}


def register_keys(product_slug: str, count: CountKeys) -> None:
    """Let a product count the keys that work for the memberships of a queryset."""
    _counters[product_slug] = count


def working_keys_of(product: Product, memberships: "QuerySet[Any]") -> int | None:
    """Return how many keys work for memberships; None where the product has no keys."""
    count = _counters.get(product.slug)
    return None if count is None else count(memberships)
