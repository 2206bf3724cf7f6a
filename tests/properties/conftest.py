"""What the machines begin with."""

import pytest

from tenants.models import Account
from tests.properties.ledger_machine import Beginning, begin


@pytest.fixture
def beginning(transactional_accounts: None, in_acme: Account) -> Beginning:
    """A book, and its model; committed, so that each history is one transaction."""
    return begin()
