"""`manage.py migrate_all`: bring every schema up to date."""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.management.commands.migrate import Command as Migrate
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from core.tenancy.context import TEMPLATE_SCHEMA, in_account, in_public, in_template
from tenants.installing import install_public, install_schema
from tenants.models import Account

# Any number will do as long as nothing else of ours locks it.
_LOCK = 7_226_034_001
_PROGRESS_SECONDS = 2.0
# The first major version that has all that the ledger's functions and constraints use.
OLDEST_POSTGRES = 16
# One query looks into this many schemas; each costs the backend memory for one table.
_SCHEMAS_AT_ONCE = 200


def _refuse_old_postgres() -> None:
    connection.ensure_connection()
    major = connection.pg_version // 10_000  # type: ignore[attr-defined]  # of Postgres alone
    if major < OLDEST_POSTGRES:
        raise CommandError(
            f"This is Postgres {major}; Cockpit needs {OLDEST_POSTGRES} or later. "
            "Point DATABASE_URL at a newer server, or leave it out to use the embedded one."
        )


class Command(BaseCommand):
    """Migrate the public schema, the template of new accounts, and every account.

    Running it again changes nothing, and a second process waits for the first. An account that
    fails does not stop the others; the command then names it and ends with an error.
    """

    help = "Bring the public schema, the template and every account up to date."
    requires_system_checks = ()

    def handle(self, *_: Any, **options: Any) -> None:
        self._is_quiet = options["verbosity"] == 0
        _refuse_old_postgres()
        with _one_at_a_time(self._say):
            self._migrate_public_and_template()
            self._migrate_accounts()

    def _migrate_public_and_template(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {TEMPLATE_SCHEMA}")
        behind = schemas_behind(["public", TEMPLATE_SCHEMA])
        if "public" in behind:
            self._migrate("Public schema", in_public())
        install_public()
        if TEMPLATE_SCHEMA in behind:
            self._migrate("Template of accounts", in_template())
        install_schema(TEMPLATE_SCHEMA)

    def _migrate_accounts(self) -> None:
        accounts = list(Account.objects.order_by("slug"))
        behind = schemas_behind([account.schema_name for account in accounts])
        failed = []
        for number, account in enumerate(accounts, start=1):
            name = f"Account {account.slug} ({number} of {len(accounts)})"
            try:
                if account.schema_name in behind:
                    self._migrate(name, in_account(account))
                install_schema(account.schema_name)
            except Exception as error:  # noqa: BLE001  the other accounts need not wait for this one
                self._say(f"{name} failed: {error}")
                failed.append(account.slug)
        self._say(f"Schemas are up to date: public, template, {len(accounts)} accounts.")
        if failed:
            raise CommandError(
                f"These accounts are not up to date: {', '.join(failed)}. The reasons stand above; "
                "running the command again continues where it stopped."
            )

    def _migrate(self, name: str, schema: AbstractContextManager[None]) -> None:
        began = time.monotonic()
        with schema:
            # Else the search path would find the migrations that are recorded in public.
            MigrationRecorder(connection).ensure_schema()
            applied = _apply_migrations(lambda text: self._say(f"{name}: {text}"))
        self._say(f"{name}: {applied} migrations in {time.monotonic() - began:.1f} s")

    def _say(self, sentence: str) -> None:
        if not self._is_quiet:
            self.stdout.write(sentence)
            self.stdout.flush()


def schemas_behind(schemas: Sequence[str]) -> frozenset[str]:
    """Return those schemas in which some migration has not run yet, by one query for many."""
    wanted = {f"{app}.{name}" for app, name in MigrationLoader(None).graph.nodes}
    behind = set(schemas)
    with connection.cursor() as cursor:
        for start in range(0, len(schemas), _SCHEMAS_AT_ONCE):
            cursor.execute(
                "SELECT n.nspname FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid"
                " WHERE c.relname = 'django_migrations' AND n.nspname = ANY(%s)",
                [list(schemas[start : start + _SCHEMAS_AT_ONCE])],
            )
            selects = [
                sql.SQL(
                    "SELECT {name}, array_agg(app || '.' || name) FROM {schema}.django_migrations"
                ).format(name=sql.Literal(schema), schema=sql.Identifier(schema))
                for (schema,) in cursor.fetchall()
            ]
            if selects:
                cursor.execute(sql.SQL(" UNION ALL ").join(selects))
                rows = cursor.fetchall()
                behind -= {schema for schema, applied in rows if wanted <= set(applied or ())}
    return frozenset(behind)


def _apply_migrations(say: Callable[[str], None]) -> int:
    """Run Django's own command in the current schema; return how many migrations it applied."""
    applied, said_at = 0, time.monotonic()

    def tell(action: str, migration: Any = None, fake: bool = False) -> None:  # noqa: FBT001, FBT002
        del fake
        nonlocal applied, said_at
        if action == "apply_success":
            applied += 1
        elif action == "apply_start" and time.monotonic() - said_at > _PROGRESS_SECONDS:
            said_at = time.monotonic()
            say(f"{applied} migrations done, now {migration}")

    # By class: django_tenants has put its own command in the place of `migrate`.
    command = Migrate(stdout=io.StringIO())
    command.migration_progress_callback = tell  # type: ignore[method-assign]
    call_command(command, interactive=False, verbosity=0, skip_checks=True)
    return applied


@contextmanager
def _one_at_a_time(say: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock of the database, on a connection of its own, which no migration closes."""
    wanted = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(
        **{name: wanted[name] for name in names if wanted.get(name)}, autocommit=True
    ) as own:
        row = own.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        if row is not None and not row[0]:
            say("Another process is migrating; waiting for it.")
            own.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        yield
