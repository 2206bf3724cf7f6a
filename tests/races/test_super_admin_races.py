"""Super admins who do the same thing at the same moment."""

from decimal import Decimal
from functools import partial

import pytest

from core.hierarchy.product import product_named
from core.identity import services as identity
from core.identity.models import User
from core.kit.ids import uuid7
from core.kit.problems import Problem
from core.tenancy.context import in_public
from tenants.errors import SlugTaken
from tenants.models import Account, CreditFactor
from tenants.selectors import standing_of
from tenants.services import accounts, credits, super_admins
from tests.cast import PASSWORD, TESTS, actor_of
from tests.threads import run_together

CREDIT = 1_000_000


def test_one_short_name_makes_one_account(transactional_accounts: None) -> None:
    def create(number: int) -> Account:
        return accounts.create_account(
            name=f"Initech {number}",
            slug="initech",
            admin_email=f"a{number}@initech.example",
            actor=TESTS,
        ).account

    made = run_together([partial(create, number) for number in range(3)])

    assert len([result for result in made if isinstance(result, Account)]) == 1
    assert len([result for result in made if isinstance(result, SlugTaken)]) == 2
    assert Account.objects.filter(slug="initech").count() == 1


def test_one_form_sent_twice_makes_one_account(transactional_accounts: None) -> None:
    account_id = uuid7()

    def create() -> Account:
        return accounts.create_account(
            name="Initech",
            slug="initech",
            admin_email="a@initech.example",
            account_id=account_id,
            actor=TESTS,
        ).account

    made = run_together([create, create])

    assert len([result for result in made if isinstance(result, SlugTaken)]) == 1
    assert Account.objects.get(slug="initech").pk == account_id


def test_a_double_click_gives_credits_once(transactional_accounts: None, acme: Account) -> None:
    def top_up() -> None:
        credits.top_up_account(
            account=acme,
            product="copilot",
            amount=100 * CREDIT,
            reason="Goodwill",
            idempotency_key="one form",
            actor=TESTS,
        )

    results = run_together([top_up] * 4)

    assert results == [None] * 4
    standing = standing_of(acme, product_named("copilot"))
    assert standing is not None
    assert standing.unallocated == 100 * CREDIT


def test_two_factors_at_once_are_two_versions(transactional_accounts: None, acme: Account) -> None:
    run_together(
        [
            partial(credits.set_credit_factor, account=acme, factor=factor, actor=TESTS)
            for factor in (Decimal(110), Decimal(120))
        ]
    )

    versions = CreditFactor.objects.filter(account=acme).values_list("version", flat=True)
    assert sorted(versions) == [1, 2, 3]


@pytest.mark.parametrize("_attempt", range(3))
def test_two_super_admins_cannot_remove_each_other(
    transactional_accounts: None, sam: User, _attempt: int
) -> None:
    with in_public():
        tara = identity.create_user(email="tara@cockpit.example", password=PASSWORD, actor=TESTS)

    results = run_together(
        [
            partial(super_admins.deactivate_super_admin, user=tara, actor=actor_of(sam)),
            partial(super_admins.deactivate_super_admin, user=sam, actor=actor_of(tara)),
        ]
    )

    assert len([result for result in results if isinstance(result, Problem)]) == 1
    with in_public():
        assert User.objects.filter(is_active=True).count() == 1
