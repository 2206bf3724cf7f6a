import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_first_versions_of_terms")]

    operations = [
        migrations.CreateModel(
            name='StatementSummary',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('product', models.CharField(max_length=16)),
                ('cycle_number', models.PositiveIntegerField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('used_microcredits', models.BigIntegerField()),
                ('covered_microcredits', models.BigIntegerField()),
                ('amount_microcredits', models.BigIntegerField()),
                ('limit_microcredits', models.BigIntegerField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('invoiced', 'Invoiced'), ('settled', 'Settled')], max_length=8, verbose_name='state')),
                ('reference', models.CharField(blank=True, max_length=120)),
                ('frozen_at', models.DateTimeField()),
                ('invoiced_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'overflow statement',
                'verbose_name_plural': 'overflow statements',
                'ordering': ('-frozen_at',),
            },
        ),
        migrations.AddField(
            model_name='statementsummary',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='tenants.account'),
        ),
        migrations.AddIndex(
            model_name='statementsummary',
            index=models.Index(fields=['state', '-frozen_at'], name='statements_by_state'),
        ),
        migrations.AddConstraint(
            model_name='statementsummary',
            constraint=models.UniqueConstraint(fields=('account', 'product', 'cycle_number'), name='one_statement_for_each_cycle'),
        ),
    ]
