from django.db import migrations

# Lists of people are read in this order, page by page, and searched by any part of a name or an
# address; `iexact` on an address finds its row by the second index too. The extension stands in
# public, which is migrated first and is in every search path.
EXTENSION = """
DO $extension$
BEGIN
    IF current_schema() = 'public' THEN
        CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
    END IF;
END
$extension$
"""


def _index(name, definition):
    return migrations.RunSQL(
        f"CREATE INDEX {name} ON identity_user {definition}", f"DROP INDEX {name}"
    )


class Migration(migrations.Migration):
    dependencies = [("identity", "0003_preference")]

    operations = [
        migrations.RunSQL(EXTENSION, migrations.RunSQL.noop),
        _index("users_in_order", "(name, email)"),
        _index("users_by_part_of_name", "USING gin (UPPER(name::text) public.gin_trgm_ops)"),
        _index("users_by_part_of_email", "USING gin (UPPER(email::text) public.gin_trgm_ops)"),
    ]
