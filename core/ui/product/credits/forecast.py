"""The forecast on the credits page: how long credits last, and how good past forecasts were."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from core.credits.cycles import last_day_of
from core.credits.models import Book
from core.credits.outlook import BookOutlook, outlook_of
from core.credits.selectors import BookFigures
from core.ui.charts import Chart, Series, day_labels, in_credits
from core.ui.templatetags.cockpit import credits

# So far ahead a line of the present rate still says something.
_AHEAD_DAYS = 14


def forecast_context(book: Book, figures: BookFigures | None = None) -> dict[str, Any]:
    """Return what the card of the forecast needs, by the open cycle's `figures` if known."""
    made = outlook_of(book, figures)
    return {
        "outlook": made,
        "forecast_chart": _chart(book, made),
        "forecast_text": _text(book, made),
    }


def _text(book: Book, made: BookOutlook) -> str:
    expected = made.expected
    if expected.burn == 0:
        return _("Nothing was used in the last days, so there is nothing to go by yet.")
    rate = _("About %s credits a day.") % credits(expected.burn)
    if expected.runs_out_on is not None:
        return f"{rate} " + _("At this rate they run out on %s.") % _day(expected.runs_out_on)
    if made.cycle.ends_at is not None:
        last = last_day_of(made.cycle.ends_at, book.time_zone)
        return f"{rate} " + _("They last to the end of the cycle on %s.") % _day(last)
    return f"{rate} " + _("They last for more than a year.")


def _chart(book: Book, made: BookOutlook) -> Chart:
    """Return what was left at the end of each day, as far as use explains it, and what will be."""
    known = len(made.days)
    left = made.figures.left
    past = [left + sum(made.days[place + 1 :]) for place in range(known)]
    ahead = [max(left - made.expected.burn * day, 0) for day in range(1, _AHEAD_DAYS + 1)]
    first = made.today - timedelta(days=known - 1)
    days = [first + timedelta(days=place) for place in range(known + _AHEAD_DAYS)]
    return Chart(
        labels=day_labels(days),
        series=(
            Series(
                _("left"),
                [*in_credits(past), *[None] * _AHEAD_DAYS],
                kind="line",
                tone="1",
                unit=_("credits"),
            ),
            Series(
                _("expected"),
                [*[None] * (known - 1), *in_credits([left, *ahead])],
                kind="line",
                tone="3",
                unit=_("credits"),
            ),
        ),
        summary=_text(book, made),
        unit=_("credits"),
    )


def _day(moment: Any) -> str:
    return f"{moment:%-d %B %Y}"
