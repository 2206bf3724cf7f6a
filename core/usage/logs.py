"""Reads of call logs, cut to the scope of who looks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from core.access.scopes import Scope
from core.kit.clock import now
from core.kit.problems import NotFound
from core.usage.models import CallLog
from core.usage.selectors import labels_of

# A row is shown to those who follow once nothing that was written before it can still appear.
SETTLED = timedelta(seconds=1)
# Content is sealed, so that searching it means opening one call after the other.
MOST_SEARCHED = 500


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a list of logs is narrowed by. Credits are micro-credits."""

    key_id: UUID | None = None
    member_id: UUID | None = None
    team_id: UUID | None = None
    llm: str = ""
    status: str = ""
    slower_than_ms: int | None = None
    dearer_than: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """One log with the names of who called."""

    log: CallLog
    member: str
    team: str
    key: str


def logs_for(product: str, scope: Scope, *, user_id: UUID | None) -> QuerySet[CallLog]:
    """Return the logs of a scope and the user's own, the newest first."""
    rows = CallLog.objects.filter(product=product).order_by("-request_id")
    if scope.everything:
        return rows
    inside = Q(organization_id__in=scope.organizations) | Q(team_id__in=scope.teams)
    if user_id is not None:
        inside |= Q(user_id=user_id)
    return rows.filter(inside)


def filtered(rows: QuerySet[CallLog], by: LogFilter) -> QuerySet[CallLog]:
    """Return those of some logs that fit."""
    exact = {
        "key_id": by.key_id,
        "member_id": by.member_id,
        "team_id": by.team_id,
        "llm": by.llm,
        "latency_ms__gte": by.slower_than_ms,
        "credits__gte": by.dearer_than,
        "began_at__gte": by.since,
        "began_at__lt": by.until,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value not in (None, "")})
    return _of_status(rows, by.status)


def logs_after(rows: QuerySet[CallLog], last: int, *, limit: int) -> list[CallLog]:
    """Return what was written after a row, the oldest first, for those who follow."""
    settled = rows.filter(written_at__lte=now() - SETTLED)
    return list(settled.filter(id__gt=last).order_by("id")[:limit])


def newest_id(rows: QuerySet[CallLog]) -> int:
    """Return the id to follow from."""
    settled = rows.filter(written_at__lte=now() - SETTLED).order_by("-id")
    return settled.values_list("id", flat=True).first() or 0


def log_of(rows: QuerySet[CallLog], request_id: UUID) -> CallLog:
    """Return one log.

    Raises:
        NotFound: there is none of this id among them.
    """
    found = rows.filter(request_id=request_id).first()
    if found is None:
        raise NotFound("There is no log of such a call.")
    return found


def with_names(logs: Iterable[CallLog]) -> list[Logged]:
    """Return logs with what member, team and key were called when they first spent."""
    page = list(logs)
    named = labels_of(
        subject for log in page for subject in (log.member_id, log.team_id, log.key_id)
    )

    def name(subject: UUID | None) -> str:
        return named.get(subject, "")

    return [Logged(log, name(log.member_id), name(log.team_id), name(log.key_id)) for log in page]


def _of_status(rows: QuerySet[CallLog], status: str) -> QuerySet[CallLog]:
    """`ok`, `failed`, a class such as `4xx`, or one status."""
    ranges: dict[str, Any] = {
        "ok": {"status_code__lt": 400},
        "failed": {"status_code__gte": 400},
        "4xx": {"status_code__gte": 400, "status_code__lt": 500},
        "5xx": {"status_code__gte": 500},
    }
    if status in ranges:
        return rows.filter(**ranges[status])
    return rows.filter(status_code=int(status)) if status.isdecimal() else rows
