"""Burn rate, the day that credits run out, and how good forecasts were."""

from datetime import date, timedelta

import pytest

from core.credits.forecasting import (
    Past,
    burn_of,
    error_percent,
    outlook,
    recommended_overflow,
)

TODAY = date(2026, 11, 25)


def test_the_rate_is_the_mean_since_the_first_use() -> None:
    assert burn_of([0, 0, 10, 20, 0]) == 10
    assert burn_of([100] * 5 + [7] * 14) == 7
    assert burn_of([0, 0]) == 0
    assert burn_of([]) == 0


def test_credits_run_out_at_the_present_rate() -> None:
    found = outlook(today=TODAY, ends_on=date(2026, 12, 1), used=100, left=35, burn=10)

    assert found.runs_out_on == date(2026, 11, 28)
    assert found.used_at_end == 160


def test_what_lasts_to_the_end_does_not_run_out() -> None:
    found = outlook(today=TODAY, ends_on=date(2026, 12, 1), used=0, left=60, burn=10)

    assert found.runs_out_on is None


def test_without_an_end_a_year_is_long_enough() -> None:
    assert outlook(today=TODAY, ends_on=None, used=0, left=3650, burn=10).runs_out_on is None
    assert outlook(today=TODAY, ends_on=None, used=0, left=100, burn=10).runs_out_on == (
        TODAY + timedelta(days=10)
    )
    assert outlook(today=TODAY, ends_on=None, used=0, left=5, burn=0).runs_out_on is None


def test_nothing_left_has_run_out_today() -> None:
    assert outlook(today=TODAY, ends_on=None, used=9, left=-2, burn=3).runs_out_on == TODAY


def test_a_forecast_is_judged_after_a_week() -> None:
    early = Past(TODAY - timedelta(days=7), used=100, burn=10)
    late = Past(TODAY, used=200, burn=12)

    assert error_percent([early, late]) == 30
    assert error_percent([early]) is None


@pytest.mark.parametrize(
    ("drawn", "shortage", "line"),
    [((), 0, 0), ((80, 100), 0, 130), ((10,), 987, 990), ((), 1_234_567, 1_300_000)],
)
def test_a_line_leaves_room_and_is_round(drawn: tuple[int, ...], shortage: int, line: int) -> None:
    assert recommended_overflow(drawn=drawn, shortage=shortage) == line
