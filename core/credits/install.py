"""What a schema needs beyond its tables: functions, triggers, storage options, privileges.

Installed after migrations and after every copy of a schema, since neither a copy nor a dump of
the tables carries them safely. Running it again changes nothing.
"""

from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from core.tenancy.append_only import install_append_only
from core.tenancy.context import current_schema, in_account_schema

APPEND_ONLY_TABLES = (
    "credits_act",
    "credits_rulechange",
    "credits_transfer",
    "credits_usageevent",
)

_SQL = Path(__file__).parent / "sql"

# PL/pgSQL otherwise keeps plans that were made while the tables were empty: sequential scans that
# become slow, and lock more, as the tables grow. An empty search_path leaves nothing to resolve
# in another schema by accident.
_PINNED = """
SET search_path = pg_catalog
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
"""

# Room on each page lets an update stay on it (HOT) and touch no index. The small hot tables are
# vacuumed by count, not by share.
_BY_COUNT = ("autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=2000")
_STORAGE = {
    "credits_balance": ("fillfactor=50", *_BY_COUNT),
    "credits_capcounter": ("fillfactor=50", *_BY_COUNT),
    "credits_reservation": ("fillfactor=70", *_BY_COUNT),
}


def install_ledger(schema: str) -> None:
    """Install the ledger's functions, triggers, storage options and privileges in `schema`."""
    quoted = connection.ops.quote_name(schema)
    with transaction.atomic(), connection.cursor() as cursor:
        # Two migrations at once would otherwise race to replace the same function.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"install_ledger {schema}"])
        for table, options in _STORAGE.items():
            # Only where they differ: the statement waits for whoever uses the table.
            cursor.execute(
                "SELECT reloptions FROM pg_class WHERE oid = %s::regclass", [f"{quoted}.{table}"]
            )
            if set(cursor.fetchone()[0] or ()) != set(options):
                cursor.execute(f"ALTER TABLE {quoted}.{table} SET ({', '.join(options)})")
        for source in _sources():
            cursor.execute(source.replace("{schema}", quoted).replace("{pinned}", _PINNED))
        cursor.execute(_PRIVATE.format(schema=schema))
    for table in APPEND_ONLY_TABLES:
        install_append_only(schema, table)


def install_after_migrations(**signal: Any) -> None:
    """Bring a schema's functions up to date whenever its migrations have run."""
    if signal.get("plan") is not None and in_account_schema() and _has_tables():
        install_ledger(current_schema())


# Whoever may connect may otherwise call the functions of every account.
_PRIVATE = """
DO $private$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT p.oid::regprocedure AS signature FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = '"{schema}"'::regnamespace AND p.proname LIKE 'ledger\\_%'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', item.signature);
    END LOOP;
END
$private$
"""


@cache
def _sources() -> tuple[str, ...]:
    return tuple(path.read_text() for path in sorted(_SQL.glob("*.sql")))


def _has_tables() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('credits_usageevent') IS NOT NULL")
        return bool(cursor.fetchone()[0])
