"""A branch of wallets inside Acme."""

import pytest

from tenants.models import Account
from tests.factories.credits import Branch, open_branch


@pytest.fixture
def branch(in_acme: Account) -> Branch:
    """A book with 1,000 micro-credits unallocated, and nothing spills anywhere."""
    return open_branch(grant=1000)


@pytest.fixture
def spilling(in_acme: Account) -> Branch:
    """The same, and calls spill to team, organization and pool."""
    return open_branch(grant=1000, spill_team=True, spill_organization=True, spill_pool=True)
