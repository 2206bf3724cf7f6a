"""`Product`: one object that binds a product's tables to the engines."""

from dataclasses import dataclass

from core.hierarchy.models import (
    AbstractMember,
    AbstractMembership,
    AbstractOrganization,
    AbstractTeam,
)


@dataclass(frozen=True, slots=True)
class Product:
    """A product by its tables. `slug` stands in ledgers, audit entries, tokens and paths."""

    slug: str
    title: str
    organization: type[AbstractOrganization]
    team: type[AbstractTeam]
    member: type[AbstractMember]
    membership: type[AbstractMembership]


_products: dict[str, Product] = {}


def register(product: Product) -> None:
    """Make a product known; each product's AppConfig does so once."""
    _products[product.slug] = product


def products() -> tuple[Product, ...]:
    """Return every product."""
    return tuple(_products.values())


def product_named(slug: str) -> Product:
    """Return one product.

    Raises:
        KeyError: there is none of that name.
    """
    return _products[slug]
