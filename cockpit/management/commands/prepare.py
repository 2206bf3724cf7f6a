"""`manage.py prepare`: what has to be done before the processes start."""

import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from redis import Redis, RedisError


class Command(BaseCommand):
    """Bring the database, the demo and the static files up to date; quick when they are."""

    help = __doc__
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps in order; each one says when it begins and how long it took."""
        try:
            self._step("Bringing all schemas up to date", "migrate_all")
            # Without it Cockpit runs, but slower and without jobs; that is never meant here.
            Redis.from_url(settings.REDIS_URL, socket_connect_timeout=5, socket_timeout=5).ping()
            if settings.DEMO:
                self._step("Seeding the demo", "seed_demo")
            self._step("Collecting static files", "collectstatic", interactive=False, verbosity=0)
        except OperationalError as error:
            database = settings.DATABASES["default"]
            raise CommandError(
                f"The database at {database['HOST']}:{database['PORT']} cannot be used: {error}"
            ) from error
        except RedisError as error:
            raise CommandError(f"The server of REDIS_URL cannot be used: {error}") from error
        except OSError as error:
            raise CommandError(f"{error.strerror}: {error.filename}") from error

    def _step(self, title: str, command: str, **options: Any) -> None:
        self.stdout.write(f"{title} ...")
        self.stdout.flush()
        began = time.monotonic()
        call_command(command, stdout=self.stdout, **options)
        self.stdout.write(f"{title}: done after {time.monotonic() - began:.1f} s.")
