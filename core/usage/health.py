"""How fast calls were and how many failed, over time and by LLM, from their logs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db import connection
from django.db.models import (
    Aggregate,
    Count,
    DateTimeField,
    F,
    FloatField,
    Func,
    Q,
    QuerySet,
    Value,
)

from core.kit.clock import now
from core.usage.models import CallLog

Measure = Literal["latency_ms", "first_token_ms"]
SHARES = {50: 0.5, 95: 0.95, 99: 0.99}
_DAY = timedelta(days=1)


class Percentile(Aggregate):
    """A percentile of a column, as Postgres computes it over a sorted set."""

    function = "PERCENTILE_CONT"
    output_field = FloatField()
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, expression: str, share: float, **extra: Any) -> None:
        super().__init__(expression, share=share, **extra)


@dataclass(frozen=True, slots=True)
class Span:
    """Some time in equal steps, the last of which is still running."""

    since: datetime
    step: timedelta
    steps: int

    @property
    def moments(self) -> list[datetime]:
        """When each step begins."""
        return [self.since + self.step * number for number in range(self.steps)]


def span_of(steps: int, step: timedelta) -> Span:
    """Return the last so many steps up to now; they begin with midnight in UTC, or divide it."""
    assert _DAY % step == timedelta(0)
    midnight = now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begun = (now() - midnight) // step
    return Span(midnight + step * (begun + 1 - steps), step, steps)


@dataclass(frozen=True, slots=True)
class Pace:
    """How some calls went. Refusals answer at once, so percentiles are of answered calls only."""

    calls: int = 0
    refused: int = 0
    failed: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    @property
    def error_percent(self) -> float:
        """The share of calls that were refused or failed."""
        return (self.refused + self.failed) * 100 / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class FailedTries:
    """How often a deployment could not answer for one reason, so that another was asked."""

    deployment: str
    code: str
    moment: datetime
    tries: int


def pace(rows: QuerySet[CallLog], span: Span, measure: Measure) -> Pace:
    """Return how all calls of a span went."""
    return Pace(**_within(rows, span).aggregate(**_sums(measure)))


def pace_over_time(rows: QuerySet[CallLog], span: Span, measure: Measure) -> list[Pace]:
    """Return how calls went in each step of a span."""
    found = _stepped(rows, span).values("moment").annotate(**_sums(measure))
    by_moment = {row.pop("moment"): Pace(**row) for row in found}
    return [by_moment.get(moment) or Pace() for moment in span.moments]


def pace_by_llm(rows: QuerySet[CallLog], span: Span, measure: Measure) -> dict[str, Pace]:
    """Return how the calls of each LLM went, that with the most calls first."""
    found = _within(rows, span).values("llm").annotate(**_sums(measure)).order_by("-calls", "llm")
    return {row.pop("llm"): Pace(**row) for row in found}


def percentile_lines(
    rows: QuerySet[CallLog], span: Span, measure: Measure, *, share: float, llms: Sequence[str]
) -> dict[str, list[float | None]]:
    """Return a percentile of each of some LLMs in each step of a span."""
    answered = Q(status_code__lt=400)
    found = (
        _stepped(rows.filter(llm__in=llms), span)
        .values("llm", "moment")
        .annotate(value=Percentile(measure, share, filter=answered))
    )
    values = {(row["llm"], row["moment"]): row["value"] for row in found}
    return {llm: [values.get((llm, moment)) for moment in span.moments] for llm in llms}


def reasons_over_time(
    rows: QuerySet[CallLog], span: Span, *, most: int
) -> tuple[dict[str, list[int]], list[int]]:
    """Return how many calls each of the most frequent codes refused or failed, and all others."""
    found = (
        _stepped(rows.filter(status_code__gte=400), span)
        .values("error_code", "moment")
        .annotate(calls=Count("id"))
    )
    counts = {(row["error_code"], row["moment"]): row["calls"] for row in found}
    totals: dict[str, int] = {}
    for (code, _), calls in counts.items():
        totals[code] = totals.get(code, 0) + calls
    codes = sorted(totals, key=lambda code: (-totals[code], code))
    lines = {code: [counts.get((code, at), 0) for at in span.moments] for code in codes}
    others = [sum(lines[code][step] for code in codes[most:]) for step in range(span.steps)]
    return {code: lines[code] for code in codes[:most]}, others


def error_codes(rows: QuerySet[CallLog], span: Span, *, limit: int = 12) -> list[Any]:
    """Return the codes of what was refused or failed, the most frequent first."""
    bad = _within(rows, span).filter(status_code__gte=400)
    counted = bad.values("status_code", "error_code").annotate(calls=Count("id"))
    return list(counted.order_by("-calls", "error_code")[:limit])


def failed_tries(product: str, span: Span) -> list[FailedTries]:
    """Return the tries that failed and were followed by another, by deployment, code and step."""
    # Django has no words for a row that becomes several.
    values: Sequence[Any] = (span.step, span.since, product, span.since, span.since)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT each ->> 'deployment', each ->> 'code', date_bin(%s, began_at, %s), count(*)
            FROM usage_calllog CROSS JOIN LATERAL jsonb_array_elements(passed_over) AS each
            WHERE product = %s AND written_at >= %s AND began_at >= %s AND passed_over <> '[]'
            GROUP BY 1, 2, 3
            """,
            values,
        )
        return [FailedTries(*row) for row in cursor.fetchall()]


def rescued(product: str, span: Span, *, llms: Collection[str]) -> int:
    """Return how many calls of some LLMs were answered although the first asked could not."""
    mine = _within(CallLog.objects.filter(product=product, llm__in=llms), span)
    return int(mine.filter(status_code__lt=400).exclude(passed_over=[]).count())


def _within(rows: QuerySet[CallLog], span: Span) -> Any:
    # What began in the span was written in it too, and that is what the index is on.
    return rows.filter(written_at__gte=span.since, began_at__gte=span.since).order_by()


def _stepped(rows: QuerySet[CallLog], span: Span) -> Any:
    moment = Func(
        Value(span.step), F("began_at"), Value(span.since),
        function="date_bin", output_field=DateTimeField(),
    )  # fmt: skip
    return _within(rows, span).annotate(moment=moment)


def _sums(measure: Measure) -> dict[str, Any]:
    answered = Q(status_code__lt=400)
    return {
        "calls": Count("id"),
        "refused": Count("id", filter=Q(status_code__gte=400, status_code__lt=500)),
        "failed": Count("id", filter=Q(status_code__gte=500)),
        **{f"p{name}": Percentile(measure, share, filter=answered)
           for name, share in SHARES.items()},
    }  # fmt: skip
