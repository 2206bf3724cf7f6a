from decimal import Decimal

import django.db.models.deletion
from django.db import migrations, models

import core.kit.ids


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="DailyFigure",
            fields=[
                ("id", models.UUIDField(default=core.kit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("product", models.CharField(max_length=16)),
                ("day", models.DateField(db_index=True)),
                ("calls", models.PositiveBigIntegerField(default=0)),
                ("errors", models.PositiveBigIntegerField(default=0)),
                ("charged_microcredits", models.BigIntegerField(default=0)),
                ("cost_usd", models.DecimalField(decimal_places=12, default=Decimal("0"), max_digits=24)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="daily_figures", to="tenants.account")),
            ],
            options={
                "verbose_name": "daily figure",
                "constraints": [
                    models.UniqueConstraint(fields=("account", "product", "day"), name="one_figure_for_each_day"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AccountFigure",
            fields=[
                ("id", models.UUIDField(default=core.kit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("product", models.CharField(max_length=16)),
                ("cycle_number", models.PositiveIntegerField(default=1)),
                ("cycle_starts_at", models.DateTimeField()),
                ("cycle_ends_at", models.DateTimeField(null=True)),
                ("granted_microcredits", models.BigIntegerField(default=0)),
                ("used_microcredits", models.BigIntegerField(default=0)),
                ("reserved_microcredits", models.BigIntegerField(default=0)),
                ("left_microcredits", models.BigIntegerField(default=0)),
                ("unallocated_microcredits", models.BigIntegerField(default=0)),
                ("pool_microcredits", models.BigIntegerField(default=0)),
                ("overflow_used_microcredits", models.BigIntegerField(default=0)),
                ("overflow_limit_microcredits", models.BigIntegerField(default=0)),
                ("members", models.PositiveIntegerField(default=0)),
                ("last_call_at", models.DateTimeField(null=True)),
                ("as_of", models.DateTimeField()),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="figures", to="tenants.account")),
            ],
            options={
                "verbose_name": "account figure",
                "constraints": [
                    models.UniqueConstraint(fields=("account", "product"), name="one_figure_for_each_product"),
                ],
            },
        ),
    ]
