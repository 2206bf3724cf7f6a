"""Ticks that are saved as a whole, and what happens to them when somebody else was faster."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from django.http import QueryDict


@dataclass(frozen=True, slots=True)
class Tick:
    """One box. `meanwhile`: how somebody has set it since the page was shown, on or off."""

    is_on: bool
    meanwhile: Literal["", "on", "off"] = ""


class Ticks:
    """The boxes of one name: as they stand, or as somebody posted them who had not seen that."""

    def __init__(self, name: str, standing: Collection[str], posted: QueryDict | None) -> None:
        """`posted` is None where nobody has posted anything yet."""
        self.standing = sorted(standing)
        self._ticked = set(standing if posted is None else posted.getlist(name))
        seen = None if posted is None else seen_in(posted, name)
        self._changed = set() if seen is None else set(seen) ^ set(standing)

    @property
    def seen(self) -> str:
        """What a form brings back, so that nobody overwrites what they have not seen."""
        return " ".join(self.standing)

    def of(self, value: str) -> Tick:
        """Return the box of one value."""
        is_on = value in self._ticked
        if value not in self._changed:
            return Tick(is_on)
        return Tick(is_on, "on" if value in self.standing else "off")


def seen_in(posted: QueryDict, name: str) -> list[str] | None:
    """Return what was ticked when the page was shown; None if the form does not say."""
    seen = posted.get(f"seen-{name}")
    return None if seen is None else seen.split()
