from django.apps import AppConfig


class CockpitConfig(AppConfig):
    name = "cockpit"

    def ready(self) -> None:
        from cockpit import checks  # noqa: F401  registers the checks
        from cockpit.celery import app

        # Services queue jobs by name in every process, so every process knows them all.
        app.autodiscover_tasks(force=True)
