"""Switching schema: nests, returns, and belongs to one thread."""

from threading import Barrier

import pytest
from django.db import connection
from structlog.contextvars import get_contextvars

from core.identity.models import User
from core.tenancy.context import (
    AccountRef,
    current_schema,
    in_account,
    in_account_schema,
    in_public,
    schema_name_of,
)
from tenants.models import Account
from tests import cast
from tests.threads import run_together


def _schema_in_postgres() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return str(cursor.fetchone()[0])


def test_inside_an_account_its_schema_is_searched_first(acme: Account) -> None:
    with in_account(acme):
        assert current_schema() == _schema_in_postgres() == acme.schema_name
        assert in_account_schema()

    assert current_schema() == _schema_in_postgres() == "public"
    assert not in_account_schema()


def test_accounts_nest(acme: Account, globex: Account) -> None:
    seen = []
    with in_account(acme):
        with in_account(globex):
            seen.append(_schema_in_postgres())
            with in_public():
                seen.append(_schema_in_postgres())
            seen.append(_schema_in_postgres())
        seen.append(_schema_in_postgres())

    assert seen == [globex.schema_name, "public", globex.schema_name, acme.schema_name]


def test_an_exception_returns_to_the_schema_before(acme: Account, globex: Account) -> None:
    with in_account(acme):
        with pytest.raises(ZeroDivisionError), in_account(globex):
            raise ZeroDivisionError

        assert _schema_in_postgres() == acme.schema_name


def test_an_account_known_by_name_only_is_enough(acme: Account) -> None:
    ref = AccountRef(acme.pk, acme.slug, schema_name_of(acme.pk))

    with in_account(ref):
        assert User.objects.filter(email=cast.ADA.email).exists()


def test_the_public_schema_is_no_account(any_database: None) -> None:
    ref = AccountRef(Account(slug="x").pk, "x", "public")

    with pytest.raises(AssertionError), in_account(ref):
        pass


def test_log_lines_name_the_account(acme: Account) -> None:
    with in_account(acme):
        assert get_contextvars()["account"] == "acme"
        with in_public():
            assert get_contextvars()["account"] == ""

    assert "account" not in get_contextvars()


def test_threads_do_not_change_each_others_account(acme: Account, globex: Account) -> None:
    both_inside = Barrier(2)

    def people_of(account: Account) -> set[str]:
        found: set[str] = set()
        for _ in range(20):
            with in_account(account):
                both_inside.wait(10)
                found |= set(User.objects.values_list("email", flat=True))
        return found

    in_acme, in_globex = run_together([lambda: people_of(acme), lambda: people_of(globex)])

    assert in_acme == {each.email for each in (cast.ADA, cast.OLGA, cast.THEO, cast.MIA)}
    assert in_globex == {each.email for each in (cast.EVE, cast.MAX)}


def test_a_new_thread_starts_in_public(acme: Account) -> None:
    with in_account(acme):
        assert run_together([current_schema, _schema_in_postgres]) == ["public", "public"]


def test_a_schema_name_derives_from_the_account_id(acme: Account) -> None:
    assert acme.schema_name == schema_name_of(acme.pk) == f"account_{acme.pk.hex}"


def test_the_ways_of_django_tenants_are_closed(acme: Account) -> None:
    # `with account:` keeps a stack that all threads share.
    with pytest.raises(TypeError, match="in_account"), acme:
        pass
