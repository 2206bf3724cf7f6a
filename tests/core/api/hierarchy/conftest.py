"""Somebody who speaks to the REST API, for each product in turn."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from core.hierarchy.product import Product
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import ORGANIZATION, TEAM
from tests.clients import AccountClient
from tests.core.api.rest import Rest

NOBODY_IS = UUID(int=7)


@pytest.fixture
def rest(
    client_for: Callable[..., AccountClient], ada: User, acme: Account, product: Product
) -> Rest:
    """Ada, who administers all of Acme."""
    return Rest(client_for(ada, acme), product)


@pytest.fixture
def mias(
    client_for: Callable[..., AccountClient], mia: User, acme: Account, product: Product
) -> Rest:
    """Mia, who administers nothing."""
    return Rest(client_for(mia, acme), product)


@pytest.fixture
def nobodys(client_for: Callable[..., AccountClient], acme: Account, product: Product) -> Rest:
    """Nobody in particular."""
    return Rest(client_for(None, acme), product)


@pytest.fixture
def inside(acme: Account) -> Iterator[None]:
    """The test itself works inside Acme."""
    with in_account(acme):
        yield


@pytest.fixture
def marketing(inside: None, product: Product) -> Any:
    return product.organization._default_manager.get(name=ORGANIZATION)


@pytest.fixture
def content(inside: None, product: Product) -> Any:
    return product.team._default_manager.get(name=TEAM)


@pytest.fixture
def mia_member(inside: None, product: Product, mia: User) -> Any:
    return product.member._default_manager.get(user=mia)


@pytest.fixture
def in_globex(globex: Account, product: Product) -> dict[str, UUID]:
    """Ids of Globex: what looks like Acme's Marketing, Content and its member."""
    with in_account(globex):
        team: Any = product.team._default_manager.get(name=TEAM)
        place: Any = product.membership._default_manager.filter(team=team).first()  # type: ignore[misc]
        return {
            "organization": team.organization_id,
            "team": team.pk,
            "member": place.member_id,
            "membership": place.pk,
        }
