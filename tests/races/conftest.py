"""An account with real commits, for races about its ledger."""

from collections.abc import Iterator

import pytest

from core.credits.invariants import broken_invariants
from tenants.models import Account
from tests.factories.credits import Branch, allocate, open_branch


@pytest.fixture
def raced(transactional_accounts: None, in_acme: Account) -> Iterator[Account]:
    """Acme with real commits; at the end, nothing is broken."""
    yield in_acme
    assert broken_invariants() == []


@pytest.fixture
def branch(raced: Account) -> Branch:
    """The membership has 100 of its own; its team and organization have plenty."""
    found = open_branch(grant=10_000)
    allocate(found.organization, 5_000)
    allocate(found.team, 2_000)
    allocate(found.membership, 100)
    return found
