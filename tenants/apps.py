from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core.tokens.keyring import use_key_ring
        from tenants.services.signing import key_ring

        use_key_ring(key_ring)
