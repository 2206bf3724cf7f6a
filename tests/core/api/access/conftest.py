"""Somebody who asks the REST API about access, and two LLMs that are on."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.access.services import switch_llm_on
from core.hierarchy.product import Product
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account, Llm
from tests.cast import ORGANIZATION, TEAM, TESTS
from tests.clients import AccountClient
from tests.core.api.rest import Rest
from tests.factories.tenants import LlmFactory


@pytest.fixture
def rest(
    client_for: Callable[..., AccountClient], ada: User, acme: Account, product: Product
) -> Rest:
    """Ada, who administers all of Acme."""
    return Rest(client_for(ada, acme), product)


@pytest.fixture
def olgas(
    client_for: Callable[..., AccountClient], olga: User, acme: Account, product: Product
) -> Rest:
    """Olga, who administers Marketing."""
    return Rest(client_for(olga, acme), product)


@pytest.fixture
def inside(acme: Account) -> Iterator[None]:
    """The test itself works inside Acme."""
    with in_account(acme):
        yield


@pytest.fixture
def marketing(inside: None, product: Product) -> Any:
    return product.organization._default_manager.get(name=ORGANIZATION)


@pytest.fixture
def content(inside: None, product: Product, mia: User) -> Any:
    """The team that Mia, and nobody else, is a member of."""
    return product.team._default_manager.get(name=TEAM)


@pytest.fixture
def mia_member(inside: None, product: Product, mia: User) -> Any:
    return product.member._default_manager.get(user=mia)


@pytest.fixture
def llms(acme: Account, product: Product) -> tuple[Llm, Llm]:
    """Two LLMs that are on."""
    made = (
        LlmFactory(name="gpt-5", title="GPT-5", offered_to=acme),
        LlmFactory(name="haiku", title="Haiku", offered_to=acme),
    )
    with in_account(acme):
        for llm in made:
            switch_llm_on(product=product.slug, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    return made
