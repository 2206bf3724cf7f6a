"""Pure rules: what may be a short name, a factor, a time zone, a detail or price of an LLM."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_UP, Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

SLUG_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$"
SLUG_LENGTH = 40

# Host names and paths beside the accounts' that the platform uses or may want to use.
# fmt: off
RESERVED_SLUGS = frozenset({
    "account", "accounts", "admin", "api", "app", "assets", "auth", "cdn", "cockpit", "console",
    "copilot", "docs", "gateway", "help", "localhost", "login", "mail", "mcp", "new", "platform",
    "public", "scim", "smtp", "sso", "static", "status", "support", "www",
})
# fmt: on

# What clients send as `model`: one word, as vendors write them.
LLM_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,79}"
LLM_KINDS = (
    "chat", "embedding", "image", "transcription", "speech", "rerank", "moderation",
)  # fmt: skip
_LENGTHS = {"title": 120, "vendor": 60, "provider": 40, "upstream_model": 120}
# Tokens of special kinds, and what they cost where nobody names a price of their own for them.
PLAIN_PRICES = {
    "cache_read_usd": "input_usd",
    "cache_write_usd": "input_usd",
    "audio_input_usd": "input_usd",
    "reasoning_usd": "output_usd",
    "audio_output_usd": "output_usd",
}
_READ = ("input_usd", "cache_read_usd", "cache_write_usd", "audio_input_usd")
_WRITTEN = ("output_usd", "reasoning_usd", "audio_output_usd")
# About what vendors that price pictures in tokens count for one of middling quality.
TOKENS_OF_A_PICTURE = 1_000
_LEAST_STEP = Decimal("0.000001")
# Dearer than any LLM by far, and still exact in the column.
_DEAREST_USD = Decimal(1_000_000)


def is_slug(text: str) -> bool:
    """Whether it can be a short name: lower-case letters, digits, and hyphens between them."""
    return re.fullmatch(SLUG_PATTERN, text) is not None


def is_credit_factor(factor: Decimal) -> bool:
    """Whether it can be a factor: positive, below one million, at most six decimals."""
    if not factor.is_finite() or not Decimal("0.000001") <= factor < 1_000_000:
        return False
    return factor == round(factor, 6)


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names of all time zones that stand for a place, and UTC."""
    # The rest are aliases, such as "Cuba" or "Etc/GMT+5", whose sign means its opposite.
    areas = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/",
             "Indian/", "Pacific/")  # fmt: skip
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(areas)))


def is_time_zone(name: str) -> bool:
    """Whether it names a time zone that an account may have."""
    return name in time_zones()


def slug_of(name: str) -> str:
    """Return a short name that a company's name suggests; empty when it has no letters for one."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain.replace("'", ""))
    # The legal form is rarely how people call a company.
    while len(words) > 1 and words[-1] in {"ag", "gmbh", "inc", "llc", "ltd", "plc", "sa", "corp"}:
        words.pop()
    return "-".join(words)[:SLUG_LENGTH].strip("-")


def free_slug(wanted: str, *, is_free: Callable[[str], bool]) -> str:
    """Return `wanted`, or its first numbered variant that is free."""
    if not wanted or is_free(wanted):
        return wanted
    for number in range(2, 1_000):
        ending = f"-{number}"
        candidate = wanted[: SLUG_LENGTH - len(ending)].rstrip("-") + ending
        if is_free(candidate):
            return candidate
    return ""


def whole_price(named: Mapping[str, Decimal], parts: Iterable[str]) -> dict[str, Decimal]:
    """Return every part of a price. An unnamed kind of tokens costs what plain ones do.

    Most of what an LLM that reasons writes is reasoning: free, it would be nearly free altogether.
    """
    return {
        part: named.get(part, named.get(PLAIN_PRICES.get(part, part), Decimal(0))) for part in parts
    }


def least_prices(kind: str, floor: Decimal) -> dict[str, Decimal]:
    """Return the least that each part of a price may be, for a kind of LLM, in US dollars.

    `floor` is for a million tokens. It holds for tokens of every sort: an account's own server
    could call all of them cached, or thought, or heard. A picture counts a thousand tokens.
    """
    if kind == "image":
        each = (floor * TOKENS_OF_A_PICTURE / 1_000_000).quantize(_LEAST_STEP, ROUND_UP)
        return {"image_each_usd": each}
    parts = (*_READ, *_WRITTEN) if kind == "chat" else _READ
    return dict.fromkeys(parts, floor)


def is_price(price: Decimal) -> bool:
    """Whether it can be a price in US dollars: not negative, in range, at most six decimals."""
    return price.is_finite() and 0 <= price <= _DEAREST_USD and price == round(price, 6)


def llm_fault(field: str, value: Any) -> str:
    """Return what is wrong with a detail of an LLM or its deployment; nothing when it is right."""
    if field == "name" and not re.fullmatch(LLM_NAME_PATTERN, value):
        return "Use the exact model name that clients send: letters, digits and . _ : / @ + -."
    if field in _LENGTHS and not 1 <= len(value.strip()) <= _LENGTHS[field]:
        return f"Enter 1 to {_LENGTHS[field]} characters."
    if field == "kind" and value not in LLM_KINDS:
        return "Choose what the LLM is called for."
    if field in {"context_window", "max_output_tokens"} and not 0 <= value <= 100_000_000:
        return "Enter a number of tokens."
    if field == "api_base" and value and not _is_address(value):
        return "Enter an address such as https://llm.example.com/v1, without a password."
    return ""


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.username


def is_named_by(name: str, pattern: str) -> bool:
    """Whether a pattern names something; `*` stands for any characters, and nothing else does."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
