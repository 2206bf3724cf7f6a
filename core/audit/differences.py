"""What changed between two states, value by value: pure functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Deeper than any settings of ours; what lies below is compared as a whole.
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Change:
    """One value that an entry names, as of before and after; None where it names none.

    Names of nested values are joined by a dot: `settings.action`.
    """

    name: str
    before: Any
    after: Any

    @property
    def kind(self) -> Literal["added", "removed", "changed"]:
        """Whether the value came, went, or became another."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class Items:
    """What joined and what left a list of plain values."""

    added: tuple[Any, ...]
    removed: tuple[Any, ...]


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """Return every value that differs, in the order in which the entry names them.

    Nested values are compared one by one. With one side only, all of that side is returned.
    """
    return list(_between("", before or {}, after or {}, _DEEPEST))


def items(change: Change) -> Items | None:
    """Return what joined and left when both sides are lists of plain values, else None."""
    before, after = change.before, change.after
    if not (_is_plain_list(before) and _is_plain_list(after)):
        return None
    return Items(
        added=tuple(item for item in after if item not in before),
        removed=tuple(item for item in before if item not in after),
    )


def _between(
    prefix: str, before: Mapping[str, Any], after: Mapping[str, Any], depth: int
) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        old, new, path = before.get(name), after.get(name), f"{prefix}{name}"
        if depth and _is_nested(old) and _is_nested(new) and (old or new):
            yield from _between(f"{path}.", old or {}, new or {}, depth - 1)
        elif old != new:
            yield Change(path, old, new)


def _is_nested(value: Any) -> bool:
    return value is None or isinstance(value, Mapping)


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(item, list | dict) for item in value)
