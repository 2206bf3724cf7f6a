from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = "Console"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from console.product import PRODUCT
        from console.selectors.keys import count_working_keys
        from core.api.schema import register_product
        from core.hierarchy.keys import register_keys
        from core.hierarchy.product import register

        register(PRODUCT)
        register_keys(PRODUCT.slug, count_working_keys)
        register_product(slug=PRODUCT.slug, title=PRODUCT.title, urls=f"{self.name}.api.v1.urls")
