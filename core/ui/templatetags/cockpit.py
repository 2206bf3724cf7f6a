"""Numbers and times as people read them."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince

from core.kit.clock import now
from core.kit.money import MICROCREDITS_PER_CREDIT, format_credits

register = template.Library()

# More than that is read as seconds.
_MOST_MILLISECONDS = 10_000
_CODE = re.compile(r"`([^`]+)`")


@register.filter
def credits(amount: int | str | None) -> str:
    """Micro-credits as credits with thousands separators and at most two decimals."""
    # A name that a template cannot resolve comes as an empty text.
    if amount is None or amount == "":
        return "–"
    value = Decimal(amount) / MICROCREDITS_PER_CREDIT
    if value and abs(value) < Decimal("0.01"):
        return "<0.01" if value > 0 else ">-0.01"
    text = f"{value:,.2f}"
    return text.removesuffix(".00")


@register.filter
def credits_exact(amount: int | None) -> str:
    """Micro-credits as credits, exactly, with thousands separators."""
    if amount is None:
        return "–"
    whole, point, fraction = format_credits(amount).partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole != "-0" else f"-0{point}{fraction}"


@register.filter
def amount(value: Decimal | None) -> str:
    """Any decimal with thousands separators and without trailing zeros."""
    if value is None:
        return "–"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def usd(amount: Decimal | None) -> str:
    """US dollars; small costs keep the digits that matter."""
    if amount is None:
        return "–"
    if amount and abs(amount) < 1:
        return f"${amount:.6f}".rstrip("0").rstrip(".")
    return f"${amount:,.2f}"


@register.filter
def dollars(price: Decimal | None) -> str:
    """A price in US dollars with the digits it was set with, and at least two."""
    if price is None:
        return "–"
    whole, _point, fraction = f"{price.normalize():f}".partition(".")
    return f"${int(whole):,}.{fraction.ljust(2, '0')}"


@register.filter
def count(number: int | None) -> str:
    """A whole number with thousands separators."""
    return "–" if number is None else f"{number:,}"


@register.filter
def milliseconds(number: float | None) -> str:
    """A time as people read it: 250 ms, 4.2 s."""
    if number is None:
        return "–"
    return f"{number:,.0f} ms" if number < _MOST_MILLISECONDS else f"{number / 1000:,.1f} s"


@register.filter
def since(moment: datetime | None) -> SafeString | str:
    """How long ago, with the exact time on hover."""
    if moment is None:
        return "never"
    if now() - moment < timedelta(minutes=1):
        return _time(moment, "just now")
    return _time(moment, f"{timesince(moment, now(), depth=1)} ago")


@register.filter
def until(moment: datetime | None) -> SafeString | str:
    """In how long, with the exact time on hover."""
    if moment is None:
        return "–"
    if moment <= now():
        return _time(moment, "over")
    return _time(moment, f"in {timesince(now(), moment, depth=1)}")


@register.filter
def percent_of(part: int | None, whole: int | None) -> int:
    """The share of a whole in percent, between 0 and 100; for bars."""
    if not part or not whole or whole <= 0:
        return 0
    return max(0, min(100, round(part * 100 / whole)))


@register.filter
def at(mapping: dict[Any, Any], key: Any) -> Any:
    """One value of a mapping by a key that is itself a variable."""
    return mapping.get(key)


@register.filter
def in_code(text: str) -> SafeString:
    """Plain text of an API's document; what stands in backticks there is code."""
    return mark_safe(_CODE.sub(r"<code>\1</code>", escape(text)))  # noqa: S308  escaped before


@register.filter
def initials(name: Any) -> str:
    """The first letters of a name's first and last word, or of an e-mail address."""
    words = str(name).split("@", maxsplit=1)[0].replace(".", " ").replace("-", " ").split()
    if not words:
        return "?"
    return words[0][0] + (words[-1][0] if len(words) > 1 else "")


def _time(moment: datetime, text: str) -> SafeString:
    exact = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, text)
