"""Ada and Mia at Acme's pages, for each product in turn."""

from collections.abc import Callable

import pytest

from core.hierarchy.product import Product
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, branch_of


@pytest.fixture
def branch(acme: Account, product: Product) -> ProductBranch:
    """The product's branch with credits."""
    with in_account(acme):
        return branch_of(product)


@pytest.fixture
def ada_client(client_for: Callable[..., AccountClient], ada: User, acme: Account) -> AccountClient:
    """The account admin, signed in."""
    return client_for(ada, acme)


@pytest.fixture
def mia_client(client_for: Callable[..., AccountClient], mia: User, acme: Account) -> AccountClient:
    """A member, signed in."""
    return client_for(mia, acme)
