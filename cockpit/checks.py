"""System checks across packages."""

from typing import Any

from django.core.checks import CheckMessage, Error, register


@register
def scheduled_jobs_exist(**_: Any) -> list[CheckMessage]:
    """Each entry of the schedule names a registered job."""
    from cockpit.celery import app

    return [
        Error(f"The schedule's entry {entry} names no job.", id="cockpit.E001")
        for entry, settings in app.conf.beat_schedule.items()
        if settings["task"] not in app.tasks
    ]
