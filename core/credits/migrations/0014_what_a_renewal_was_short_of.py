from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("credits", "0013_dormancy_of_archived_accounts")]

    operations = [
        migrations.AddField(
            model_name="allocationrule",
            name="short",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name="allocationrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("short__gte", 0), ("short__lte", models.F("amount"))),
                name="allocation_rule_short_of_its_amount",
            ),
        ),
    ]
