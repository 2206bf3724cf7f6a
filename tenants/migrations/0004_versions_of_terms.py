from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0003_audit_anchors")]

    operations = [
        migrations.AlterModelOptions(
            name="creditterms",
            options={
                "ordering": ("-version",),
                "verbose_name": "credit terms",
                "verbose_name_plural": "credit terms",
            },
        ),
        migrations.RemoveConstraint(
            model_name="creditterms", name="one_set_of_terms_for_each_product"
        ),
        migrations.RemoveConstraint(
            model_name="creditterms", name="credit_terms_are_not_negative"
        ),
        migrations.RenameField(
            model_name="creditterms", old_name="changed_at", new_name="created_at"
        ),
        migrations.AddField(
            model_name='creditterms',
            name='anchor_day',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='creditterms',
            name='anchor_month',
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='creditterms',
            name='created_by',
            field=models.CharField(blank=True, max_length=254),
        ),
        migrations.AddField(
            model_name='creditterms',
            name='effective_from',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='creditterms',
            name='plan_version',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='creditterms',
            name='reason',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name='creditterms',
            name='rollover',
            field=models.CharField(choices=[('none', 'Nothing: it expires'), ('all', 'Everything'), ('capped', 'Up to a cap')], default='none', max_length=8),
        ),
        migrations.AddField(
            model_name='creditterms',
            name='rollover_cap_microcredits',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='creditterms',
            name='version',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AlterField(
            model_name='creditterms',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True),
        ),
        migrations.AlterField(
            model_name='creditterms',
            name='period',
            field=models.CharField(choices=[('none', 'Never'), ('day', 'Daily'), ('week', 'Weekly'), ('month', 'Monthly'), ('quarter', 'Quarterly'), ('year', 'Yearly')], default='month', max_length=16),
        ),
        migrations.AddConstraint(
            model_name='creditterms',
            constraint=models.UniqueConstraint(fields=('account', 'product', 'version'), name='each_version_of_terms_once'),
        ),
        migrations.AddConstraint(
            model_name='creditterms',
            constraint=models.CheckConstraint(condition=models.Q(('grant_microcredits__gte', 0), ('overflow_limit_microcredits__gte', 0), ('rollover_cap_microcredits__gte', 0)), name='credit_terms_are_not_negative'),
        ),
    ]
