import django.db.models.functions.datetime
from django.db import migrations, models

import core.kit.ids


class Migration(migrations.Migration):
    dependencies = [("credits", "0011_what_left_a_split")]

    operations = [
        migrations.CreateModel(
            name="Dormancy",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=core.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "starts_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("ends_at", models.DateTimeField(null=True)),
            ],
            options={"verbose_name": "dormancy", "verbose_name_plural": "dormancies"},
        ),
        migrations.AddConstraint(
            model_name="dormancy",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ends_at", None)),
                fields=("ends_at",),
                name="one_dormancy_at_a_time",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="dormancy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at", None), ("ends_at__gte", models.F("starts_at")), _connector="OR"
                ),
                name="dormancy_ends_after_it_starts",
            ),
        ),
    ]
