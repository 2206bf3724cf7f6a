"""What a client app may use its tokens for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="clientapp",
            name="scopes",
            field=models.JSONField(default=list, verbose_name="scopes"),
            preserve_default=False,
        ),
    ]
