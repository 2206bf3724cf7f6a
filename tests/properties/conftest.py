"""What the machines begin with."""

import pytest

from tenants.models import Account
from tests.properties.ledger_machine import Beginning, begin


@pytest.fixture
def beginning(in_acme: Account) -> Beginning:
    """A book, and its model."""
    return begin()
