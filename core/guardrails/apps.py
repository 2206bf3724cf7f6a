from django.apps import AppConfig


class GuardrailsConfig(AppConfig):
    name = "core.guardrails"
    label = "guardrails"
    default_auto_field = "django.db.models.BigAutoField"
