"""Time-ordered ids: Python has none before 3.14, Postgres none before 18."""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# RFC 9562: the version in bits 76 to 79, the variant in bits 62 and 63.
_VERSION_7 = 0x7 << 76 | 0x2 << 62


def uuid7() -> UUID:
    """Return a UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, 12 of what is left, random.

    The 12 bits tell ids apart that one process makes in the same millisecond, in their order.
    """
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=_moment() | random)


def many_uuid7(count: int) -> list[str]:
    """Return ids in ascending order as Postgres reads them, for thousands of rows at once."""
    moment, random = _moment(), os.urandom(8 * count)
    values = (
        int.from_bytes(random[place : place + 8], "big") >> 2 for place in range(0, 8 * count, 8)
    )
    return [f"{moment | value:032x}" for value in sorted(values)]


def _moment() -> int:
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return (milliseconds & (2**48 - 1)) << 80 | fraction << 64 | _VERSION_7


def first_uuid7(moment: datetime) -> UUID:
    """Return the smallest UUID version 7 of a moment: a range of times is a range of ids."""
    milliseconds = min(max((moment - _EPOCH) // _MILLISECOND, 0), 2**48 - 1)
    return UUID(int=milliseconds << 80 | _VERSION_7)


def time_of(value: UUID) -> datetime:
    """Return when a UUID version 7 was made, to the millisecond; the latest time of another."""
    try:
        return _EPOCH + (value.int >> 80) * _MILLISECOND
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
