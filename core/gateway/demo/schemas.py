"""Plausible values for a JSON schema: arguments of tool calls, structured answers."""

import random
import re
from collections.abc import Mapping
from typing import Any

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PLACE_NAME = re.compile(r"city|place|location|town|destination|origin")
_PLACE = re.compile(r"\b(?:in|at|for|to|from)\s+([A-Z][\w-]+(?:\s[A-Z][\w-]+)?)")
_QUOTED = re.compile(r"[\"“']([^\"”']{1,80})[\"”']")

_BY_NAME = (
    ("email", "mia@acme.example"),
    ("date", "2026-12-01"),
    ("time", "09:30"),
    ("url", "https://acme.example/"),
    ("currency", "EUR"),
    ("language", "en"),
    ("country", "DE"),
    ("unit", "metric"),
    ("id", "A-1042"),
)
DEEPEST = 6
MOST_ITEMS = 20


class Example:
    """Makes values that fit a schema, taken from the prompt where it offers one."""

    def __init__(self, prompt: str, chance: random.Random) -> None:
        self._prompt = prompt
        self._chance = chance

    def of(self, schema: Mapping[str, Any], *, name: str = "", depth: int = 0) -> Any:
        """Return a value for a schema; `name` is the property that it is for."""
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if schema.get("enum"):
            return self._choice(schema["enum"])
        for key in ("anyOf", "oneOf", "allOf"):
            if schema.get(key):
                return self.of(schema[key][0], name=name, depth=depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
        return self._of_kind(str(kind), schema, name, depth)

    def _of_kind(self, kind: str, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "integer":
            return int(self._number(schema))
        if kind == "number":
            return self._number(schema)
        if kind == "boolean":
            return True
        return None if kind == "null" else self._string(schema, name)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        if depth >= DEEPEST or not isinstance(properties, dict):
            return {}
        return {
            key: self.of(each, name=key, depth=depth + 1)
            for key, each in properties.items()
            if isinstance(each, dict)
        }

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items = schema.get("items")
        if depth >= DEEPEST or not isinstance(items, dict):
            return []
        count = _bound(schema.get("minItems"), 1)
        return [
            self.of(items, name=name, depth=depth + 1)
            for _ in range(int(min(max(count, 1), MOST_ITEMS)))
        ]

    def _number(self, schema: Mapping[str, Any]) -> float:
        found = _NUMBER.search(self._prompt)
        value = float(found.group()) if found else float(self._chance.randint(1, 20))
        value = max(value, _bound(schema.get("minimum"), value))
        return min(value, _bound(schema.get("maximum"), value))

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        lowered = name.lower()
        if _PLACE_NAME.search(lowered):
            found = _PLACE.search(self._prompt)
            return found.group(1) if found else "Paris"
        for part, value in _BY_NAME:
            if part in lowered or schema.get("format") == part:
                return value
        quoted = _QUOTED.search(self._prompt)
        return quoted.group(1) if quoted else (" ".join(self._prompt.split())[:80] or "demo")

    def _choice(self, choices: Any) -> Any:
        lowered = self._prompt.lower()
        return next((each for each in choices if str(each).lower() in lowered), choices[0])


def _bound(value: Any, otherwise: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else otherwise
