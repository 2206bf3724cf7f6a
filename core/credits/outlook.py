"""Forecasts of a book: reading what they need, and keeping one a day."""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from core.credits.forecasting import (
    WINDOW_DAYS,
    Outlook,
    Past,
    burn_of,
    error_percent,
    outlook,
    recommended_overflow,
)
from core.credits.models import Book, Cycle, Forecast, OverflowStatement
from core.credits.selectors import BookFigures, figures_of, open_cycle_of
from core.kit.clock import now

# Two years of monthly cycles say enough of what may come.
_CYCLES = 24


@dataclass(frozen=True, slots=True)
class BookOutlook:
    """A book's outlook with what it rests on: use by day, the last one today, in micro-credits.

    `error` is by how many percent the forecasts of this cycle missed a week's use, None as long as
    that cannot be said. `overflow` is the credit line to recommend.
    """

    cycle: Cycle
    figures: BookFigures
    today: date
    days: tuple[int, ...]
    expected: Outlook
    error: int | None
    overflow: int


def outlook_of(book: Book, figures: BookFigures | None = None) -> BookOutlook:
    """Return what to expect of a book in its open cycle, by its `figures` if they are known."""
    cycle = open_cycle_of(book)
    figures = figures or figures_of(book, cycle)
    zone = ZoneInfo(book.time_zone)
    today = now().astimezone(zone).date()
    days = used_by_day(book, today=today)
    # Today is not over; a whole day says more.
    expected = outlook(
        today=today,
        ends_on=_last_day(book, cycle),
        used=figures.used,
        left=figures.left,
        burn=burn_of(days[:-1]) or burn_of(days),
    )
    past = [Past(row.made_on, row.used, row.burn) for row in Forecast.objects.filter(cycle=cycle)]
    return BookOutlook(
        cycle,
        figures,
        today,
        tuple(days),
        expected,
        error_percent(past),
        _recommended(book, figures, expected),
    )


def recommended_overflow_of(book: Book) -> int:
    """Return the credit line to recommend, by the last forecast that was kept.

    So it reads no calls: a super admin looks at books of any size.
    """
    cycle = open_cycle_of(book)
    figures = figures_of(book, cycle)
    today = now().astimezone(ZoneInfo(book.time_zone)).date()
    kept = Forecast.objects.filter(cycle=cycle).order_by("-made_on").first()
    expected = outlook(
        today=today,
        ends_on=_last_day(book, cycle),
        used=figures.used,
        left=figures.left,
        burn=kept.burn if kept else 0,
    )
    return _recommended(book, figures, expected)


def _recommended(book: Book, figures: BookFigures, expected: Outlook) -> int:
    statements = OverflowStatement.objects.filter(cycle__book=book).order_by("-cycle__number")
    drawn = [*statements.values_list("used", flat=True)[:_CYCLES], figures.overflow_used]
    shortage = max((expected.used_at_end or 0) - figures.used - figures.left, 0)
    return recommended_overflow(drawn=drawn, shortage=shortage)


def _last_day(book: Book, cycle: Cycle) -> date | None:
    return cycle.ends_at.astimezone(ZoneInfo(book.time_zone)).date() if cycle.ends_at else None


def used_by_day(book: Book, *, today: date, days: int = WINDOW_DAYS + 1) -> list[int]:
    """Return what calls of a book used on each of the last days in its time zone, today last."""
    first = today - timedelta(days=days - 1)
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, [book.time_zone, book.product, first, book.time_zone])
        found = {day: int(amount) for day, amount in cursor.fetchall()}
    return [found.get(first + timedelta(days=place), 0) for place in range(days)]


@transaction.atomic
def keep_forecast(book: Book) -> bool:
    """Keep today's forecast, once; whether it was the first of the day."""
    made = outlook_of(book)
    _, is_new = Forecast.objects.get_or_create(
        book=book,
        made_on=made.today,
        defaults={
            "cycle": made.cycle,
            "used": made.figures.used,
            "left": made.figures.left,
            "burn": made.expected.burn,
        },
    )
    return is_new


_BY_DAY = """
SELECT (e.created_at AT TIME ZONE %s)::date, sum(e.credits)
FROM credits_usageevent e
WHERE e.product = %s AND e.created_at >= (%s::date)::timestamp AT TIME ZONE %s
GROUP BY 1
"""
