
import core.kit.ids
import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='FeatureSwitch',
            fields=[
                ('id', models.UUIDField(default=core.kit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('product', models.CharField(max_length=16)),
                ('node_id', models.UUIDField()),
                ('feature', models.CharField(max_length=40)),
                ('is_on', models.BooleanField()),
                ('is_locked', models.BooleanField(default=False)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name': 'feature switch',
                'verbose_name_plural': 'feature switches',
                'constraints': [models.UniqueConstraint(fields=('product', 'node_id', 'feature'), name='one_switch_a_node_and_feature')],
            },
        ),
        migrations.CreateModel(
            name='NodeLlmPolicy',
            fields=[
                ('id', models.UUIDField(default=core.kit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('product', models.CharField(max_length=16)),
                ('node_id', models.UUIDField()),
                ('only', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), null=True, size=None)),
                ('add', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('block', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('is_locked', models.BooleanField(default=False)),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name': 'LLM policy',
                'verbose_name_plural': 'LLM policies',
                'constraints': [models.UniqueConstraint(fields=('product', 'node_id'), name='one_llm_policy_for_each_node')],
            },
        ),
    ]
