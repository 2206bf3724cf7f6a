import core.kit.ids
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('credits', '0003_depth_by_kind'),
    ]

    operations = [
        migrations.CreateModel(
            name='OverflowStatement',
            fields=[
                ('id', models.UUIDField(default=core.kit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('used', models.BigIntegerField()),
                ('covered', models.BigIntegerField()),
                ('amount', models.BigIntegerField()),
                ('limit', models.BigIntegerField(db_column='credit_limit')),
                ('state', models.CharField(choices=[('open', 'Open'), ('invoiced', 'Invoiced'), ('settled', 'Settled')], default='open', max_length=8)),
                ('reference', models.CharField(blank=True, max_length=120)),
                ('frozen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('invoiced_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'overflow statement',
                'ordering': ('book', '-cycle__number'),
            },
        ),
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.UUIDField(default=core.kit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('grant', models.BigIntegerField(default=0)),
                ('period', models.CharField(choices=[('none', 'Never'), ('day', 'Daily'), ('week', 'Weekly'), ('month', 'Monthly'), ('quarter', 'Quarterly'), ('year', 'Yearly')], default='none', max_length=8)),
                ('anchor_day', models.PositiveSmallIntegerField(default=1)),
                ('anchor_month', models.PositiveSmallIntegerField(default=1)),
                ('rollover', models.CharField(choices=[('none', 'Nothing: it expires'), ('all', 'Everything'), ('capped', 'Up to a cap')], default='none', max_length=8)),
                ('rollover_cap', models.BigIntegerField(default=0)),
                ('effective_from', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'verbose_name': 'plan',
                'ordering': ('book', 'version'),
            },
        ),
        migrations.AddField(
            model_name='cycle',
            name='closed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='cycle',
            name='ended_by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='credits.act'),
        ),
        migrations.AddField(
            model_name='cycle',
            name='overflow_limit',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='cycle',
            name='rollover_left',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='cycle',
            name='shortfall',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='cycle',
            name='plan_version',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name='cycle',
            constraint=models.CheckConstraint(condition=models.Q(('shortfall__gte', 0), models.Q(('rollover_left', None), ('rollover_left__gte', 0), _connector='OR')), name='cycle_rests_not_negative'),
        ),
        migrations.AddField(
            model_name='overflowstatement',
            name='book',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='credits.book'),
        ),
        migrations.AddField(
            model_name='overflowstatement',
            name='cycle',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='statement', to='credits.cycle'),
        ),
        migrations.AddField(
            model_name='plan',
            name='book',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='plans', to='credits.book'),
        ),
        migrations.AddConstraint(
            model_name='overflowstatement',
            constraint=models.CheckConstraint(condition=models.Q(('amount', django.db.models.expressions.CombinedExpression(models.F('used'), '-', models.F('covered')))), name='statement_adds_up'),
        ),
        migrations.AddConstraint(
            model_name='overflowstatement',
            constraint=models.CheckConstraint(condition=models.Q(('covered__gte', 0), ('limit__gte', 0)), name='statement_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='overflowstatement',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'invoiced', 'settled'])), name='statement_state_is_known'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.UniqueConstraint(fields=('book', 'version'), name='each_plan_version_once'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('grant__gte', 0), ('rollover_cap__gte', 0)), name='plan_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('anchor_day__range', (1, 7)), ('period', 'week')), models.Q(models.Q(('period', 'week'), _negated=True), ('anchor_day__range', (1, 31))), _connector='OR'), name='plan_anchor_day_exists'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('anchor_month__range', (1, 12))), name='plan_anchor_month_exists'),
        ),
        migrations.AddConstraint(
            model_name='plan',
            constraint=models.CheckConstraint(condition=models.Q(('period__in', ['none', 'day', 'week', 'month', 'quarter', 'year']), ('rollover__in', ['none', 'all', 'capped'])), name='plan_words_are_known'),
        ),
    ]
