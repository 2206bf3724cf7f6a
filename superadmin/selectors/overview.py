"""Figures of all accounts and of one, from the tables that jobs push them to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from core.kit.clock import now
from superadmin import rules
from superadmin.selectors.alerts import Alert, alerts
from tenants.models import (
    Account,
    AccountFigure,
    AccountState,
    DailyFigure,
)

DAYS = 14
# The overview shows the busiest ones and leads to the list of all.
_ACCOUNTS_SHOWN = 25
_ALERTS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over some days; `charged` are micro-credits."""

    calls: int = 0
    errors: int = 0
    charged: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def error_percent(self) -> float:
        """Failed calls among all, in percent."""
        return round(self.errors * 100 / self.calls, 1) if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day: micro-credits by product, and calls."""

    day: date
    charged: dict[str, int]
    calls: int


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account in the overview."""

    account: Account
    sums: Sums
    figures: dict[str, AccountFigure]
    trend: tuple[int, ...]

    @property
    def used(self) -> int:
        """Micro-credits used in the open cycles of both products, overflow included."""
        return sum(
            figure.used_microcredits + figure.overflow_used_microcredits
            for figure in self.figures.values()
        )

    @property
    def spark(self) -> str:
        """The trend as the points of a small line; empty when nothing happened."""
        return rules.spark_points(self.trend) if any(self.trend) else ""

    @property
    def has_many_errors(self) -> bool:
        """Whether the error rate deserves a look."""
        return rules.has_many_errors(calls=self.sums.calls, errors=self.sums.errors)


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the overview shows, as of the newest figures."""

    rows: Sequence[AccountRow]
    states: dict[str, int]
    days: Sequence[Day]
    sums: Sums
    today: Sums
    charged_change: int | None
    alerts: Sequence[Alert]
    as_of: datetime | None
    members: int = 0
    more_alerts: int = 0

    @property
    def account_count(self) -> int:
        """Accounts that are not archived."""
        return self.states.get(AccountState.ACTIVE, 0) + self.states.get(AccountState.SUSPENDED, 0)


@dataclass(slots=True)
class _Days:
    by_day: dict[date, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    calls: dict[date, int] = field(default_factory=lambda: defaultdict(int))


def overview() -> Overview:
    """Return the overview of the platform, by a fixed number of queries."""
    today = now().date()
    first = today - timedelta(days=DAYS - 1)
    rows = _busiest(first)
    found = alerts()
    newest = AccountFigure.objects.filter(account__archived_at=None).aggregate(
        as_of=Max("as_of"), members=Coalesce(Sum("members"), 0)
    )
    states = Account.objects.values("state").order_by("state").annotate(count=Count("id"))
    sums = sums_of(DailyFigure.objects.filter(day__gte=first))
    before = DailyFigure.objects.filter(day__gte=first - timedelta(days=DAYS), day__lt=first)
    charged_before = before.aggregate(total=Coalesce(Sum("charged_microcredits"), 0))["total"]
    return Overview(
        rows=rows,
        states={row["state"]: row["count"] for row in states},
        days=days_of(DailyFigure.objects.all(), first=first),
        sums=sums,
        today=sums_of(DailyFigure.objects.filter(day=today)),
        charged_change=rules.change_percent(sums.charged, charged_before),
        alerts=found[:_ALERTS_SHOWN],
        more_alerts=max(0, len(found) - _ALERTS_SHOWN),
        as_of=newest["as_of"],
        members=newest["members"],
    )


def sums_of(figures: QuerySet[DailyFigure]) -> Sums:
    """Return the sums of some daily figures."""
    return Sums(
        **figures.aggregate(
            calls=Coalesce(Sum("calls"), 0),
            errors=Coalesce(Sum("errors"), 0),
            charged=Coalesce(Sum("charged_microcredits"), 0),
            cost_usd=Coalesce(Sum("cost_usd"), Decimal(0)),
        )
    )


def days_of(figures: QuerySet[DailyFigure], *, first: date) -> list[Day]:
    """Return each day from `first` until today, days without calls included."""
    found = _Days()
    rows = (
        figures.filter(day__gte=first)
        .values("day", "product")
        .order_by("day")
        .annotate(charged=Sum("charged_microcredits"), count=Sum("calls"))
    )
    for row in rows:
        found.by_day[row["day"]][row["product"]] = row["charged"]
        found.calls[row["day"]] += row["count"]
    days = (now().date() - first).days + 1
    return [
        Day(day, found.by_day.get(day, {}), found.calls.get(day, 0))
        for day in (first + timedelta(days=offset) for offset in range(days))
    ]


def account_figures(account: Account) -> tuple[Sums, list[Day]]:
    """Return one account's sums and days of the last two weeks."""
    first = now().date() - timedelta(days=DAYS - 1)
    figures = DailyFigure.objects.filter(account=account)
    return sums_of(figures.filter(day__gte=first)), days_of(figures, first=first)


def _busiest(first: date) -> list[AccountRow]:
    recent = Q(daily_figures__day__gte=first)
    accounts = list(
        Account.objects.exclude(state=AccountState.ARCHIVED)
        .annotate(
            calls=Coalesce(Sum("daily_figures__calls", filter=recent), 0),
            errors=Coalesce(Sum("daily_figures__errors", filter=recent), 0),
            charged=Coalesce(Sum("daily_figures__charged_microcredits", filter=recent), 0),
            cost=Coalesce(Sum("daily_figures__cost_usd", filter=recent), Decimal(0)),
        )
        .order_by("-charged", "name")[:_ACCOUNTS_SHOWN]
    )
    ids = [account.pk for account in accounts]
    figures = _figures(ids)
    trends = _trends(ids, first)
    return [
        AccountRow(
            account=account,
            sums=Sums(account.calls, account.errors, account.charged, account.cost),
            figures=figures.get(account.pk, {}),
            trend=trends[account.pk],
        )
        for account in accounts
    ]


def _figures(ids: Iterable[UUID]) -> dict[UUID, dict[str, AccountFigure]]:
    found: dict[UUID, dict[str, AccountFigure]] = defaultdict(dict)
    for figure in AccountFigure.objects.filter(account_id__in=ids):
        found[figure.account_id][figure.product] = figure
    return found


def _trends(ids: Sequence[UUID], first: date) -> dict[UUID, tuple[int, ...]]:
    rows = (
        DailyFigure.objects.filter(account_id__in=ids, day__gte=first)
        .values("account_id", "day")
        .order_by("day")
        .annotate(charged=Sum("charged_microcredits"))
    )
    found: dict[UUID, list[int]] = {id_: [0] * DAYS for id_ in ids}
    for row in rows:
        found[row["account_id"]][(row["day"] - first).days] = row["charged"]
    return {id_: tuple(values) for id_, values in found.items()}
