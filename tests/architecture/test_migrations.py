"""Migrations say what they do, and stand on nothing that will change."""

import ast
import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = sorted(
    path
    for package in ("tenants", "copilot", "console", "core/*", "superadmin")
    for path in ROOT.glob(f"{package}/migrations/[0-9]*.py")
)
# Column types and the ids' default must be imported; neither may ever change what it did.
STABLE = ("core.kit.clock", "core.kit.ids", "core.credits.models.fields", "core.credits.fields")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_change_of_a_model_waits_for_its_migration(db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_migrations_form_one_line_in_each_app() -> None:
    assert MigrationLoader(None).detect_conflicts() == {}


@pytest.mark.parametrize("path", MIGRATIONS, ids=_name)
def test_a_migration_is_named_for_what_it_does(path: Path) -> None:
    assert re.fullmatch(r"\d{4}_[a-z0-9_]{4,}", path.stem)
    assert "_auto_" not in path.stem
    assert "alter_field" not in path.stem


@pytest.mark.parametrize("path", MIGRATIONS, ids=_name)
def test_a_migration_imports_nothing_of_ours_that_changes(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    ours = {
        name
        for name in imported
        if name.split(".")[0] in {"core", "tenants", "copilot", "console", "cockpit", "superadmin"}
    }

    assert ours <= set(STABLE)


@pytest.mark.parametrize("path", MIGRATIONS, ids=_name)
def test_a_migration_needs_no_extension_that_the_embedded_postgres_lacks(path: Path) -> None:
    assert not re.search(r"CryptoExtension|pgcrypto|uuid-ossp", path.read_text())
