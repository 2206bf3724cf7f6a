from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="PolicyState",
            fields=[
                (
                    "id",
                    models.SmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("version", models.BigIntegerField(default=1)),
                ("is_suspended", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="policy_state_is_one_row"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "INSERT INTO tenancy_policystate (id, version, is_suspended) VALUES (1, 1, false)",
            migrations.RunSQL.noop,
        ),
    ]
