"""`manage.py seed_demo`: the two demo accounts."""

from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cockpit.demo.seeding import demo_file, seed


class Command(BaseCommand):
    """Seeds the demo once; running it again changes nothing."""

    help = "Seed two demo accounts and write who to log in as into demo.json."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Set COCKPIT_DEMO=1: the demo never goes into a real installation.")
        # Jobs run here at once. A worker that found dozens of mails to write would push who to
        # log in as off the screen.
        current_app.conf.task_always_eager = True
        try:
            seed(self.stdout.write)
        finally:
            current_app.conf.task_always_eager = False
        self.stdout.write(f"Demo: ready; who to log in as is in {demo_file().name}")
