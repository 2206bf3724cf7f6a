"""What a prompt may ask of the demo provider: `[demo:error=429]`, `[demo:latency=2]`, ...

| directive | effect |
|---|---|
| `error=401`, `400`, `429`, `500`, `timeout` | the call fails that way before the first token |
| `latency=2` | seconds before the first token |
| `chunk_ms=50` | milliseconds between two chunks |
| `length=2000` | words in the answer |
| `reset`, `reset=5` | the connection breaks after so many chunks |
| `malformed` | the third chunk is broken |
| `say=...` | the answer is exactly that |
| `no_usage` | the provider forgets to report usage |
"""

import re
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"\[demo:([a-z_]+)(?:=([^\]]{0,4000}))?\]")

MOST_LATENCY_SECONDS = 900.0
MOST_CHUNK_MS = 10_000
MOST_WORDS = 20_000


@dataclass(frozen=True, slots=True)
class Directives:
    """How one demo answer is to behave."""

    error: str = ""
    latency_seconds: float | None = None
    chunk_ms: float | None = None
    words: int | None = None
    reset_after: int | None = None
    is_malformed: bool = False
    has_no_usage: bool = False
    say: str | None = None


def read_directives(text: str) -> tuple[Directives, str]:
    """Return the directives in a prompt, and the prompt without them. Nonsense is ignored."""
    found = {name: value or "" for name, value in _DIRECTIVE.findall(text)}
    rest = _DIRECTIVE.sub("", text).strip()
    words = _number(found.get("length"), MOST_WORDS)
    reset = _number(found.get("reset") or "3", MOST_WORDS) if "reset" in found else None
    return (
        Directives(
            error=found.get("error", ""),
            latency_seconds=_number(found.get("latency"), MOST_LATENCY_SECONDS),
            chunk_ms=_number(found.get("chunk_ms"), MOST_CHUNK_MS),
            words=None if words is None else int(words),
            reset_after=None if reset is None else int(reset),
            is_malformed="malformed" in found,
            has_no_usage="no_usage" in found,
            say=found.get("say"),
        ),
        rest,
    )


def _number(text: str | None, most: float) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    # `not >=` instead of `<`: it refuses "nan" as well.
    return None if value is None or not value >= 0 else min(value, most)
