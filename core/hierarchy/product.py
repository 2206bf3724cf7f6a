"""`Product`: one object that binds a product's tables to the engines."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from core.access import nodes
from core.access.nodes import KnownNode
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
    nodes.register(product.slug, partial(_known_nodes, product))


def products() -> tuple[Product, ...]:
    """Return every product."""
    return tuple(_products.values())


def product_named(slug: str) -> Product:
    """Return one product.

    Raises:
        KeyError: there is none of that name.
    """
    return _products[slug]


def _known_nodes(product: Product, ids: Collection[UUID]) -> dict[UUID, KnownNode]:
    """Return those of some nodes that there are, archived ones too; four queries."""
    branches: tuple[Any, ...] = (product.organization, product.team)
    found = {
        key: KnownNode(name, (key,))
        for model in branches
        for key, name in model._default_manager.filter(pk__in=ids).values_list("pk", "name")
    }
    members: Any = product.member._default_manager.filter(pk__in=ids)
    within = _places_of(product, ids)
    return found | {
        row.pk: KnownNode(str(row), within.get(row.pk, ()))
        for row in members.select_related("user")
    }


def _places_of(product: Product, members: Collection[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Return the teams and organizations where members are; `global` only of who is in no other."""
    # The abstract class does not know the keys that a product adds.
    memberships: Any = product.membership
    places = memberships._default_manager.filter(member__in=members, archived_at=None)
    named: dict[UUID, list[UUID]] = {}
    alone: dict[UUID, list[UUID]] = {}
    columns = ("member", "team", "organization", "organization__is_global")
    for member, team, organization, is_global in places.values_list(*columns):
        (alone if is_global else named).setdefault(member, []).append(team or organization)
    return {key: tuple(found) for key, found in (alone | named).items()}
