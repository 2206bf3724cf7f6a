"""Micro-credits: exact, rounded once, readable."""

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from core.kit.money import (
    MAX_MICROCREDITS,
    MICROCREDITS_PER_CREDIT,
    credits_for,
    format_credits,
    parse_credits,
)

amounts = st.integers(-MAX_MICROCREDITS, MAX_MICROCREDITS)
costs = st.decimals("0", "10000", places=12)
factors = st.decimals("0.000001", "999999", places=6)


@given(amounts)
def test_an_amount_survives_being_written_and_read(amount: int) -> None:
    assert parse_credits(format_credits(amount)) == amount


@given(amounts)
def test_a_written_amount_has_no_idle_zeros(amount: int) -> None:
    written = format_credits(amount)

    assert "e" not in written.lower()
    assert not ("." in written and written.endswith(("0", ".")))


@given(costs, factors)
def test_credits_are_rounded_up_by_less_than_one(cost: Decimal, factor: Decimal) -> None:
    exact = cost * factor * MICROCREDITS_PER_CREDIT

    assert 0 <= credits_for(cost, factor) - exact < 1


@given(costs.filter(bool), factors)
def test_a_positive_cost_is_never_free(cost: Decimal, factor: Decimal) -> None:
    assert credits_for(cost, factor) >= 1


@given(costs, costs, factors)
def test_a_higher_cost_never_comes_to_fewer_credits(
    cost: Decimal, more: Decimal, factor: Decimal
) -> None:
    assert credits_for(cost + more, factor) >= credits_for(cost, factor)


@pytest.mark.parametrize(
    ("cost", "factor", "expected"),
    [
        ("0", "100", 0),
        ("0.01", "100", 1_000_000),
        ("0.000000001", "100", 1),
        ("0.0000000100000001", "100", 2),
        ("1", "0.000001", 1),
        ("12.345678", "1", 12_345_678),
    ],
)
def test_what_a_cost_comes_to(cost: str, factor: str, expected: int) -> None:
    assert credits_for(Decimal(cost), Decimal(factor)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250", 250_000_000),
        ("12.5", 12_500_000),
        (" 1,000 ", 1_000_000_000),
        ("1 000.000001", 1_000_000_001),
        ("1,234,567.5", 1_234_567_500_000),
        ("-3", -3_000_000),
        ("0.000001", 1),
        ("1e3", 1_000_000_000),
    ],
)
def test_how_people_write_credits(text: str, expected: int) -> None:
    assert parse_credits(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "NaN",
        "-Infinity",
        "1.0000001",
        "9000000001",
        "1e999999",
        "0x10",
        "--1",
        "1,5",
        "12,50",
        "1,0000",
        ",5",
        "1,000,5",
        "1.000,5",
    ],
)
def test_what_is_no_number_of_credits(text: str) -> None:
    with pytest.raises(ValueError, match=r"[Cc]redits"):
        parse_credits(text)


@given(st.text())
def test_any_text_is_credits_or_refused(text: str) -> None:
    try:
        amount = parse_credits(text)
    except ValueError:
        return

    assert abs(amount) <= MAX_MICROCREDITS


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "0"),
        (1, "0.000001"),
        (-1, "-0.000001"),
        (1_500_000, "1.5"),
        (1_000_000_000_000, "1000000"),
    ],
)
def test_how_credits_are_written(amount: int, expected: str) -> None:
    assert format_credits(amount) == expected
