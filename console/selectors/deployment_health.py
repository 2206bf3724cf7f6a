"""How deployments do: what they answered and where they failed, hour by hour, and a verdict.

Calls are those that the ledger knows. A try that failed and was made good by another deployment
leaves no event; it comes from the logs, as far as the account keeps them.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, F, Func, Q, Value
from django.db.models.fields import DateTimeField

from console.models import CheckOutcome, Deployment
from console.product import PRODUCT
from core.credits.models import UsageEvent
from core.usage.health import Percentile, Span, failed_tries, rescued, span_of

HEALTH_HOURS = 24
# Too many of a few is no trend.
_FEWEST = 5
# Shares of tries that fail, in percent.
_FAILING, _DEGRADED = 50, 5

State = Literal["off", "failing", "degraded", "healthy", "untested", "broken", "idle"]


@dataclass(slots=True)
class Hour:
    """What was asked of a deployment in one hour."""

    moment: datetime
    tries: int = 0
    failed: int = 0

    @property
    def tone(self) -> str:
        """How it went, as a word that the page has a colour for."""
        if not self.tries:
            return "none"
        if not self.failed:
            return "good"
        return "bad" if self.failed * 100 >= self.tries * _FAILING else "warn"


@dataclass(slots=True)
class DeploymentHealth:
    """How a deployment has done in the last day. Times in milliseconds, of what it answered."""

    hours: list[Hour] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    p50: float | None = None
    p95: float | None = None
    last_failed: datetime | None = None

    @property
    def tries(self) -> int:
        """How often it was asked."""
        return sum(hour.tries for hour in self.hours)

    @property
    def failed(self) -> int:
        """How often it could not answer."""
        return sum(hour.failed for hour in self.hours)

    @property
    def is_in_trouble(self) -> bool:
        """Whether every fifth try fails."""
        return self.tries >= _FEWEST and self.failed * 5 >= self.tries

    @property
    def bad_hours(self) -> int:
        """In how many hours something failed."""
        return sum(1 for hour in self.hours if hour.failed)


def health_span() -> Span:
    """Return the hours that health is judged by."""
    return span_of(HEALTH_HOURS, timedelta(hours=1))


def health_of(rows: Sequence[Deployment]) -> dict[UUID, DeploymentHealth]:
    """Return how deployments have done in the last day; three queries for any number of them."""
    if not rows:
        return {}
    span = health_span()
    places = {
        row.label: DeploymentHealth([Hour(moment) for moment in span.moments]) for row in rows
    }
    at = {moment: number for number, moment in enumerate(span.moments)}
    for label, moment, code, calls, is_failed in _ended(span, places):
        _note(places[label], at.get(moment), code if is_failed else "", calls, moment)
    for each in failed_tries(PRODUCT.slug, span):
        if each.deployment in places:
            _note(places[each.deployment], at.get(each.moment), each.code, each.tries, each.moment)
    for label, p50, p95 in _times(span, places):
        places[label].p50, places[label].p95 = p50, p95
    return {row.pk: places[row.label] for row in rows}


def calls_rescued(llms: Collection[str]) -> int:
    """Return how many calls of some LLMs another deployment answered in the last day."""
    return rescued(PRODUCT.slug, health_span(), llms=llms)


def state_of(deployment: Deployment, health: DeploymentHealth) -> State:
    """Return a verdict: by the last hours in which it was asked, else by its last test."""
    if not deployment.is_active:
        return "off"
    tries, failed = _lately(health.hours)
    if tries:
        if failed * 100 >= tries * _FAILING:
            return "failing"
        return "degraded" if failed * 100 >= tries * _DEGRADED else "healthy"
    if not deployment.test_outcome:
        return "untested"
    return "idle" if deployment.test_outcome == CheckOutcome.OK else "broken"


def _lately(hours: Iterable[Hour]) -> tuple[int, int]:
    """Return the newest tries that are enough to judge by, and how many of them failed."""
    tries = failed = 0
    for hour in reversed(list(hours)):
        tries, failed = tries + hour.tries, failed + hour.failed
        if tries >= _FEWEST:
            break
    return tries, failed


def _note(
    health: DeploymentHealth, at: int | None, code: str, calls: int, moment: datetime
) -> None:
    if at is None:
        return
    health.hours[at].tries += calls
    if code:
        health.hours[at].failed += calls
        health.reasons[code] += calls
        health.last_failed = max(health.last_failed or moment, moment)


def _ended(span: Span, labels: Iterable[str]) -> Iterable[tuple[str, datetime, str, int, bool]]:
    moment = Func(
        Value(span.step), F("created_at"), Value(span.since),
        function="date_bin", output_field=DateTimeField(),
    )  # fmt: skip
    found = (
        _events(span, labels)
        .annotate(moment=moment)
        .values_list("deployment", "moment", "error_code", "outcome")
        .annotate(calls=Count("id"))
    )
    for label, at, code, outcome, calls in found:
        # A client that leaves, or a guardrail that blocks, is no fault of the deployment.
        is_failed = outcome in ("error", "timeout")
        yield label, at, code or outcome, calls, is_failed


def _times(span: Span, labels: Iterable[str]) -> Iterable[tuple[str, float | None, float | None]]:
    answered = ~Q(outcome__in=("error", "timeout"))
    yield from (
        _events(span, labels)
        .values_list("deployment")
        .annotate(
            p50=Percentile("latency_ms", 0.5, filter=answered),
            p95=Percentile("latency_ms", 0.95, filter=answered),
        )
    )


def _events(span: Span, labels: Iterable[str]) -> Any:
    return UsageEvent.objects.filter(
        product=PRODUCT.slug, created_at__gte=span.since, deployment__in=list(labels)
    ).order_by()
