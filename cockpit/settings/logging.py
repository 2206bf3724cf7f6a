"""Structured logs: one line an event, with account, actor and request id; JSON in production."""

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from cockpit.settings import env
from cockpit.settings.base import DEMO

# Whoever reads the log must not be able to follow somebody's invitation or password reset.
_LINKS = re.compile(r"(/invitations/|/password/reset/key/)[^/\s\"']+")


def _without_links(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in ("event", "request"):
        if isinstance(event.get(name), str):
            event[name] = _LINKS.sub(r"\1…", event[name])
    return event


_SHARED = (
    structlog.contextvars.merge_contextvars,
    _without_links,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="%H:%M:%S" if DEMO else "iso"),
)
_RENDERERS: list[Any] = (
    # The pretty tracebacks print every local variable, passwords among them.
    [
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
    if DEMO or env.flag("COCKPIT_DEBUG")
    else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
)

# `EdgeMiddleware` has put an id of ours there.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True

structlog.configure(
    processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_RENDERERS,
            ],
            "foreign_pre_chain": _SHARED,
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": env.text("COCKPIT_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "LiteLLM": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "presidio-analyzer": {"level": "ERROR"},
        "django_structlog": {"level": "WARNING"},
        # Two lines for each job that had nothing to do would bury the rest; failures are errors.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
