"""Series for Chart.js, as `static/cockpit/js/cockpit.js` reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from core.kit.money import MICROCREDITS_PER_CREDIT


@dataclass(frozen=True, slots=True)
class Series:
    """One row of values with its name. `tone` is a number of the palette, or `bad`."""

    name: str
    values: Sequence[float | int | None]
    kind: Literal["bar", "line"] = "bar"
    tone: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with labelled axes. `summary` says in a sentence what the picture shows."""

    labels: Sequence[str]
    series: Sequence[Series]
    summary: str
    unit: str = ""
    is_stacked: bool = False

    @property
    def payload(self) -> dict[str, Any]:
        """What the page's JSON script holds."""
        return {
            "labels": list(self.labels),
            "unit": self.unit,
            "stacked": self.is_stacked,
            "series": [
                {
                    "name": series.name,
                    "values": list(series.values),
                    "kind": series.kind,
                    "tone": series.tone,
                    "unit": series.unit,
                }
                for series in self.series
            ],
        }

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(value for series in self.series for value in series.values)


def in_credits(amounts: Iterable[int]) -> list[float]:
    """Micro-credits as credits for an axis. A picture may be a float; a figure never is."""
    return [amount / MICROCREDITS_PER_CREDIT for amount in amounts]


def day_labels(days: Iterable[date]) -> list[str]:
    """Days as people read them, such as "3 Nov"."""
    return [f"{day.day} {day:%b}" for day in days]
