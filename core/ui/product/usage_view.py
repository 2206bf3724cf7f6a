"""What somebody looks at on the usage page: a period, and filters from the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from core.access.scopes import Scope
from core.credits.models import UsageOutcome
from core.ui.product.spending import Choice, period_choices
from core.usage import selectors
from core.usage.selectors import Dimension

PERIODS = (7, 30, 90)
# More than anybody picks from a menu; whoever is not among them is found by the ranking.
_CHOICES = 100
_IDS: dict[Dimension, str] = {"member": "member_id", "team": "team_id", "key": "key_id"}


@dataclass(frozen=True, slots=True)
class UsageView:
    """A period in days and one value for each dimension that is filtered by."""

    days: int
    chosen: Mapping[Dimension, str]

    @property
    def since(self) -> datetime:
        """When the period starts."""
        return selectors.first_moment(self.days)

    @property
    def filters(self) -> dict[str, Any]:
        """The filters as selectors take them."""
        return {_IDS.get(dimension, dimension): value for dimension, value in self.chosen.items()}

    @property
    def query(self) -> str:
        """The address of this view, from the question mark on."""
        return self._query(self.days, self.chosen)

    @property
    def unfiltered(self) -> str:
        """The address of the same period without filters."""
        return self._query(self.days, {})

    @property
    def periods(self) -> list[Choice]:
        """The periods to choose from."""
        return period_choices(PERIODS, self.days, lambda days: self._query(days, self.chosen))

    def having(self, dimension: Dimension, value: str) -> str:
        """Return the address of this view with one filter set, or taken away by ""."""
        return self._query(self.days, {**self.chosen, dimension: value})

    @staticmethod
    def _query(days: int, chosen: Mapping[Dimension, str]) -> str:
        filters = [(dimension, value) for dimension, value in chosen.items() if value]
        return "?" + urlencode([("days", days), *filters])


@dataclass(frozen=True, slots=True)
class Menu:
    """One filter as `cockpit/list_filter.html` shows it."""

    title: str
    choices: list[dict[str, Any]]


def view_of(request: HttpRequest) -> UsageView:
    """Read the period and the filters of a request; what makes no sense is left out."""
    days = next((days for days in PERIODS if request.GET.get("days") == str(days)), 30)
    dimensions: tuple[Dimension, ...] = ("member", "team", "llm", "key", "outcome")
    asked = {dimension: request.GET.get(dimension, "")[:200] for dimension in dimensions}
    return UsageView(days, {d: value for d, value in asked.items() if _makes_sense(d, value)})


def menus_of(product: str, scope: Scope, view: UsageView, *, with_keys: bool) -> list[Menu]:
    """Return the filters with what occurs in the period, the dearest first; none without choice."""
    titles: dict[Dimension, str] = {
        "member": _("Member"),
        "team": _("Team"),
        "llm": _("LLM"),
        "outcome": _("Outcome"),
    }
    if with_keys:
        titles["key"] = _("Key")
    menus = [_menu(product, scope, view, dimension, title) for dimension, title in titles.items()]
    return [menu for menu in menus if len(menu.choices) > 1]


def _menu(product: str, scope: Scope, view: UsageView, dimension: Dimension, title: str) -> Menu:
    rows = selectors.totals_by(product, scope, dimension, since=view.since, limit=_CHOICES)
    labels = {"": _("All"), **{row.id: row.label for row in rows if row.id}}
    chosen = view.chosen.get(dimension, "")
    if chosen not in labels:
        labels[chosen] = selectors.label_of(product, scope, dimension, chosen)
    return Menu(
        title,
        [
            {
                "selected": value == chosen,
                "query_string": view.having(dimension, value),
                "display": label,
            }
            for value, label in labels.items()
        ],
    )


def _makes_sense(dimension: Dimension, value: str) -> bool:
    if dimension == "outcome":
        return value in UsageOutcome.values
    if dimension in _IDS:
        try:
            UUID(value)
        except ValueError:
            return False
    return bool(value) and "\x00" not in value
