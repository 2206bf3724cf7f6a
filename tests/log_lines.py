"""Every line of the log as production writes it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


@contextmanager
def log_lines() -> Iterator[list[str]]:
    """Collect what is logged inside, down to the debugging of our own and Django's loggers."""
    lines: list[str] = []
    configured: Any = settings.LOGGING
    options = dict(configured["formatters"]["structured"])
    formatter = options.pop("()")
    if isinstance(formatter, str):
        formatter = import_string(formatter)

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Keep()
    handler.setFormatter(formatter(**options))
    loggers = [logging.getLogger(name) for name in ("", "django_structlog", "django.request")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
