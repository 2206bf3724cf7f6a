"""What pages about spending have in common: credits by day, the dearest few, and periods."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from core.ui.charts import Chart, Series, day_labels, in_credits
from core.usage.selectors import Day, Dimension, Row

# Segments of `components/segments.html`: words, address, whether it is the present one.
Choice = tuple[str, str, bool]
# A card of `product/_spending.html`: title, icon, rows.
Ranking = tuple[str, str, list["Rank"]]


@dataclass(frozen=True, slots=True)
class Rank:
    """A row of a ranking, and the page that shows only its calls; micro-credits."""

    label: str
    calls: int
    credits: int
    href: str


def spending_chart(days: Sequence[Day], summary: str = "", *, tone: str = "") -> Chart:
    """Return the credits of each day as bars; `summary` says whose, with one number of days."""
    return Chart(
        labels=day_labels(row.day for row in days),
        series=[Series(_("Credits"), in_credits(row.credits for row in days), tone=tone)],
        unit="credits",
        summary=(summary or _("Credits on each of the last %d days")) % len(days),
    )


def rankings(
    shown: Iterable[tuple[str, str, Dimension]],
    rows_of: Callable[[Dimension], Sequence[Row]],
    rank: Callable[[Dimension, Row], Rank],
) -> list[Ranking]:
    """Return the dearest of some dimensions, each with a title and an icon."""
    return [
        (title, icon, [rank(dimension, row) for row in rows_of(dimension)])
        for title, icon, dimension in shown
    ]


def period_choices(
    periods: Iterable[int], chosen: int, address: Callable[[int], str]
) -> list[Choice]:
    """Return the periods to choose from, in days."""
    return [(_("%d days") % days, address(days), days == chosen) for days in periods]
