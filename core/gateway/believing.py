"""Which of a provider's figures can be true: what it reports is charged, so it may not be made up.

Tokenizers differ, and so do the templates around a chat; what lies within the bounds counts as it
was reported. Above them is nobody, below them only who runs a server of their own: a vendor that
reports too little harms itself.
"""

from dataclasses import dataclass, replace

from core.gateway.pricing import Usage
from core.gateway.ticket import Ticket

# A token of ours is about four bytes, and no tokenizer makes more than a token of a byte.
MOST_INPUT_TIMES = 4
# What vendors put around a chat: their template, how to call tools.
MOST_INPUT_MORE = 4_096
# A sound of a second may be taken for ten.
MOST_SOUND_MORE = 100
# Some end an answer a little after the limit that they were told.
OUTPUT_MARGIN_PERCENT = 110
# Their count may be half of ours.
LEAST_SHARE = 2


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call can have used at most."""

    input_tokens: int
    output_tokens: int
    # What whoever runs a server of their own has to report.
    least_input_tokens: int = 1
    has_sound: bool = False


def bounds_of(ticket: Ticket) -> Bounds:
    """Return what a call can use at most, by our count of its input and by its limit."""
    body, read = ticket.body, ticket.input_tokens
    output_tokens = ticket.output_limit * body.choices
    if body.kind == "transcription":
        # A second has ten tokens; how long a squeezed sound is at least, nobody can tell.
        is_known = body.estimated_input == body.counted_input
        return Bounds(
            input_tokens=read + len(body.upstream.get("prompt", "")) + MOST_SOUND_MORE,
            output_tokens=output_tokens,
            least_input_tokens=-(-read // LEAST_SHARE) if is_known else 1,
            has_sound=True,
        )
    if body.kind == "rerank":
        # Many count the question with each document; a character has at most a token, or nearly.
        read += len(body.upstream["query"]) * len(body.upstream["documents"])
    return Bounds(
        input_tokens=read * MOST_INPUT_TIMES + MOST_INPUT_MORE,
        output_tokens=output_tokens,
        least_input_tokens=-(-ticket.input_tokens // LEAST_SHARE),
        has_sound=body.kind == "speech",
    )


def believable_input(usage: Usage, counted: int, bounds: Bounds, *, is_own: bool) -> Usage:
    """Return usage whose input can be true; our count stands in for what cannot."""
    if not bounds.has_sound and (usage.audio_input_tokens or usage.audio_output_tokens):
        # Nobody has sent any, and it may be priced at nothing.
        usage = replace(usage, audio_input_tokens=0, audio_output_tokens=0)
    least = bounds.least_input_tokens if is_own else 1
    if counted and not least <= usage.input_tokens <= bounds.input_tokens:
        usage = replace(usage, input_tokens=counted, is_estimated=True)
    return _with_parts_within(usage)


def believable_output(usage: Usage, tokens: int, *, is_estimated: bool = True) -> Usage:
    """Return usage with another output."""
    return _with_parts_within(replace(usage, output_tokens=tokens, is_estimated=is_estimated))


def _with_parts_within(usage: Usage) -> Usage:
    """Tokens of special kinds are part of the input or the output, and no more than it."""
    if not (
        usage.cached_tokens
        or usage.cache_write_tokens
        or usage.reasoning_tokens
        or usage.audio_input_tokens
        or usage.audio_output_tokens
    ):
        return usage
    cached = min(usage.cached_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    thought = min(usage.reasoning_tokens, usage.output_tokens)
    return replace(
        usage,
        cached_tokens=cached,
        cache_write_tokens=written,
        audio_input_tokens=min(usage.audio_input_tokens, usage.input_tokens - cached - written),
        reasoning_tokens=thought,
        audio_output_tokens=min(usage.audio_output_tokens, usage.output_tokens - thought),
    )
