"""People and places for tests of pages."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.hierarchy.product import Product
from core.hierarchy.services import members, memberships, nodes
from core.identity.models import User
from tests.cast import ORGANIZATION, TEAM, TESTS
from tests.clients import AccountClient
from tests.factories.identity import UserFactory


def organization_of(product: Product, name: str = ORGANIZATION) -> Any:
    return product.organization._default_manager.get(name=name)


def team_of(product: Product, name: str = TEAM) -> Any:
    return product.team._default_manager.get(name=name)


def member_of(product: Product, user: User) -> Any:
    return product.member._default_manager.get(user=user)


def add_organizations(product: Product, count: int) -> None:
    there = product.organization._default_manager.count()
    for number in range(there, there + count):
        nodes.create_organization(product=product, name=f"Division {number}", actor=TESTS)


def add_teams(product: Product, count: int) -> None:
    there = product.team._default_manager.filter(name__startswith="Squad").count()
    for number in range(there, there + count):
        nodes.create_team(
            product=product,
            organization=organization_of(product),
            name=f"Squad {number}",
            actor=TESTS,
        )


def add_members(product: Product, count: int) -> None:
    for _number in range(count):
        member = members.create_member(product=product, user=UserFactory(), actor=TESTS)
        memberships.place_member(
            product=product,
            member=member,
            organization=organization_of(product),
            team=team_of(product),
            actor=TESTS,
        )


def queries_of(client: AccountClient, path: str) -> int:
    """Return how many queries a page takes, the second time it is asked for."""
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    assert response.status_code == 200, response.status_code
    return len(captured)


Adding = Callable[[Product, int], None]
