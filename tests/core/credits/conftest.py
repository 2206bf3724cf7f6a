"""A branch of wallets inside Acme."""

from collections.abc import Iterator

import pytest

from tenants.models import Account
from tests.factories.credits import Branch, in_batches, open_branch


@pytest.fixture
def branch(in_acme: Account) -> Branch:
    """A book with 1,000 micro-credits unallocated, and nothing spills anywhere."""
    return open_branch(grant=1000)


@pytest.fixture
def spilling(in_acme: Account) -> Branch:
    """The same, and calls spill to team, organization and pool."""
    return open_branch(grant=1000, spill_team=True, spill_organization=True, spill_pool=True)


@pytest.fixture(params=("one by one", "in batches"))
def either_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways into the ledger: the same test must hold for each."""
    if request.param == "one by one":
        yield
        return
    with in_batches():
        yield
