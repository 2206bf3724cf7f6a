"""What a call has used so far: as the provider says, or counted by us where it does not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.gateway.pricing import Usage

# Only for heartbeats, where a rough figure each half minute must cost nothing.
CHARACTERS_PER_TOKEN = 4


class Meter:
    """Counts one call. The text received is kept until the end, in case nobody reports usage."""

    def __init__(self, *, input_tokens: int, count_text: Callable[[str], int]) -> None:
        self._input_tokens = input_tokens
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

    def report(self, usage: Usage | None) -> None:
        """Take the provider's own figures for all that has come so far."""
        if usage is not None:
            self._reported, self._reported_at = usage, self._characters

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
        usage = replace(self._reported, images=self._images)
        if usage.input_tokens == 0 and self._input_tokens > 0:
            usage = replace(usage, input_tokens=self._input_tokens, is_estimated=True)
        if usage.output_tokens == 0 and self._received:
            usage = replace(usage, output_tokens=self._counted(), is_estimated=True)
        elif self._characters > self._reported_at:
            # Figures from the beginning of a stream that broke, or that its client left.
            counted = max(self._counted(), usage.output_tokens)
            usage = replace(usage, output_tokens=counted, is_estimated=True)
        return usage

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
