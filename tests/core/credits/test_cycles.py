"""When cycles end: months of all lengths, clocks that change, odd offsets."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis.strategies import builds, datetimes, integers, sampled_from

from core.credits.cycles import Rhythm, boundary_after, end_of_cycle, fault_of
from tests.factories.cycles import at

ZONES = sorted(name for name in available_timezones() if "/" in name or name == "UTC")


def boundaries(rhythm: Rhythm, zone: str, start: str, count: int) -> list[str]:
    """Return the next boundaries, as local times with their offset."""
    found, moment = [], at(start)
    for _ in range(count):
        following = boundary_after(moment, rhythm, zone)
        assert following is not None
        moment = following
        found.append(f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %z}")
    return found


def test_without_a_period_there_is_no_boundary() -> None:
    assert boundary_after(at("2026-01-31 12:00"), Rhythm("none"), "UTC") is None


def test_months_begin_at_local_midnight_whatever_the_clocks_do() -> None:
    assert boundaries(Rhythm("month"), "Europe/Berlin", "2026-02-15 12:00", 3) == [
        "2026-03-01 00:00 +0100",
        "2026-04-01 00:00 +0200",
        "2026-05-01 00:00 +0200",
    ]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (29, ["01-29", "02-28", "03-29", "04-29", "05-29"]),
        (30, ["01-30", "02-28", "03-30", "04-30", "05-30"]),
        (31, ["01-31", "02-28", "03-31", "04-30", "05-31"]),
    ],
)
def test_a_day_that_a_month_has_not_is_its_last_one(day: int, expected: list[str]) -> None:
    found = boundaries(Rhythm("month", day), "UTC", "2026-01-02 00:00", 5)

    assert found == [f"2026-{one} 00:00 +0000" for one in expected]


def test_a_leap_day_is_met_every_four_years() -> None:
    found = boundaries(Rhythm("year", 29, 2), "UTC", "2026-06-01 00:00", 4)

    assert [one[:10] for one in found] == ["2027-02-28", "2028-02-29", "2029-02-28", "2030-02-28"]
    assert boundaries(Rhythm("month", 31), "UTC", "2028-02-01 00:00", 1)[0][:10] == "2028-02-29"
    # 2100 is no leap year.
    assert boundaries(Rhythm("month", 29), "UTC", "2100-02-01 00:00", 1)[0][:10] == "2100-02-28"


def test_fiscal_quarters_begin_in_the_months_of_the_fiscal_year() -> None:
    found = boundaries(Rhythm("quarter", 1, 2), "America/New_York", "2026-01-10 00:00", 5)

    assert found == [
        "2026-02-01 00:00 -0500",
        "2026-05-01 00:00 -0400",
        "2026-08-01 00:00 -0400",
        "2026-11-01 00:00 -0400",
        "2027-02-01 00:00 -0500",
    ]


def test_a_fiscal_quarter_may_begin_on_the_last_of_a_month() -> None:
    found = boundaries(Rhythm("quarter", 31, 11), "UTC", "2026-01-10 00:00", 4)

    assert [one[:10] for one in found] == ["2026-02-28", "2026-05-31", "2026-08-31", "2026-11-30"]


def test_a_fiscal_year_begins_once_a_year() -> None:
    found = boundaries(Rhythm("year", 6, 4), "Europe/London", "2026-04-05 22:30", 2)

    assert found == ["2026-04-06 00:00 +0100", "2027-04-06 00:00 +0100"]


def test_weeks_begin_on_their_day() -> None:
    found = boundaries(Rhythm("week", 7), "Europe/Berlin", "2026-10-20 10:00", 3)

    # Two Sundays and the one on which the clocks go back, which lasts 25 hours.
    assert found == [
        "2026-10-25 00:00 +0200",
        "2026-11-01 00:00 +0100",
        "2026-11-08 00:00 +0100",
    ]


def test_a_day_without_midnight_begins_when_the_clocks_have_gone_forward() -> None:
    found = boundaries(Rhythm("day"), "America/Santiago", "2026-09-05 12:00", 2)

    assert found == ["2026-09-06 01:00 -0300", "2026-09-07 00:00 -0300"]


def test_where_midnight_comes_twice_the_first_one_counts() -> None:
    found = boundaries(Rhythm("day"), "America/Havana", "2026-11-01 03:00", 2)

    assert found == ["2026-11-01 00:00 -0400", "2026-11-02 00:00 -0500"]


def test_a_day_that_a_zone_left_out_makes_no_cycle() -> None:
    found = boundaries(Rhythm("day"), "Pacific/Apia", "2011-12-29 11:00", 2)

    assert found == ["2011-12-31 00:00 +1400", "2012-01-01 00:00 +1400"]


@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        ("Asia/Kathmandu", "+0545"),
        ("Australia/Eucla", "+0845"),
        ("Pacific/Chatham", "+1345"),
        ("Pacific/Kiritimati", "+1400"),
        ("America/St_Johns", "-0330"),
        ("Pacific/Marquesas", "-0930"),
    ],
)
def test_odd_offsets_are_met(zone: str, offset: str) -> None:
    assert boundaries(Rhythm("month"), zone, "2026-11-15 00:00", 1) == [
        f"2026-12-01 00:00 {offset}"
    ]


def test_the_boundary_itself_belongs_to_the_next_cycle() -> None:
    boundary = boundary_after(at("2026-01-15 00:00"), Rhythm("month"), "Europe/Berlin")
    assert boundary == at("2026-01-31 23:00")

    assert boundary_after(boundary, Rhythm("month"), "Europe/Berlin") == at("2026-02-28 23:00")
    before = boundary - timedelta(microseconds=1)
    assert boundary_after(before, Rhythm("month"), "Europe/Berlin") == boundary


@pytest.mark.parametrize(
    ("period", "day", "month", "fault"),
    [
        ("fortnight", 1, 1, "period"),
        ("week", 8, 1, "anchor_day"),
        ("month", 0, 1, "anchor_day"),
        ("month", 32, 1, "anchor_day"),
        ("quarter", 1, 13, "anchor_month"),
        ("week", 7, 12, ""),
        ("month", 31, 12, ""),
    ],
)
def test_a_rhythm_that_cannot_be_is_named(period: str, day: int, month: int, fault: str) -> None:
    assert fault_of(period, day, month) == fault


rhythms = builds(Rhythm, sampled_from(("day", "week")), integers(1, 7), integers(1, 12)) | builds(
    Rhythm, sampled_from(("month", "quarter", "year")), integers(1, 31), integers(1, 12)
)
moments = datetimes(datetime(1995, 1, 1), datetime(2060, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
LONGEST = {"day": 3, "week": 9, "month": 33, "quarter": 95, "year": 368}


@settings(max_examples=500, deadline=None)
@given(rhythms, sampled_from(ZONES), moments)
def test_boundaries_follow_each_other_in_every_zone(
    rhythm: Rhythm, zone: str, moment: datetime
) -> None:
    first = boundary_after(moment, rhythm, zone)
    assert first is not None
    assert moment < first <= moment + timedelta(days=LONGEST[rhythm.period])
    second = boundary_after(first, rhythm, zone)
    assert second is not None

    # From anywhere in between it is the same boundary: cycles neither overlap nor leave a gap.
    middle = first + (second - first) / 2
    assert boundary_after(middle, rhythm, zone) == second
    assert boundary_after(second - timedelta(microseconds=1), rhythm, zone) == second

    local = second.astimezone(ZoneInfo(zone))
    just_before = (second - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    assert local.date() > just_before.date()
    if rhythm.period == "week":
        assert local.isoweekday() in {rhythm.anchor_day, rhythm.anchor_day % 7 + 1}
    if rhythm.period in {"quarter", "year"}:
        step = 3 if rhythm.period == "quarter" else 12
        # Where the day itself was left out, it may be the first of the month after.
        assert (local.month - rhythm.anchor_month) % step in {0, 1}


@pytest.mark.parametrize("period", ["week", "month", "quarter", "year"])
@pytest.mark.parametrize(
    "old", ["Pacific/Kiritimati", "Pacific/Apia", "Pacific/Auckland", "UTC", "Pacific/Pago_Pago"]
)
def test_no_move_between_zones_makes_a_short_cycle(period: str, old: str) -> None:
    rhythm = Rhythm(period)
    begins = boundary_after(datetime(2026, 11, 29, 12, tzinfo=UTC), rhythm, old)
    assert begins is not None

    for new in (
        "Pacific/Kiritimati",
        "Pacific/Tongatapu",
        "UTC",
        "Pacific/Pago_Pago",
        "Etc/GMT+12",
    ):
        ends = end_of_cycle(begins, rhythm, new)
        assert ends is not None
        assert ends - begins > timedelta(days=5)
