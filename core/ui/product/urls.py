"""Routes of a product's own pages. Both products have the same ones, so each builds its own set.

A module of this package offers `urls(site: ProductSite)`: its routes, closed over the product.
Mounted below `/<product>/` under the product's name: `reverse("copilot:overview")`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.urls import URLPattern

from core.hierarchy.product import Product
from core.ui.product.first_steps import Step, client_app_step


@dataclass(frozen=True, slots=True)
class ProductSite:
    """What a product's pages are built from.

    `offered_llms(account_id, product_slug)` returns the LLMs that the super admin offers,
    `withheld_features` of the same the features that the account may not have, and
    `credit_factor(account_id)` the credits for one US dollar. They live in the public schema,
    which the core does not know. `connect_step` is how a program is connected for the first time.
    """

    product: Product
    offered_llms: Callable[[object, str], Sequence[Any]]
    credit_factor: Callable[[object], Decimal]
    withheld_features: Callable[[object, str], frozenset[str]]
    connect_step: Callable[[Product], Step] = client_app_step

    @property
    def slug(self) -> str:
        """The product's name in paths and codenames."""
        return self.product.slug

    def permission(self, name: str) -> str:
        """Return the product's codename for `name`, such as `copilot.view_usage`."""
        return f"{self.product.slug}.{name}"


def product_urls(
    product: Product,
    *,
    offered_llms: Callable[[object, str], Sequence[Any]],
    credit_factor: Callable[[object], Decimal],
    withheld_features: Callable[[object, str], frozenset[str]],
    connect_step: Callable[[Product], Step] = client_app_step,
) -> list[URLPattern]:
    """Return every route of one product's pages."""
    from core.ui.product import (
        administrators,
        audit,
        client_key,
        clients,
        credits,
        effective,
        features,
        guardrails,
        llm_access,
        llms,
        many,
        me,
        overview,
        refused,
        sharing,
        usage,
    )

    site = ProductSite(product, offered_llms, credit_factor, withheld_features, connect_step)
    return [
        *overview.urls(site),
        *me.urls(site),
        *credits.urls(site),
        *administrators.urls(site),
        *usage.urls(site),
        *llms.urls(site),
        *many.urls(site),
        *llm_access.urls(site),
        *features.urls(site),
        *effective.urls(site),
        *refused.urls(site),
        *sharing.urls(site),
        *guardrails.urls(site),
        *clients.urls(site),
        *client_key.urls(site),
        *audit.urls(site),
    ]
