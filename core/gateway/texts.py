"""The texts inside a body, in a form that guardrails can check and mask in place.

Checked is everything that a person could have written into: messages, tool results, names and
arguments of tool calls, names, descriptions and defaults of tools, and the keys of all of these.
Parts of a message that follow one another are read as one text, and each by itself. Ids stay as
they are.
"""

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import orjson

from core.gateway.fields import is_deep
from core.guardrails.verdicts import Joined

# Words of JSON's schemas, which say nothing: every tool has dozens of them.
_SCHEMA_WORDS = frozenset(
    [
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "json_schema",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "name",
        "pattern",
        "properties",
        "required",
        "schema",
        "strict",
        "title",
        "type",
    ]
)
_KEY_END = re.compile(r'"\s*:')
_PARTS = ("text", "refusal")


class Texts:
    """Strings that belong to a body, and how to put changed ones back."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._writers: list[Callable[[str], None]] = []
        self._rebuilders: list[Callable[[], None]] = []
        # What has to be put back as it was read, whether or not anything was found in it.
        self._always: list[Callable[[], None]] = []

    def replace(self, changed: Sequence[str]) -> None:
        """Put the texts back, in order; those that did not change cost nothing."""
        has_changed = False
        for before, after, write in zip(self.values, changed, self._writers, strict=True):
            if before is not after and before != after:
                write(after)
                has_changed = True
        for rebuild in self._rebuilders if has_changed else self._always:
            rebuild()

    def add(self, owner: Any, key: Any) -> None:
        """Take the string at `owner[key]`, if there is one."""
        value = owner[key] if isinstance(owner, list) else owner.get(key)
        if isinstance(value, str) and value:
            self._add(value, lambda text: owner.__setitem__(key, text))

    def add_name(self, owner: dict[str, Any]) -> None:
        """Take a tool's name. A mask in it has no brackets: providers refuse names that have."""
        name = owner.get("name")
        if isinstance(name, str) and name:
            self._add(name, lambda text: owner.__setitem__("name", re.sub("[<>]", "", text)))

    def add_parts(self, owner: dict[str, Any], key: str) -> None:
        """Take the parts of a message. Texts that follow one another count as one as well.

        Where a mask stands in one of them, the whole stands in the first.
        """
        gone: set[int] = set()
        for kind, parts in groupby(owner[key], key=_is_text):
            if kind:
                self._add_run(list(parts), gone)
        self._rebuilders.append(
            lambda: owner.__setitem__(key, [part for part in owner[key] if id(part) not in gone])
        )

    def _add_run(self, parts: list[dict[str, Any]], gone: set[int]) -> None:
        said = [(part, key) for part in parts for key in _PARTS if part.get(key)]
        if not said:
            return
        first, rest = said[0], [part for part, _ in said[1:]]
        if not rest:
            self.add(*first)
            return

        def write(text: str) -> None:
            first[0][first[1]] = text
            gone.update(map(id, rest))

        self._add(Joined.of([part[key] for part, key in said]), write)

    def add_leaves(self, owner: Any) -> int:
        """Take every key, string and number under a list or an object; return how many keys.

        A masked number becomes a string.
        """
        is_object = isinstance(owner, dict)
        keys = self._add_keys(owner) if is_object else 0
        for key, value in owner.items() if is_object else enumerate(owner):
            if isinstance(value, dict | list):
                keys += self.add_leaves(value)
            elif isinstance(value, str) and value:
                self.add(owner, key)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                self._add(str(value), _setter(owner, key))
        return keys

    def _add_keys(self, owner: dict[str, Any]) -> int:
        renamed: dict[str, str] = {}
        for key in owner:
            if key and key not in _SCHEMA_WORDS:
                self._add(key, _setter(renamed, key))
        self._rebuilders.append(lambda: _rename(owner, renamed))
        return len(owner)

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
        keys = self.add_leaves(holder)

        def rebuild() -> None:
            owner[key] = orjson.dumps(holder[0]).decode()

        self._rebuilders.append(rebuild)
        if len(_KEY_END.findall(value)) != keys:
            # A key that stands there twice hides what the first of them holds.
            self._always.append(rebuild)

    def _add(self, value: str, write: Callable[[str], None]) -> None:
        self.values.append(value)
        self._writers.append(write)


def texts_of_chat(body: dict[str, Any]) -> Texts:
    """Return what a chat request sends to an LLM."""
    texts = Texts()
    for message in body["messages"]:
        _add_message(texts, message)
    for tool in body.get("tools", ()):
        texts.add_name(tool["function"])
        texts.add(tool["function"], "description")
        texts.add_leaves(tool["function"].get("parameters", {}))
    texts.add_leaves(body.get("response_format", {}))
    if isinstance(body.get("tool_choice"), dict):
        texts.add_name(body["tool_choice"]["function"])
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
    for key in ("input", "prompt", "user", "query", "instructions", "voice"):
        texts.add(body, key)
    for key in ("input", "documents"):
        if isinstance(body.get(key), list):
            texts.add_leaves(body[key])
    return texts


def _add_message(texts: Texts, message: dict[str, Any]) -> None:
    for key in ("content", "reasoning_content", "refusal", "name"):
        texts.add(message, key)
    if isinstance(message.get("content"), list):
        texts.add_parts(message, "content")
        for part in message["content"]:
            image = part.get("image_url")
            # The content of an inline image is no text; an address may carry some.
            if image is not None and not image["url"].startswith("data:"):
                texts.add(image, "url")
    # Titles and addresses of what an answer quotes.
    texts.add_leaves(message.get("annotations") or [])
    for call in message.get("tool_calls") or ():
        texts.add_name(call["function"])
        texts.add_json(call["function"], "arguments")


def _is_text(part: dict[str, Any]) -> bool:
    return any(part.get(key) for key in _PARTS)


def _rename(owner: dict[str, Any], renamed: dict[str, str]) -> None:
    """Put masked keys into an object, in their places; two that look the same stay two."""
    if not renamed:
        return
    items = list(owner.items())
    owner.clear()
    for key, value in items:
        name = renamed.get(key, key)
        while name in owner:
            name += "_"
        owner[name] = value


def _setter(owner: Any, key: Any) -> Callable[[str], None]:
    return lambda text: owner.__setitem__(key, text)
