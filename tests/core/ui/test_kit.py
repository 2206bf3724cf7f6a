"""The small parts that pages are made of."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.template.loader import render_to_string

from core.ui.charts import Chart, Series, day_labels, in_credits
from core.ui.forms import CockpitForm, CreditsField
from core.ui.templatetags import cockpit as filters

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class AmountForm(CockpitForm):
    amount = CreditsField(required=False)
    more = CreditsField(required=False, allow_zero=False)


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("250", 250_000_000), ("1,000.5", 1_000_500_000), ("0", 0), ("", None), (" 12 ", 12_000_000)],
)
def test_credits_are_read_as_people_type_them(typed: str, amount: int | None) -> None:
    form = AmountForm({"amount": typed})

    assert form.is_valid()
    assert form.cleaned_data["amount"] == amount
    assert form.http_status == 200


@pytest.mark.parametrize("typed", ["-1", "many", "NaN", "1e99", "0.0000001"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    form = AmountForm({"amount": typed})

    assert not form.is_valid()
    assert form.http_status == 422


def test_zero_can_be_refused() -> None:
    assert not AmountForm({"more": "0"}).is_valid()


def test_a_stored_amount_is_shown_as_people_would_type_it() -> None:
    assert 'value="12.5"' in str(AmountForm(initial={"amount": 12_500_000})["amount"])


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "–"),
        (0, "0"),
        (1, "<0.01"),
        (-1, ">-0.01"),
        (1_234_500_000, "1,234.50"),
        (5_000_000, "5"),
    ],
)
def test_credits_are_shown_with_two_decimals(amount: int | None, text: str) -> None:
    assert filters.credits(amount) == text


def test_credits_are_shown_exactly_where_it_matters() -> None:
    assert filters.credits_exact(1_000_001) == "1.000001"
    assert filters.credits_exact(None) == "–"


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (None, "–"),
        (Decimal(0), "$0.00"),
        (Decimal("0.00012"), "$0.00012"),
        (Decimal("1234.5"), "$1,234.50"),
    ],
)
def test_small_costs_keep_the_digits_that_matter(cost: Decimal | None, text: str) -> None:
    assert filters.usd(cost) == text


@time_machine.travel(NOON, tick=False)
def test_times_are_relative_with_the_exact_one_on_hover() -> None:
    assert filters.since(None) == "never"
    assert ">just now<" in filters.since(NOON - timedelta(seconds=59))
    assert ">2\xa0hours ago<" in filters.since(NOON - timedelta(hours=2))
    assert 'title="2026-11-22 10:00:00 UTC"' in filters.since(NOON - timedelta(hours=2))
    assert filters.until(None) == "–"
    assert ">over<" in filters.until(NOON)
    assert ">in 3\xa0days<" in filters.until(NOON + timedelta(days=3))


@pytest.mark.parametrize(
    ("part", "whole", "percent"),
    [(1, 3, 33), (0, 3, 0), (5, 0, 0), (None, 3, 0), (9, 3, 100), (-1, 3, 0)],
)
def test_a_share_stays_between_0_and_100(part: int | None, whole: int | None, percent: int) -> None:
    assert filters.percent_of(part, whole) == percent


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Ada Lindqvist", "AL"), ("mia", "m"), ("nora.new@acme.example", "nn"), ("", "?")],
)
def test_initials(name: str, letters: str) -> None:
    assert filters.initials(name) == letters


def test_counts_and_look_ups() -> None:
    assert filters.count(1_234_567) == "1,234,567"
    assert filters.count(None) == "–"
    assert filters.at({"a": 1}, "a") == 1


def test_a_chart_travels_as_json_with_its_units() -> None:
    chart = Chart(
        labels=day_labels([date(2026, 11, 3)]),
        series=[Series("Credits", in_credits([2_500_000]), unit="credits")],
        unit="credits",
        summary='Credits "by" day </script>',
    )

    markup = render_to_string("components/chart.html", {"id": "x", "chart": chart})

    assert chart.payload["labels"] == ["3 Nov"]
    assert chart.payload["series"][0]["values"] == [2.5]
    assert not chart.is_empty
    assert '<script id="x" type="application/json">' in markup
    assert "</script>" not in markup.split("application/json")[0]


def test_a_chart_of_zeros_is_empty() -> None:
    assert Chart(labels=[], series=[Series("Calls", [0, None])], summary="").is_empty
