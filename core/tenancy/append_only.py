"""Tables that only grow: triggers refuse every other statement.

The one exception is a transaction that says `SET LOCAL cockpit.purge = 'on'`. Only the retention
and erasure services, which are audited, and the tear-down of tests do.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from psycopg.pq import TransactionStatus

# Per statement, not per row: nothing to pay on the way in, and TRUNCATE has no rows.
_INSTALL = """
CREATE OR REPLACE FUNCTION {schema}.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $refuse$
BEGIN
    IF current_setting('cockpit.purge', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$refuse$;
CREATE OR REPLACE TRIGGER append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.{table}
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse_change();
"""


def install_append_only(schema: str, table: str) -> None:
    """Make a table of one schema append-only. Running it again changes nothing."""
    names = {
        "schema": connection.ops.quote_name(schema),
        "table": connection.ops.quote_name(table),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # Two installations at once would otherwise race to replace the same function.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"append_only {schema}"])
        cursor.execute(_INSTALL.format(**names))


@contextmanager
def purging() -> Iterator[None]:
    """Let statements inside change append-only tables. For retention, erasure and tests only."""
    assert connection.in_atomic_block, "Outside a transaction the exception would not end."
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL cockpit.purge = 'on'")
        try:
            yield
        finally:
            # After an error the exception ends with the transaction, or with its savepoint.
            if connection.connection.info.transaction_status != TransactionStatus.INERROR:
                cursor.execute("SET LOCAL cockpit.purge = 'off'")
