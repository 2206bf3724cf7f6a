"""What deserves a super admin's attention. Pure; amounts are micro-credits."""

from collections.abc import Sequence
from datetime import datetime, timedelta

# Figures come every five minutes; after this the job has surely failed.
STALE_AFTER = timedelta(minutes=30)
NEARLY_OUT_PERCENT = 10
OVERFLOW_PERCENT = 80
# With fewer calls one error already looks like a disaster.
ENOUGH_CALLS = 20
MANY_ERRORS_PERCENT = 10

_WIDTH, _HEIGHT, _MARGIN = 112, 28, 2


def is_out(*, granted: int, left: int) -> bool:
    """Whether nothing is left of what was granted."""
    return granted > 0 and left <= 0


def is_nearly_out(*, granted: int, left: int) -> bool:
    """Whether less than a tenth is left."""
    return granted > 0 and 0 < left * 100 < granted * NEARLY_OUT_PERCENT


def is_deep_in_overflow(*, used: int, limit: int) -> bool:
    """Whether most of the credit line is drawn."""
    return used > 0 and used * 100 >= limit * OVERFLOW_PERCENT


def has_many_errors(*, calls: int, errors: int) -> bool:
    """Whether a tenth of a fair number of calls failed."""
    return calls >= ENOUGH_CALLS and errors * 100 >= calls * MANY_ERRORS_PERCENT


def is_stale(as_of: datetime, *, now: datetime) -> bool:
    """Whether figures are older than the job that pushes them should allow."""
    return now - as_of > STALE_AFTER


def change_percent(current: int, before: int) -> int | None:
    """Return by how many percent a figure moved; None where there is nothing to compare with."""
    if before <= 0:
        return None
    return round((current - before) * 100 / before)


def spark_points(values: Sequence[int]) -> str:
    """Return the points of a small line, as SVG takes them, in a box of 112 by 28."""
    if len(values) < 2:
        return ""
    highest = max(*values, 1)
    step = (_WIDTH - 2 * _MARGIN) / (len(values) - 1)
    room = _HEIGHT - 2 * _MARGIN
    return " ".join(
        f"{_MARGIN + index * step:.1f},{_HEIGHT - _MARGIN - max(value, 0) / highest * room:.1f}"
        for index, value in enumerate(values)
    )
