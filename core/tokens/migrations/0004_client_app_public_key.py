from django.db import migrations, models


class Migration(migrations.Migration):
    """A client app may sign with a key of its own, of which we hold the public half."""

    dependencies = (("tokens", "0003_client_app_open"),)

    operations = (
        migrations.AddField(
            model_name="clientapp",
            name="public_key",
            field=models.TextField(blank=True, default="", verbose_name="public key"),
        ),
    )
