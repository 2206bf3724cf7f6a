"""Ledger functions with one guard taken out, to show that it is this guard that holds."""

from pathlib import Path

from django.db import connection

from core.credits import install
from core.tenancy.context import current_schema

_SQL = Path(install.__file__).parent / "sql"


def replace_in(name: str, *changes: tuple[str, str]) -> None:
    """Install one of the ledger's SQL files in the current account, changed."""
    text = (_SQL / name).read_text()
    for old, new in changes:
        assert old in text, f"{name} has changed; the race must be shown anew: {old}"
        text = text.replace(old, new)
    schema = connection.ops.quote_name(current_schema())
    with connection.cursor() as cursor:
        cursor.execute(text.replace("{schema}", schema).replace("{pinned}", install._PINNED))


def take_nothing_for_plain() -> None:
    """Send every single call of the current account by the way for all that is not plain."""
    replace_in("25_reserve_plain.sql", ("AND call.amount > 0", "AND call.amount < 0"))
    replace_in("33_settle_plain.sql", ("r.caps = '[]'", "r.caps IS NULL"))


def drop_constraint(table: str, name: str) -> None:
    """Take a constraint out of the current account."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
