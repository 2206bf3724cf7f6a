"""The texts inside a body, in a form that guardrails can check and mask in place.

Checked is everything that a person could have written into: messages, tool results, arguments
of tool calls, descriptions and defaults of tools, names. Keys and ids stay as they are.
"""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from core.gateway.fields import is_deep


class Texts:
    """Strings that belong to a body, and how to put changed ones back."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._writers: list[Callable[[str], None]] = []
        self._rebuilders: list[Callable[[], None]] = []

    def replace(self, changed: Sequence[str]) -> None:
        """Put the texts back, in order; those that did not change cost nothing."""
        has_changed = False
        for before, after, write in zip(self.values, changed, self._writers, strict=True):
            if before is not after and before != after:
                write(after)
                has_changed = True
        if has_changed:
            for rebuild in self._rebuilders:
                rebuild()

    def add(self, owner: Any, key: Any) -> None:
        """Take the string at `owner[key]`, if there is one."""
        value = owner[key] if isinstance(owner, list) else owner.get(key)
        if isinstance(value, str) and value:
            self._add(value, lambda text: owner.__setitem__(key, text))

    def add_leaves(self, owner: Any) -> None:
        """Take every string and number under a list or an object.

        A masked number becomes a string.
        """
        pairs = owner.items() if isinstance(owner, dict) else enumerate(owner)
        for key, value in pairs:
            if isinstance(value, dict | list):
                self.add_leaves(value)
            elif isinstance(value, str) and value:
                self.add(owner, key)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                self._add(str(value), _setter(owner, key))

    def add_json(self, owner: dict[str, Any], key: str) -> None:
        """Take the leaves of a string that holds JSON, so that a mask cannot break its syntax."""
        value = owner.get(key)
        if not isinstance(value, str) or not value:
            return
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError:
            self.add(owner, key)
            return
        holder = [parsed]
        if is_deep(holder):
            # Nobody's arguments; as one text they are looked at all the same.
            self.add(owner, key)
            return
        self.add_leaves(holder)
        self._rebuilders.append(lambda: owner.__setitem__(key, orjson.dumps(holder[0]).decode()))

    def _add(self, value: str, write: Callable[[str], None]) -> None:
        self.values.append(value)
        self._writers.append(write)


def texts_of_chat(body: dict[str, Any]) -> Texts:
    """Return what a chat request sends to an LLM."""
    texts = Texts()
    for message in body["messages"]:
        _add_message(texts, message)
    for tool in body.get("tools", ()):
        texts.add(tool["function"], "description")
        texts.add_leaves(tool["function"].get("parameters", {}))
    texts.add_leaves(body.get("response_format", {}))
    for key in ("user", "stop", "prompt_cache_key"):
        texts.add(body, key)
    if isinstance(body.get("stop"), list):
        texts.add_leaves(body["stop"])
    return texts


def texts_of_answer(answer: dict[str, Any]) -> Texts:
    """Return what a chat answer brings back."""
    texts = Texts()
    for choice in answer.get("choices", ()):
        _add_message(texts, choice["message"])
    # A transcription: the whole, and the same again in pieces.
    texts.add(answer, "text")
    for piece in (*answer.get("segments", ()), *answer.get("words", ())):
        texts.add(piece, "text")
        texts.add(piece, "word")
    return texts


def texts_of_input(body: dict[str, Any]) -> Texts:
    """Return what a request for anything but a chat sends."""
    texts = Texts()
    for key in ("input", "prompt", "user", "query", "instructions"):
        texts.add(body, key)
    for key in ("input", "documents"):
        if isinstance(body.get(key), list):
            texts.add_leaves(body[key])
    return texts


def _add_message(texts: Texts, message: dict[str, Any]) -> None:
    for key in ("content", "reasoning_content", "refusal", "name"):
        texts.add(message, key)
    if isinstance(message.get("content"), list):
        for part in message["content"]:
            texts.add(part, "text")
            texts.add(part, "refusal")
            image = part.get("image_url")
            # The content of an inline image is no text; an address may carry some.
            if image is not None and not image["url"].startswith("data:"):
                texts.add(image, "url")
    # Titles and addresses of what an answer quotes.
    texts.add_leaves(message.get("annotations") or [])
    for call in message.get("tool_calls") or ():
        texts.add_json(call["function"], "arguments")


def _setter(owner: Any, key: Any) -> Callable[[str], None]:
    return lambda text: owner.__setitem__(key, text)
