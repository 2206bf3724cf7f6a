"""What can be said of a key: its name, tags, last day and limits, read and checked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from console.models import VirtualKey
from console.selectors.budgets import caps_of_key
from core.credits.models import CapWindow
from core.kit.clock import now
from core.kit.money import MAX_MICROCREDITS
from core.kit.problems import InvalidInput

MOST_RATE = 1_000_000_000
MOST_LLMS, MOST_ADDRESSES, MOST_TAGS = 200, 100, 20


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `amount` micro-credits in each window: day, week, month or cycle."""

    amount: int
    window: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may do less than its owner. None is no limit, an empty list admits nothing."""

    llms: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    addresses: tuple[str, ...] | None = None
    budget: Budget | None = None


NO_LIMITS = Limits()


def limits_of(key: VirtualKey) -> Limits:
    """Return a key's limits as they are."""
    _, caps = caps_of_key(key.pk)
    least = min(caps, key=lambda cap: cap.amount, default=None)
    return Limits(
        llms=None if key.llms is None else tuple(key.llms),
        requests_per_minute=key.requests_per_minute,
        tokens_per_minute=key.tokens_per_minute,
        addresses=None if key.addresses is None else tuple(key.addresses),
        budget=None if least is None else Budget(least.amount, least.window),
    )


def checked_limits(limits: Limits) -> Limits:
    """Return limits as they are stored.

    Raises:
        InvalidInput: one of them cannot be.
    """
    for name in ("requests_per_minute", "tokens_per_minute"):
        value = getattr(limits, name)
        if value is not None and not 1 <= value <= MOST_RATE:
            raise invalid(name, f"Enter a number from 1 to {MOST_RATE:,}, or nothing for no limit.")
    if limits.budget is not None and not 0 <= limits.budget.amount <= MAX_MICROCREDITS:
        raise invalid("budget", "A budget is zero or more credits.")
    if limits.budget is not None and limits.budget.window not in CapWindow.values:
        raise invalid("budget", "A budget counts by day, week, month or cycle.")
    return Limits(
        llms=_lines("llms", limits.llms, most=MOST_LLMS, longest=200),
        requests_per_minute=limits.requests_per_minute,
        tokens_per_minute=limits.tokens_per_minute,
        addresses=_checked_addresses(limits.addresses),
        budget=limits.budget,
    )


def checked_name(name: str) -> str:
    """Return a key's name.

    Raises:
        InvalidInput: it is empty, too long, or nothing that can be read.
    """
    name = " ".join(name.split())
    if not name or len(name) > 120 or not name.isprintable():
        raise invalid("name", "Enter a name of 1 to 120 characters.")
    return name


def checked_tags(tags: Iterable[str]) -> list[str]:
    """Return tags, each once.

    Raises:
        InvalidInput: one of them cannot be, or there are too many.
    """
    return list(_lines("tags", list(tags), most=MOST_TAGS, longest=40) or ())


def checked_expiry(expires_at: datetime | None) -> datetime | None:
    """Return when a key ends.

    Raises:
        InvalidInput: it has ended already.
    """
    if expires_at is not None and expires_at <= now():
        raise invalid("expires_at", "The expiry must be in the future.")
    return expires_at


def as_fields(limits: Limits) -> dict[str, Any]:
    """Return the limits that stand in the key's own row."""
    return {
        "llms": None if limits.llms is None else list(limits.llms),
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "addresses": None if limits.addresses is None else list(limits.addresses),
    }


def invalid(field: str, detail: str) -> InvalidInput:
    """Return the refusal of one field."""
    return InvalidInput(detail, errors=[{"pointer": f"/{field}", "code": field, "detail": detail}])


def _lines(
    field: str, given: Sequence[str] | None, *, most: int, longest: int
) -> tuple[str, ...] | None:
    if given is None:
        return None
    found = tuple(dict.fromkeys(text for each in given if (text := " ".join(each.split()))))
    if len(found) > most:
        raise invalid(field, f"Give at most {most}.")
    for text in found:
        if len(text) > longest or not text.isprintable():
            raise invalid(field, f"Give lines of at most {longest} readable characters.")
    return found


def _checked_addresses(given: Sequence[str] | None) -> tuple[str, ...] | None:
    lines = _lines("addresses", given, most=MOST_ADDRESSES, longest=60)
    if lines is None:
        return None
    return tuple(dict.fromkeys(_network(text) for text in lines))


def _network(text: str) -> str:
    try:
        # 10.0.0.7/8 is what people copy; the range is what they mean.
        return str(ip_network(text, strict=False))
    except ValueError:
        raise invalid(
            "addresses", f"{text} is no address or range, such as 192.0.2.7 or 10.0.0.0/8."
        ) from None
