from django.apps import AppConfig


class CopilotConfig(AppConfig):
    name = "copilot"
    verbose_name = "Copilot"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from copilot.product import PRODUCT
        from core.hierarchy.product import register

        register(PRODUCT)
