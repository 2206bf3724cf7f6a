"""Copy the template schema: what makes creating an account take well under a second.

Tables, rows, defaults, identity sequences, indexes, constraints and storage options are copied
under their own names, so that later migrations find them. Functions and triggers are not:
`install_ledger()` makes them afresh for the copy, since a copied function keeps the template's
name in its text and would write the template's rows.

What it cannot copy it refuses, so that no account comes out half made: a sequence that belongs to
no identity column, a view, a type of the template's own, an expression that calls a function of
the template.
"""

from django.db import connection, transaction

from core.tenancy.context import TEMPLATE_SCHEMA

# Indexes are copied by LIKE, which copies the parsed expressions but invents names, and renamed
# afterwards. Their definitions as text would come out of the parser slightly different.
_CLONE = """
DO $clone$
DECLARE
    source CONSTANT text := '{source}';
    target CONSTANT text := '{target}';
    item record;
BEGIN
    SELECT c.relname INTO item FROM pg_class c
    WHERE c.relnamespace = source::regnamespace AND c.relkind NOT IN ('r', 'i', 't')
      AND NOT (c.relkind = 'S' AND EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
          AND d.deptype = 'i'))
    UNION ALL
    SELECT t.typname FROM pg_type t
    WHERE t.typnamespace = source::regnamespace AND t.typtype IN ('d', 'e', 'r') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%.% cannot be copied into a new account', source, item.relname;
    END IF;

    EXECUTE format('CREATE SCHEMA %I', target);
    -- Foreign keys are then read and written without the name of a schema.
    PERFORM set_config('search_path', source || ', public', true);

    FOR item IN
        SELECT c.oid, c.relname, c.reloptions, (
            SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
              AND NOT a.attisdropped AND a.attgenerated = '') AS columns
        FROM pg_class c WHERE c.relnamespace = source::regnamespace AND c.relkind = 'r'
        ORDER BY c.relname
    LOOP
        EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL)',
            target, item.relname, source, item.relname);
        IF item.reloptions IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %I.%I SET (%s)',
                target, item.relname, array_to_string(item.reloptions, ', '));
        END IF;
        EXECUTE format('INSERT INTO %I.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %I.%I',
            target, item.relname, item.columns, item.columns, source, item.relname);
    END LOOP;

    -- An identity sequence of the copy starts afresh, and has the type of its column, which may
    -- have been changed since; give it the template's type and place.
    FOR item IN
        SELECT old.relname, format_type(o.seqtypid, NULL) AS type,
            o.seqtypid <> n.seqtypid AS differs
        FROM pg_class old JOIN pg_sequence o ON o.seqrelid = old.oid
        JOIN pg_class new ON new.relname = old.relname AND new.relnamespace = target::regnamespace
        JOIN pg_sequence n ON n.seqrelid = new.oid
        WHERE old.relnamespace = source::regnamespace
    LOOP
        IF item.differs THEN
            EXECUTE format('ALTER SEQUENCE %I.%I AS %s', target, item.relname, item.type);
        END IF;
        EXECUTE format('SELECT setval(%L, last_value, is_called) FROM %I.%I',
            format('%I.%I', target, item.relname), source, item.relname);
    END LOOP;

    -- Two steps, since an invented name may be the one that another index should have.
    FOR item IN {renames} LOOP
        EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', target, item.invented, item.interim);
    END LOOP;
    FOR item IN {renames} LOOP
        EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', target, item.invented, item.wanted);
    END LOOP;

    FOR item IN
        SELECT t.relname AS table_name, k.conname, pg_get_constraintdef(k.oid) AS definition
        FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
        WHERE k.connamespace = source::regnamespace AND k.contype = 'f'
        ORDER BY k.conname
    LOOP
        PERFORM set_config('search_path', target || ', public', true);
        EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s',
            target, item.table_name, item.conname, item.definition);
        PERFORM set_config('search_path', source || ', public', true);
    END LOOP;

    SELECT t.relname, f.proname INTO item
    FROM pg_class t
    LEFT JOIN pg_attrdef v ON v.adrelid = t.oid
    LEFT JOIN pg_constraint k ON k.conrelid = t.oid
    JOIN pg_depend d ON (d.classid, d.objid) IN (
        ('pg_class'::regclass, t.oid), ('pg_attrdef'::regclass, v.oid),
        ('pg_constraint'::regclass, k.oid))
    JOIN pg_proc f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
    WHERE t.relnamespace = target::regnamespace AND f.pronamespace = source::regnamespace LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%.% calls %.%, which an account would share with the template',
            source, item.relname, source, item.proname;
    END IF;
END
$clone$
"""

# Which index of the copy is which: by table and definition; of two that are equal, either.
_RENAMES = """
        WITH known AS (
            SELECT c.relnamespace, c.oid, c.relname, t.relname || ' ' || i.indisprimary || ' '
                || substring(d.text FROM position(' USING ' IN d.text)) AS what
            FROM pg_index i
            JOIN pg_class c ON c.oid = i.indexrelid
            JOIN pg_class t ON t.oid = i.indrelid,
            LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS text) AS d
            WHERE c.relnamespace IN (source::regnamespace, target::regnamespace)
        ), numbered AS (
            SELECT *, row_number() OVER (PARTITION BY relnamespace, what ORDER BY oid) AS number
            FROM known
        )
        SELECT new.relname AS invented, old.relname AS wanted, 'interim_' || new.oid AS interim
        FROM numbered old JOIN numbered new USING (what, number)
        WHERE old.relnamespace = source::regnamespace AND new.relnamespace = target::regnamespace
          AND old.relname <> new.relname
"""


def clone_template(schema: str) -> None:
    """Create `schema` as a copy of the template's tables and rows.

    Runs inside the caller's transaction, so a failure later leaves no half account behind.
    """
    assert schema.replace("_", "").isalnum(), schema
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SHOW search_path")
        before = cursor.fetchone()[0]
        cursor.execute(_CLONE.format(source=TEMPLATE_SCHEMA, target=schema, renames=_RENAMES))
        cursor.execute("SELECT set_config('search_path', %s, false)", [before])
