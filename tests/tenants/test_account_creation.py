"""Creating an account: whole or not at all, and apart from every other."""

import pytest
from django.db import connection

from core.credits.models import Book
from core.hierarchy.product import products
from core.identity.models import RoleAssignment, User
from core.tenancy.context import in_account, in_public
from tenants.errors import SlugTaken
from tenants.models import Account
from tenants.services import accounts
from tenants.services.accounts import NewAccount, create_account
from tests.cast import TESTS


def _create(slug: str) -> NewAccount:
    with in_public():
        return create_account(
            name=slug.title(), slug=slug, admin_email=f"admin@{slug}.example", actor=TESTS
        )


def test_a_new_account_has_an_admin_and_both_products(any_database: None) -> None:
    made = _create("initech")

    with in_account(made.account):
        assert list(User.objects.values_list("email", "is_active")) == [
            ("admin@initech.example", False)
        ]
        assert RoleAssignment.objects.get().role == "account_admin"
        assert set(Book.objects.values_list("product", flat=True)) == {"copilot", "console"}
        for product in products():
            assert product.organization._default_manager.get().is_global


def test_an_account_that_cannot_be_finished_leaves_nothing(
    any_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The last step: by then the schema, the books and the admin are there.
    def fail(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(accounts, "record", fail)

    with pytest.raises(ZeroDivisionError):
        _create("initech")

    assert not Account.objects.filter(slug="initech").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'account\\_%%'")
        assert cursor.fetchone() == (3,)  # Acme, Globex and the template.


def test_a_short_name_is_used_once(acme: Account) -> None:
    with pytest.raises(SlugTaken):
        _create("acme")


@pytest.mark.parametrize("slug", ["", "Upper", "a b", "-a", "a-", "ä", "a" * 41, "a.b"])
def test_a_short_name_is_part_of_a_host(any_database: None, slug: str) -> None:
    from core.kit.problems import InvalidInput

    with pytest.raises(InvalidInput):
        _create(slug)
