"""When cycles end: a pure function of a plan's period and anchor, and of the time zone.

A boundary is the first moment of a local day. No clock here: moments come from the database.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

# From UTC+14 to UTC-12, and an hour for clocks that change in between.
_FARTHEST_ZONES = timedelta(hours=27)
_INSTANT = timedelta(microseconds=1)
_PERIODS = ("none", "day", "week", "month", "quarter", "year")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often cycles end, and on which day. Anchors mean what `Plan` says."""

    period: str
    anchor_day: int = 1
    anchor_month: int = 1

    def __post_init__(self) -> None:
        assert fault_of(self.period, self.anchor_day, self.anchor_month) == ""


def fault_of(period: str, anchor_day: int, anchor_month: int) -> str:
    """Return which of the three cannot be: period, anchor_day, anchor_month; nothing if all can."""
    if period not in _PERIODS:
        return "period"
    if not 1 <= anchor_day <= (7 if period == "week" else 31):
        return "anchor_day"
    if not 1 <= anchor_month <= 12:
        return "anchor_month"
    return ""


def boundary_after(moment: datetime, rhythm: Rhythm, time_zone: str) -> datetime | None:
    """Return the first boundary later than `moment`, in UTC; None if there never is one."""
    if rhythm.period == "none":
        return None
    zone = ZoneInfo(time_zone)
    # One period back, so that none is missed where the offset has changed since.
    for day in _days(rhythm)(rhythm, moment.astimezone(zone).date()):
        boundary = first_moment(day, zone)
        if boundary > moment:
            return boundary
    raise AssertionError("The days go on for ever.")


def end_of_cycle(begins: datetime, rhythm: Rhythm, time_zone: str) -> datetime | None:
    """Return when a cycle ends that begins where another has ended; None if it never does.

    That is a midnight, but one of another zone where the book has moved since. It counts as the
    nearest midnight of the new zone, and a boundary of a week or more that is no farther off than
    zones are from each other counts as the same one: else the first cycle there could last for
    some hours or a day, with a whole grant of its own.
    """
    zone = ZoneInfo(time_zone)
    nearest = first_moment((begins + timedelta(hours=12)).astimezone(zone).date(), zone)
    ends = boundary_after(max(begins, nearest), rhythm, time_zone)
    if ends is not None and rhythm.period != "day" and ends - begins <= _FARTHEST_ZONES:
        return boundary_after(ends, rhythm, time_zone)
    return ends


def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """Return when a local day begins, in UTC.

    Where clocks go forward over midnight, that is when they do; where midnight comes twice, it is
    the first one.
    """
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def _days(rhythm: Rhythm) -> Callable[[Rhythm, date], Iterator[date]]:
    if rhythm.period in {"day", "week"}:
        return _days_of_weeks
    return _days_of_months


def _days_of_weeks(rhythm: Rhythm, near: date) -> Iterator[date]:
    step = 1 if rhythm.period == "day" else 7
    since_anchor = 0 if step == 1 else (near.isoweekday() - rhythm.anchor_day) % 7
    first = near - timedelta(days=since_anchor + step)
    return (first + timedelta(days=step * number) for number in count())


def _days_of_months(rhythm: Rhythm, near: date) -> Iterator[date]:
    step = {"month": 1, "quarter": 3, "year": 12}[rhythm.period]
    month = near.year * 12 + near.month - 1
    since_anchor = (month - (rhythm.anchor_month - 1)) % step
    first = month - since_anchor - step
    return (_day_of_month(first + step * number, rhythm.anchor_day) for number in count())


def _day_of_month(months: int, wanted: int) -> date:
    """Return a day of a month that is counted from year 0; its last one if it is shorter."""
    year, month = divmod(months, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(wanted, last))


def first_day_of(starts_at: datetime, time_zone: str) -> date:
    """Return the first day of a cycle where the account is."""
    return starts_at.astimezone(ZoneInfo(time_zone)).date()


def last_day_of(ends_at: datetime | None, time_zone: str) -> date | None:
    """Return the last whole day of a cycle where the account is; None where it has no end."""
    return (ends_at - _INSTANT).astimezone(ZoneInfo(time_zone)).date() if ends_at else None
