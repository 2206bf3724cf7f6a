"""What the wire formats of vendors have in common in these fakes: what is said, and how it goes.

The model's name says how: `ok`, `tools`, `lies`, `no-usage`, `wrong-key`, `error-429` (any status),
`hangs`, `reset-first`, `reset-middle`, `malformed`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.upstream import WORDS

SAID = "".join(WORDS)
ARGUMENTS = {"city": "Oslo"}
LIE = "gpt-9-ultra"
# What breaks, and where: words have come by then, and there are more.
BREAKS_AT = 6
PNG = "aGk="


@dataclass(frozen=True, slots=True)
class Wire:
    """One vendor's format."""

    chat: Callable[[str], dict[str, Any]]
    stream: Callable[[str], list[bytes]]
    error: Callable[[int, str], dict[str, Any]]
    # What the vendor really says to a key that it does not know.
    wrong_key: tuple[int, str]
    broken_part: bytes
    stream_type: str = "text/event-stream"


def shown(model: str) -> str:
    """Return which model the vendor claims to have run."""
    return LIE if model == "lies" else model
