"""A kind of news for tests, and Acme as the place where they happen."""

from collections.abc import Iterator

import pytest

from core.notifications import kinds
from core.tenancy.context import in_account
from tenants.models import Account

QUIET = kinds.register("tests.quiet", label="Quiet", sentence="{who} said {what}", icon="forum")
LOUD = kinds.register("tests.loud", label="Loud", sentence="{what}!", tone="warn", by_mail=True)


@pytest.fixture
def in_acme(acme: Account) -> Iterator[Account]:
    with in_account(acme):
        yield acme
