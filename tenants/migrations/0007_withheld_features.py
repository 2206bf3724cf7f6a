
import core.kit.ids
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0006_statement_summaries'),
    ]

    operations = [
        migrations.CreateModel(
            name='WithheldFeature',
            fields=[
                ('id', models.UUIDField(default=core.kit.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('product', models.CharField(max_length=16)),
                ('feature', models.CharField(max_length=40)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='withheld_features', to='tenants.account')),
            ],
            options={
                'verbose_name': 'withheld feature',
                'constraints': [models.UniqueConstraint(fields=('account', 'product', 'feature'), name='each_feature_withheld_once')],
            },
        ),
    ]
