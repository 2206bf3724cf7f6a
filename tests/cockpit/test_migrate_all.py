"""`manage.py migrate_all`: every schema, once, whoever starts it."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cockpit.management.commands.migrate_all import schemas_behind
from core.tenancy.context import TEMPLATE_SCHEMA, in_account, in_public
from core.tokens.models import ClientApp
from tenants.models import Account
from tests import environment
from tests.databases import url_of
from tests.schemas import describe, tables_of

ROOT = Path(__file__).resolve().parents[2]


def migrate_all() -> list[str]:
    """Run the command and return what it said."""
    said = io.StringIO()
    call_command("migrate_all", stdout=said)
    return said.getvalue().splitlines()


def _forget_tokens(account: Account, *, with_tables: bool) -> None:
    """Put an account back to before the tables of `core.tokens` came."""
    with in_account(account), connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'tokens'")
        if with_tables:
            cursor.execute("DROP TABLE tokens_usedassertion, tokens_clientapp")


def test_nothing_to_do_is_said_in_one_line(transactional_accounts: None) -> None:
    assert migrate_all() == ["Schemas are up to date: public, template, 2 accounts."]


def test_an_old_server_is_refused_with_a_sentence(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cockpit.management.commands.migrate_all.OLDEST_POSTGRES", 99)

    with pytest.raises(CommandError, match=r"Cockpit needs 99 or later\. Point DATABASE_URL"):
        migrate_all()


def test_running_again_changes_nothing(transactional_accounts: None, acme: Account) -> None:
    before = describe(acme.schema_name), describe("public"), describe(TEMPLATE_SCHEMA)

    migrate_all()

    assert (describe(acme.schema_name), describe("public"), describe(TEMPLATE_SCHEMA)) == before


def test_only_the_account_that_is_behind_is_migrated(
    transactional_accounts: None, acme: Account, globex: Account
) -> None:
    _forget_tokens(acme, with_tables=True)
    assert schemas_behind([acme.schema_name, globex.schema_name]) == {acme.schema_name}

    said = migrate_all()

    assert len(said) == 2
    assert re.match(r"Account acme \(1 of 2\): \d migrations in ", said[0])
    with in_account(acme):
        assert not ClientApp.objects.exists()
    assert describe(acme.schema_name) == describe(TEMPLATE_SCHEMA)


def test_functions_are_brought_up_to_date_without_a_migration(
    transactional_accounts: None, acme: Account
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER append_only ON {acme.schema_name}.audit_auditentry")
        cursor.execute("DROP TRIGGER append_only ON public.audit_auditentry")
    assert describe(acme.schema_name) != describe(TEMPLATE_SCHEMA)

    migrate_all()

    assert describe(acme.schema_name) == describe(TEMPLATE_SCHEMA)
    assert [line for line in describe("public") if "append_only" in line]


def test_an_account_that_fails_is_named_and_the_others_go_on(
    transactional_accounts: None, acme: Account, globex: Account
) -> None:
    _forget_tokens(acme, with_tables=False)
    _forget_tokens(globex, with_tables=True)

    with pytest.raises(CommandError, match="not up to date: acme"):
        migrate_all()

    assert "tokens_clientapp" in tables_of(globex.schema_name)
    assert schemas_behind([acme.schema_name, globex.schema_name]) == {acme.schema_name}


def test_a_schema_that_does_not_exist_is_behind(any_database: None) -> None:
    with in_public():
        assert schemas_behind(["public", "nowhere"]) == {"nowhere"}


@pytest.mark.slow
def test_two_processes_may_start_on_an_empty_database_at_once() -> None:
    # Migrates everything, twice, in processes of their own.
    name = f"{environment.DATABASE}_empty"
    with psycopg.connect(environment.ADMIN_URL, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            both = [
                subprocess.Popen(
                    [sys.executable, "manage.py", "migrate_all"],
                    cwd=ROOT,
                    env={**os.environ, "DATABASE_URL": url_of(name)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                for _ in range(2)
            ]
            said = [process.communicate(timeout=900)[0] for process in both]
        finally:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    assert [process.returncode for process in both] == [0, 0], said
    assert sorted("Public schema:" in text for text in said) == [False, True], said
    assert sum("waiting" in text for text in said) <= 1
