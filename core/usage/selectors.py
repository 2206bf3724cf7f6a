"""Totals, breakdowns and the last calls of one product of the current account.

All figures come from `UsageEvent`, so they agree with the wallets to the micro-credit: refunds
and corrections are events of their own, and sums over all rows are right by themselves.

Every read takes the scope of who looks (`core.access.scopes`): the calls of a branch are those that
were made from a place in it, whoever made them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from core.access.scopes import Scope
from core.credits.models import Label, UsageEvent, UsageOutcome
from core.kit.clock import now
from core.kit.problems import NotFound

Dimension = Literal["organization", "team", "member", "key", "llm", "outcome"]

_COLUMNS: dict[Dimension, str] = {
    "organization": "organization_id",
    "team": "team_id",
    "member": "member_id",
    "key": "key_id",
    "llm": "llm",
    "outcome": "outcome",
}
_FAILED = (UsageOutcome.ERROR, UsageOutcome.TIMEOUT)
# Few enough rows to hold in memory, and enough that a file needs few queries.
_CHUNK = 2_000
# A correction or a refund belongs to a call that is counted already.
_IS_CALL = Q(corrects=None, refund_of=None)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over some time. `credits` are micro-credits."""

    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    credits: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """One day's sums, in UTC."""

    day: date
    calls: int
    errors: int
    credits: int


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a dimension with its sums. `id` is empty for calls without one."""

    id: str
    label: str
    calls: int
    errors: int
    tokens: int
    credits: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Call:
    """One event with the names of who called."""

    event: UsageEvent
    member: str
    team: str
    key: str


def first_moment(days: int) -> datetime:
    """Return the start of the first of the last `days` days, today included, in UTC."""
    today = now().astimezone(UTC).date()
    return datetime.combine(today - timedelta(days=days - 1), time.min, tzinfo=UTC)


def events_for(
    product: str,
    scope: Scope,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    **ids: Any,
) -> QuerySet[UsageEvent]:
    """Return a product's events, newest first; `ids` narrow by `member_id`, `llm` and so on."""
    rows = UsageEvent.objects.filter(_made_in(scope), product=product, **ids)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    if until is not None:
        rows = rows.filter(created_at__lt=until)
    return rows.order_by("-created_at", "-id")


def totals(
    product: str, scope: Scope, *, since: datetime, until: datetime | None = None, **ids: Any
) -> Totals:
    """Return the sums over some time."""
    found = events_for(product, scope, since=since, until=until, **ids).aggregate(
        calls=Count("id", filter=_IS_CALL),
        errors=Count("id", filter=_IS_CALL & Q(outcome__in=_FAILED)),
        input_tokens=Coalesce(Sum("input_tokens"), 0),
        output_tokens=Coalesce(Sum("output_tokens"), 0),
        credits=Coalesce(Sum("credits"), 0),
        cost_usd=Coalesce(Sum("cost_usd"), Decimal(0)),
    )
    return Totals(**found)


def totals_by_day(product: str, scope: Scope, *, days: int, **ids: Any) -> list[Day]:
    """Return one row for each of the last `days` days, today last, days without calls included."""
    first = first_moment(days)
    rows = (
        events_for(product, scope, since=first, **ids)
        .order_by()
        .annotate(day=TruncDate("created_at", tzinfo=UTC))
        .values("day")
        .annotate(
            calls=Count("id", filter=_IS_CALL),
            errors=Count("id", filter=_IS_CALL & Q(outcome__in=_FAILED)),
            spent=Coalesce(Sum("credits"), 0),
        )
    )
    found = {row["day"]: Day(row["day"], row["calls"], row["errors"], row["spent"]) for row in rows}
    every_day = [first.date() + timedelta(days=offset) for offset in range(days)]
    return [found.get(day) or Day(day, 0, 0, 0) for day in every_day]


def totals_by(
    product: str,
    scope: Scope,
    dimension: Dimension,
    *,
    since: datetime,
    until: datetime | None = None,
    limit: int = 100,
    **ids: Any,
) -> list[Row]:
    """Return the sums by one dimension, the dearest first."""
    column = _COLUMNS[dimension]
    rows = list(
        events_for(product, scope, since=since, until=until, **ids)
        .order_by()
        .annotate(of=F(column))
        .values("of")
        .annotate(
            calls=Count("id", filter=_IS_CALL),
            errors=Count("id", filter=_IS_CALL & Q(outcome__in=_FAILED)),
            tokens=Coalesce(Sum(F("input_tokens") + F("output_tokens")), 0),
            spent=Coalesce(Sum("credits"), 0),
            cost=Coalesce(Sum("cost_usd"), Decimal(0)),
        )
        .order_by("-spent", "-calls", "of")[:limit]
    )
    named = labels_of([row["of"] for row in rows if isinstance(row["of"], UUID)])
    return [
        Row(
            id=str(row["of"] or ""),
            label=named.get(row["of"], "") or _plain(dimension, row["of"]),
            calls=row["calls"],
            errors=row["errors"],
            tokens=row["tokens"],
            credits=row["spent"],
            cost_usd=row["cost"],
        )
        for row in rows
    ]


def recent_calls(
    product: str,
    scope: Scope,
    *,
    since: datetime | None = None,
    limit: int = 50,
    before: UUID | None = None,
    **ids: Any,
) -> list[Call]:
    """Return the last events, newest first; `before` is the id of the last one already shown."""
    rows = events_for(product, scope, since=since, **ids)
    if before is not None:
        edge = events_for(product, scope, id=before).values_list("created_at", flat=True).first()
        if edge is not None:
            rows = rows.filter(Q(created_at__lt=edge) | Q(created_at=edge, id__lt=before))
    page = list(rows[:limit])
    named = labels_of(
        subject for event in page for subject in (event.member_id, event.team_id, event.key_id)
    )

    def name(subject: UUID | None) -> str:
        return named.get(subject, "")

    return [
        Call(event, name(event.member_id), name(event.team_id), name(event.key_id))
        for event in page
    ]


def every_call(product: str, scope: Scope, *, since: datetime, **ids: Any) -> Iterator[Call]:
    """Yield all events of some time, newest first, for a file."""
    before: UUID | None = None
    while page := recent_calls(product, scope, since=since, limit=_CHUNK, before=before, **ids):
        yield from page
        before = page[-1].event.pk


def call_for(product: str, scope: Scope, call_id: UUID) -> Call:
    """Return one event.

    Raises:
        NotFound: the scope has none of that id.
    """
    found = recent_calls(product, scope, limit=1, id=call_id)
    if not found:
        raise NotFound("There is no such call.")
    return found[0]


def label_of(product: str, scope: Scope, dimension: Dimension, value: str) -> str:
    """Return the label of one value of a dimension, as `totals_by` names it.

    What made no call in the scope is a dash: its name is nobody's business here.
    """
    if dimension in {"llm", "outcome"}:
        return _plain(dimension, value)
    seen: dict[str, Any] = {_COLUMNS[dimension]: value}
    if not events_for(product, scope, **seen).exists():
        return "–"
    return labels_of([UUID(value)]).get(UUID(value), "") or "–"


def labels_of(subjects: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Return what ids were called when they first spent; an erased one has no name."""
    known = {subject for subject in subjects if subject is not None}
    if not known:
        return {}
    return dict(Label.objects.filter(subject__in=known).values_list("subject", "text"))


def _made_in(scope: Scope) -> Q:
    if scope.everything:
        return Q()
    return Q(organization_id__in=scope.organizations) | Q(team_id__in=scope.teams)


def _plain(dimension: Dimension, value: object) -> str:
    if dimension == "outcome":
        return str(UsageOutcome(str(value)).label)
    return "–" if value is None or isinstance(value, UUID) else str(value)
