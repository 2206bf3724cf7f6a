"""What a call has used so far: as the provider says, or counted by us where it does not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.gateway.believing import (
    LEAST_SHARE,
    OUTPUT_MARGIN_PERCENT,
    Bounds,
    believable_input,
    believable_output,
)
from core.gateway.pricing import Usage

# Only for heartbeats, where a rough figure each half minute must cost nothing.
CHARACTERS_PER_TOKEN = 4


class Meter:
    """Counts one call. The text received is kept until the end, in case nobody reports usage."""

    def __init__(
        self, *, input_tokens: int, count_text: Callable[[str], int], bounds: Bounds | None = None
    ) -> None:
        self._input_tokens = input_tokens
        self._bounds = bounds or Bounds(input_tokens, 0)
        self._is_own = False
        self._count_text = count_text
        self._received: list[str] = []
        self._characters = 0
        self._reported: Usage | None = None
        # How much text had come when the figures did.
        self._reported_at = 0
        self._images = 0
        self._has_answer = False
        # The last count, and of how much text: a long answer takes a moment, and is asked after
        # by everybody who has to do with the end of a call.
        self._count = (0, 0)

    @property
    def has_received(self) -> bool:
        """Whether the provider has sent anything that it will bill."""
        return bool(self._received or self._images or self._reported or self._has_answer)

    @property
    def reported(self) -> Usage | None:
        """The provider's own figures, whether or not they can be true."""
        return self._reported

    def report(self, usage: Usage | None, *, is_own: bool = False) -> None:
        """Take the provider's own figures for all that has come so far.

        `is_own`: whoever is charged runs the server that says so.
        """
        if usage is not None:
            self._reported, self._reported_at, self._is_own = usage, self._characters, is_own

    def note_answer(self) -> None:
        """Take note of an answer that has no text of its own."""
        self._has_answer = True

    def receive_text(self, text: str) -> None:
        """Take a text."""
        self._has_answer = True
        self._take(text)

    def receive_images(self, count: int) -> None:
        """Count images."""
        self._images += count

    def receive(self, choices: list[dict[str, Any]], *, key: str) -> None:
        """Take the text of an answer's choices: of `message`, or of a stream's `delta`."""
        for choice in choices:
            part = choice[key]
            for name in ("content", "reasoning_content", "refusal"):
                self._take(part.get(name))
            for call in part.get("tool_calls") or ():
                self._take(call["function"].get("name"))
                self._take(call["function"].get("arguments"))

    def rough_output_tokens(self) -> int:
        """Return about how much has come so far."""
        return -(-self._characters // CHARACTERS_PER_TOKEN)

    def input_only(self) -> Usage:
        """Return what a call has used that was sent and brought nothing."""
        return Usage(input_tokens=self._input_tokens, is_estimated=True)

    def usage(self) -> Usage:
        """Return what the call has used. Figures that cannot be true are replaced by our count."""
        if self._reported is None:
            return Usage(
                input_tokens=self._input_tokens,
                output_tokens=self._counted(),
                images=self._images,
                is_estimated=True,
            )
        usage = self._reported
        if self._images:
            usage = replace(usage, images=self._images)
        usage = believable_input(usage, self._input_tokens, self._bounds, is_own=self._is_own)
        most = self._bounds.output_tokens
        if usage.output_tokens * 100 > most * OUTPUT_MARGIN_PERCENT:
            # What has come has been written, whatever the provider was told.
            most = max(most, min(usage.output_tokens, self._counted()))
            usage = believable_output(
                usage, most, is_estimated=usage.is_estimated or most < usage.output_tokens
            )
        if self._is_too_little(usage.output_tokens):
            return believable_output(usage, self._counted())
        if self._characters > self._reported_at:
            # Figures from the beginning of a stream that broke, or that its client left.
            return believable_output(usage, max(self._counted(), usage.output_tokens))
        return usage

    def _is_too_little(self, tokens: int) -> bool:
        """Whether less was reported than what has come: nothing, or below half of our count."""
        if not self._is_own or tokens >= self.rough_output_tokens():
            return tokens == 0 and bool(self._received)
        return tokens * LEAST_SHARE < self._counted()

    def _take(self, text: Any) -> None:
        if isinstance(text, str) and text:
            self._received.append(text)
            self._characters += len(text)

    def _counted(self) -> int:
        characters, tokens = self._count
        if characters != self._characters:
            tokens = self._count_text("".join(self._received))
            self._count = (self._characters, tokens)
        return tokens
