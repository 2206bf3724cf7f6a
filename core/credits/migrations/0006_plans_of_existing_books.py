from django.db import migrations

# Terms were set before there were plans: they become the first one, in force since now, and the
# open cycle ends with the month. A book without terms has no plan, which is version 0.
FIRST_PLANS = """
UPDATE credits_cycle SET plan_version = 0;

INSERT INTO credits_plan (
    id, book_id, version, "grant", period, anchor_day, anchor_month, rollover, rollover_cap,
    effective_from)
SELECT gen_random_uuid(), b.id, 1, t.grant_microcredits, t.period, 1, 1, 'none', 0, now()
FROM credits_book b
JOIN public.tenants_account a ON a.schema_name = current_schema()
JOIN public.tenants_creditterms t ON t.account_id = a.id AND t.product = b.product
WHERE t.period IN ('none', 'month');

UPDATE credits_cycle c SET
    plan_version = p.version,
    ends_at = CASE p.period WHEN 'month' THEN
        (date_trunc('month', now() AT TIME ZONE b.time_zone) + interval '1 month')
            AT TIME ZONE b.time_zone END
FROM credits_plan p JOIN credits_book b ON b.id = p.book_id
WHERE c.book_id = b.id AND c.state = 'open';
"""


class Migration(migrations.Migration):
    dependencies = [("credits", "0005_splits")]

    operations = [migrations.RunSQL(FIRST_PLANS, migrations.RunSQL.noop)]
