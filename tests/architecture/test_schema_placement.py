"""Each table stands in the schema where the settings say.

A table that is missing in an account would silently be the public one, since the search path goes
on to public.
"""

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from core.tenancy.context import TEMPLATE_SCHEMA
from tenants.models import Account
from tests.schemas import tables_of

# Ours that live in both; nothing else of ours does.
OURS_IN_BOTH = {"core.identity", "core.audit", "core.vault", "core.api", "core.ui"}


def _tables(app_names: tuple[str, ...]) -> set[str]:
    return {
        model._meta.db_table
        for config in apps.get_app_configs()
        if config.name in app_names
        for model in config.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    } | {MigrationRecorder.Migration._meta.db_table}


def test_every_table_of_the_product_is_somewhere() -> None:
    everywhere = _tables((*settings.SHARED_APPS, *settings.TENANT_APPS))
    models = apps.get_models(include_auto_created=True)

    assert {
        model._meta.db_table for model in models if model._meta.managed and not model._meta.proxy
    } <= everywhere


def test_public_has_its_own_tables_and_no_accounts(any_database: None) -> None:
    assert tables_of("public") == _tables(settings.SHARED_APPS)


@pytest.mark.parametrize("where", ["acme", "globex", "template"])
def test_an_account_has_each_of_its_tables_and_no_other(
    acme: Account, globex: Account, where: str
) -> None:
    schema = {
        "acme": acme.schema_name,
        "globex": globex.schema_name,
        "template": TEMPLATE_SCHEMA,
    }[where]

    assert tables_of(schema) == _tables(settings.TENANT_APPS)


def test_only_a_few_packages_of_ours_live_in_both() -> None:
    both = set(settings.SHARED_APPS) & set(settings.TENANT_APPS)
    packages = {"core", "tenants", "copilot", "console", "superadmin", "cockpit"}

    assert {name for name in both if name.split(".")[0] in packages} <= OURS_IN_BOTH


def test_no_foreign_key_crosses_schemas(acme: Account) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT here.relname, k.conname FROM pg_constraint k"
            " JOIN pg_class here ON here.oid = k.conrelid"
            " JOIN pg_class there ON there.oid = k.confrelid"
            " WHERE k.contype = 'f' AND here.relnamespace <> there.relnamespace"
        )

        assert cursor.fetchall() == []


def test_the_template_holds_nobody(any_database: None) -> None:
    with connection.cursor() as cursor:
        for table in ("identity_user", "vault_datakey", "vault_sealedsecret", "audit_auditentry"):
            cursor.execute(f"SELECT count(*) FROM {TEMPLATE_SCHEMA}.{table}")

            assert cursor.fetchone() == (0,), table
