from django.db import migrations

# Accounts that are archived already have stood still since then.
ASLEEP = """
INSERT INTO credits_dormancy (id, starts_at)
SELECT gen_random_uuid(), a.archived_at FROM public.tenants_account a
WHERE a.schema_name = current_schema() AND a.archived_at IS NOT NULL
ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [("credits", "0012_dormancy")]

    operations = [migrations.RunSQL(ASLEEP, migrations.RunSQL.noop)]
