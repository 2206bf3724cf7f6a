"""Descriptions of a whole schema in words that two schemas can be compared by."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from django.db import connection

from cockpit.embedded.unprivileged import binaries_for

# Each query gives one line for each thing. Names of schemas are left out or replaced.
_QUERIES = {
    "table": """
        SELECT c.relname, c.relkind, c.reloptions, c.relacl, c.relpersistence, c.relrowsecurity
        FROM pg_class c WHERE c.relnamespace = {schema} AND c.relkind IN ('r', 'S', 'v', 'm', 'p')
    """,
    "column": """
        SELECT c.relname, a.attname,
               row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
               format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, a.attgenerated, a.attstorage, a.attcompression, a.attacl,
               a.attstattarget, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = {schema} AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "constraint": """
        SELECT t.relname, k.conname, k.contype, k.condeferrable, k.condeferred, k.convalidated,
               pg_get_constraintdef(k.oid)
        FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
        WHERE t.relnamespace = {schema}
    """,
    "index": """
        SELECT c.relname, pg_get_indexdef(i.indexrelid), c.reloptions, i.indisunique,
               i.indisprimary, i.indisvalid
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = {schema}
    """,
    "sequence": """
        SELECT s.sequencename, s.data_type, s.start_value, s.min_value, s.max_value,
               s.increment_by, s.cycle, s.cache_size
        FROM pg_sequences s WHERE s.schemaname::regnamespace = {schema}
    """,
    "function": """
        SELECT p.proname, pg_get_functiondef(p.oid), p.proacl
        FROM pg_proc p WHERE p.pronamespace = {schema} AND p.prokind IN ('f', 'p')
    """,
    "trigger": """
        SELECT c.relname, pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = {schema} AND NOT t.tgisinternal
    """,
    "type": """
        SELECT t.typname, t.typtype FROM pg_type t
        WHERE t.typnamespace = {schema} AND t.typtype IN ('d', 'e')
    """,
    "policy": """
        SELECT tablename, policyname, cmd, qual, with_check
        FROM pg_policies WHERE schemaname::regnamespace = {schema}
    """,
}


def describe(schema: str, *, without: tuple[str, ...] = ()) -> list[str]:
    """Return a schema by the catalogue, as sorted lines that do not name it."""
    lines = []
    with connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        before = cursor.fetchone()[0]
        # Names of schemas are then always written out.
        cursor.execute("SELECT set_config('search_path', 'pg_catalog', false)")
        for kind, query in _QUERIES.items():
            if kind not in without:
                cursor.execute(query.format(schema=f"'{schema}'::regnamespace"))
                lines += [f"{kind}: {_unnamed(repr(row), schema)}" for row in cursor.fetchall()]
        cursor.execute("SELECT set_config('search_path', %s, false)", [before])
    return sorted(lines)


def dump(schema: str) -> list[str]:
    """Return a committed schema as `pg_dump` writes it, without its name."""
    tool = _pg_dump()
    url = urlsplit(os.environ["DATABASE_URL"])
    done = subprocess.run(
        [str(tool), "--schema-only", f"--schema={schema}", "--dbname", url.path.lstrip("/"),
         "--host", url.hostname or "", "--port", str(url.port or 5432),
         "--username", unquote(url.username or "")],
        env={"PGPASSWORD": unquote(url.password or ""), "LC_ALL": "C"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = (_unnamed(line, schema) for line in done.stdout.splitlines())
    # Newer versions guard their scripts with a random word.
    return [line for line in lines if line and not line.startswith(("--", "\\restrict", "\\unres"))]


def tables_of(schema: str) -> set[str]:
    """Return the names of a schema's tables."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
        return {row[0] for row in cursor.fetchall()}


def _unnamed(text: str, schema: str) -> str:
    return re.sub(rf'"?\b{schema}\b"?', "SCHEMA", text)


def _pg_dump() -> Path:
    try:
        tool = binaries_for(Path(os.environ["COCKPIT_DATA"]) / "none") / "pg_dump"
    except Exception as error:  # noqa: BLE001  whatever is missing
        pytest.skip(f"There is no pg_dump of the server's version here: {error}")
    if not tool.exists():
        pytest.skip("There is no pg_dump of the server's version here.")
    return tool
