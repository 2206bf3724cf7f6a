"""What the tests of the composition root share."""

import pytest

from console.models import Membership
from console.services.keys import NewKey, create_key
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS


@pytest.fixture
def key(acme: Account, mia: User) -> NewKey:
    with in_account(acme):
        place = Membership.objects.get(member__user=mia, is_primary=True)
        return create_key(account=acme, membership=place, name="laptop", actor=TESTS)
