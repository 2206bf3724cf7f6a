from django.db import migrations

# What there was so far is the first version, in force since then.
FIRST_VERSIONS = """
UPDATE tenants_creditterms SET plan_version = 1, effective_from = created_at
WHERE plan_version = 0
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_versions_of_terms")]

    operations = [migrations.RunSQL(FIRST_VERSIONS, migrations.RunSQL.noop)]
