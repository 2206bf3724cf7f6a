from django.apps import AppConfig


class CopilotConfig(AppConfig):
    name = "copilot"
    verbose_name = "Copilot"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from copilot.product import PRODUCT
        from core.api.schema import register_product
        from core.hierarchy.product import register

        register(PRODUCT)
        register_product(slug=PRODUCT.slug, title=PRODUCT.title, urls=f"{self.name}.api.v1.urls")
