"""Celery and its clock."""

from celery.schedules import crontab

from cockpit.settings.base import DATA
from cockpit.settings.database import REDIS_URL

CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL
CELERY_RESULT_EXPIRES = 3600
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = 30 * 60
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Embedded Valkey loses nothing in a kill, but a job that outlives this comes twice; all are
# idempotent.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA / "celerybeat-schedule")

# One clock; each entry fans out one job an account.
CELERY_BEAT_SCHEDULE = {
    "sweep-reservations": {"task": "platform.sweep_reservations", "schedule": 30.0},
    "renew-books": {"task": "platform.renew_books", "schedule": 60.0},
    "watch-credits": {"task": "platform.watch_credits", "schedule": 300.0},
    "resume-people-jobs": {"task": "platform.resume_people_jobs", "schedule": 60.0},
    "sweep-tokens": {"task": "platform.sweep_tokens", "schedule": 3600.0},
    "forget-notifications": {"task": "platform.forget_notifications", "schedule": 86_400.0},
    "end-grants": {"task": "platform.end_grants", "schedule": 60.0},
    "forget-refusals": {"task": "platform.forget_refusals", "schedule": 86_400.0},
    "expiring-keys": {"task": "platform.warn_of_expiring_keys", "schedule": 21_600.0},
    "seal-audit": {"task": "platform.seal_audit", "schedule": 60.0},
    "seal-audit-from-the-beginning": {
        "task": "platform.seal_audit",
        "schedule": crontab(hour=3, minute=17),
        "kwargs": {"from_the_beginning": True},
    },
    "anchor-audit": {"task": "platform.anchor_audit", "schedule": 600.0},
    "forget-calls": {"task": "platform.forget_calls", "schedule": 3600.0},
    "sweep-answers": {"task": "platform.sweep_answers", "schedule": 3600.0},
    "daily-figures": {"task": "platform.daily_figures", "schedule": 300.0},
}
