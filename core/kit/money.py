"""Credits and costs. Credits are integers of one millionth; floats never touch money."""

import re
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import NewType

Microcredits = NewType("Microcredits", int)

MICROCREDITS_PER_CREDIT = 1_000_000

# The ledger's columns are bigint; a thousandth of their range leaves room for sums.
MAX_MICROCREDITS = 9_000_000_000_000_000
_MAX_CREDITS = MAX_MICROCREDITS // MICROCREDITS_PER_CREDIT

# Commas between thousands, and nowhere else.
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


def credits_for(cost_usd: Decimal, factor: Decimal) -> Microcredits:
    """Return what a cost in US dollars comes to in micro-credits.

    Rounded once, upwards, so that a positive cost is never free. The SQL function
    `ledger_settle` computes the same.
    """
    assert cost_usd >= 0
    assert factor > 0
    exact = cost_usd * factor * MICROCREDITS_PER_CREDIT
    return Microcredits(int(exact.to_integral_value(rounding=ROUND_CEILING)))


def parse_credits(text: str) -> Microcredits:
    """Read a decimal number of credits such as "12.5" or "1,000".

    Raises:
        ValueError: not a number, not finite, finer than a micro-credit, or out of range.
    """
    plain = text.strip().replace("\u202f", "").replace(" ", "")
    if "," in plain and not _GROUPED.fullmatch(plain):
        # "1,5" is one and a half to some and would be fifteen to us.
        raise ValueError("Enter a number of credits, such as 250 or 12.5.")
    try:
        amount = Decimal(plain.replace(",", ""))
    except InvalidOperation:
        raise ValueError("Enter a number of credits, such as 250 or 12.5.") from None
    if not amount.is_finite():
        raise ValueError("Enter a number of credits, such as 250 or 12.5.")
    # By digits first: the arithmetic itself overflows for 1e999999.
    if amount.adjusted() > 9 or abs(amount) > _MAX_CREDITS:
        raise ValueError("This number of credits is out of range.")
    exact = amount * MICROCREDITS_PER_CREDIT
    if exact != exact.to_integral_value():
        raise ValueError("Credits have at most six decimals.")
    return Microcredits(int(exact))


def format_credits(amount: int) -> str:
    """Return an amount as a plain decimal string in credits, without trailing zeros."""
    sign = "-" if amount < 0 else ""
    whole, fraction = divmod(abs(amount), MICROCREDITS_PER_CREDIT)
    if fraction == 0:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:06d}".rstrip("0")
