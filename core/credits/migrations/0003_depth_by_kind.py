from django.db import migrations, models

# A wallet's depth is its place in the order of locks. It used to follow the parent, so that a
# membership that moves would have changed it while calls lock by it. Constraint and rows change
# together: neither is valid without the other.
BY_KIND = "UPDATE credits_wallet SET depth = 3 WHERE kind = 'membership'"
BY_PARENT = """
UPDATE credits_wallet w SET depth = COALESCE(
    (SELECT p.depth + 1 FROM credits_wallet p WHERE p.id = w.parent_id), 1)
WHERE kind = 'membership'
"""


class Migration(migrations.Migration):
    dependencies = [("credits", "0002_ledger_constraints")]

    operations = [
        migrations.RemoveConstraint(model_name="wallet", name="wallet_stands_at_its_depth"),
        migrations.RunSQL(BY_KIND, BY_PARENT),
        migrations.AddConstraint(
            model_name="wallet",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("depth", 0),
                        ("kind__in", ("unallocated", "pool", "overflow")),
                        ("parent", None),
                    ),
                    models.Q(("depth", 1), ("kind", "organization"), ("parent", None)),
                    models.Q(("depth", 2), ("kind", "team"), ("parent__isnull", False)),
                    models.Q(("depth", 3), ("kind", "membership")),
                    _connector="OR",
                ),
                name="wallet_stands_at_its_depth",
            ),
        ),
    ]
