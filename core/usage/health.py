"""How fast calls were and how many failed, day by day, from their logs."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Aggregate, Count, FloatField, Q, QuerySet
from django.db.models.functions import TruncDate

from core.kit.clock import now
from core.usage.models import CallLog


class Percentile(Aggregate):
    """A percentile of a column, as Postgres computes it over a sorted set."""

    function = "PERCENTILE_CONT"
    output_field = FloatField()
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, expression: str, share: float, **extra: Any) -> None:
        super().__init__(expression, share=share, **extra)


@dataclass(frozen=True, slots=True)
class HealthDay:
    """One day's calls, how many were refused or failed, and how long they took."""

    day: date
    calls: int = 0
    refused: int = 0
    failed: int = 0
    median_ms: float | None = None
    slow_ms: float | None = None


def health_by_day(rows: QuerySet[CallLog], *, days: int) -> list[HealthDay]:
    """Return one row for each of the last `days` days in UTC, today last."""
    first = now().astimezone(UTC).date() - timedelta(days=days - 1)
    found = (
        rows.filter(began_at__gte=datetime.combine(first, time.min, tzinfo=UTC))
        .order_by()
        .annotate(day=TruncDate("began_at", tzinfo=UTC))
        .values("day")
        .annotate(
            calls=Count("id"),
            refused=Count("id", filter=Q(status_code__gte=400, status_code__lt=500)),
            failed=Count("id", filter=Q(status_code__gte=500)),
            # Refusals answer at once, and would make everything look fast.
            median_ms=Percentile("latency_ms", 0.5, filter=Q(status_code__lt=400)),
            slow_ms=Percentile("latency_ms", 0.95, filter=Q(status_code__lt=400)),
        )
    )
    by_day = {row["day"]: HealthDay(**row) for row in found}
    every = [first + timedelta(days=offset) for offset in range(days)]
    return [by_day.get(day) or HealthDay(day) for day in every]


def error_codes(rows: QuerySet[CallLog], *, since: datetime, limit: int = 8) -> list[Any]:
    """Return the codes of what was refused or failed, the most frequent first."""
    bad = rows.filter(began_at__gte=since, status_code__gte=400).order_by()
    counted = bad.values("status_code", "error_code").annotate(calls=Count("id"))
    return list(counted.order_by("-calls", "error_code")[:limit])
