"""What the wire formats of vendors have in common in these fakes: what is said, and how it goes.

The model's name says how: `ok`, `tools`, `lies`, `no-usage`, `wrong-key`, `error-429` (any status),
`hangs`, `reset-first`, `reset-middle`, `malformed`, `unknown-model`, and what vendors have besides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.server import Seen
from tests.fakes.upstream import WORDS

SAID = "".join(WORDS)
ARGUMENTS = {"city": "Oslo"}
LIE = "gpt-9-ultra"
# What breaks, and where: words have come by then, and there are more.
BREAKS_AT = 6
PNG = "aGk="
THOUGHT = "Let me think. "
# Of eleven tokens that went in.
CACHED = 5


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
    # By the model's name: what else it refuses, in words of its own.
    refusals: Mapping[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    # What is not as the vendor takes it.
    refuses: Callable[[Seen], tuple[int, dict[str, Any]] | None] = lambda _request: None
    # What comes before the first part of a stream, and means nothing.
    waits: bytes = b""


def shown(model: str) -> str:
    """Return which model the vendor claims to have run."""
    return LIE if model == "lies" else model
