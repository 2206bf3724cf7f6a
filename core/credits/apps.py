from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CreditsConfig(AppConfig):
    name = "core.credits"
    label = "credits"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core.credits import verbs  # noqa: F401  declares them
        from core.credits.install import install_after_migrations

        post_migrate.connect(install_after_migrations, sender=self)
