"""Token counts of plain chats, without LiteLLM's way there, which takes four times as long.

The figures are LiteLLM's own to the token: the bound of a call has to be what everybody else counts
(a test compares them). What is not plain, such as tools and pictures, it counts itself.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

# By OpenAI's way of counting: what stands around each message, a name, and before the answer.
TOKENS_PER_MESSAGE = 3
TOKENS_PER_NAME = 1
TOKENS_BEFORE_ANSWER = 3


class PlainCounter:
    """Counts messages that hold texts alone; `count` counts the tokens of one text."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        # Roles, which are the same few words in every call.
        self._count_role = lru_cache(maxsize=16)(count)

    def text(self, text: str) -> int:
        """Return how many tokens a text has."""
        return self._count(text)

    def messages(self, messages: Sequence[Mapping[str, Any]]) -> int | None:
        """Return how many tokens messages have, or None where they hold more than texts."""
        tokens = TOKENS_BEFORE_ANSWER
        for message in messages:
            tokens += TOKENS_PER_MESSAGE
            for key, value in message.items():
                if value is None:
                    continue
                if not isinstance(value, str):
                    return None
                tokens += self._count_role(value) if key == "role" else self._count(value)
                if key == "name":
                    tokens += TOKENS_PER_NAME
        return tokens
