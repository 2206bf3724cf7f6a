"""Readers of a JSON body: each returns the value as it should be, or says which field is wrong."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from core.gateway.errors import InvalidBody

T = TypeVar("T")
Reader = Callable[[Any, str], Any]

# OpenAI takes schemas of ten.
MOST_LEVELS = 100


def wrong(param: str, must: str) -> InvalidBody:
    """Return the refusal of one field."""
    return InvalidBody(f"`{param}` must be {must}.", param=param)


def text(value: Any, param: str, *, most: int = 2_000_000, least: int = 0) -> str:
    """Read a string of `least` to `most` characters."""
    if not isinstance(value, str):
        raise wrong(param, "a string")
    if not least <= len(value) <= most:
        raise wrong(param, f"{least} to {most} characters long")
    return value


def flag(value: Any, param: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise wrong(param, "true or false")
    return value


def mapping(value: Any, param: str) -> dict[str, Any]:
    """Read an object."""
    if not isinstance(value, dict):
        raise wrong(param, "an object")
    return value


def tree(value: Any, param: str) -> dict[str, Any]:
    """Read an object of any shape, such as a schema, as deep as anybody needs.

    Deeper ones cannot be written as JSON again, nor walked by recursion.
    """
    found = mapping(value, param)
    if is_deep(found):
        raise wrong(param, f"at most {MOST_LEVELS} levels deep")
    return found


def is_deep(value: Any) -> bool:
    """Whether a JSON value has more levels than it may."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def items(value: Any, param: str, *, most: int, least: int = 1) -> list[Any]:
    """Read a list of `least` to `most` entries."""
    if not isinstance(value, list):
        raise wrong(param, "a list")
    if not least <= len(value) <= most:
        raise wrong(param, f"a list of {least} to {most} entries")
    return value


def a_number(low: float, high: float) -> Reader:
    """Return a reader of a number within bounds."""

    def read(value: Any, param: str) -> float:
        # A bool is an int to Python, and none to anybody else.
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(param, "a number")
        if not low <= value <= high:
            raise wrong(param, f"from {low:g} to {high:g}")
        return value

    return read


def a_whole_number(low: int, high: int) -> Reader:
    """Return a reader of a whole number within bounds."""

    def read(value: Any, param: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(param, "a whole number")
        if not low <= value <= high:
            raise wrong(param, f"from {low} to {high}")
        return value

    return read


def one_of(*choices: str) -> Reader:
    """Return a reader of one of a few words."""

    def read(value: Any, param: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise wrong(param, f"one of {', '.join(choices)}")
        return value

    return read


def only(
    body: Mapping[str, Any], readers: Mapping[str, Reader], *, prefix: str = ""
) -> dict[str, Any]:
    """Return the known fields of an object, each read; null counts as absent."""
    return {
        key: readers[key](value, f"{prefix}{key}")
        for key, value in body.items()
        if key in readers and value is not None
    }
