"""The filter of the member list, from a request, and the choices it offers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.access.scopes import Scope
from core.hierarchy.product import Product
from core.hierarchy.selectors import organization_choices, team_choices
from core.people.matching import STATES
from core.ui.picking import Picker, is_id

_LABELS = {
    "current": _("Current"),
    "invited": _("Invited"),
    "deactivated": _("Deactivated"),
    "archived": _("Archived"),
    "all": _("All"),
}


@dataclass(frozen=True, slots=True)
class Match:
    """What the list is narrowed to."""

    q: str = ""
    place: str = ""
    state: str = "current"

    @property
    def values(self) -> dict[str, str]:
        """The filter as jobs and selectors take it."""
        return {"q": self.q, "place": self.place, "state": self.state}

    @property
    def query(self) -> str:
        """The filter as a query string; defaults are left out."""
        kept = {"q": self.q, "place": self.place, "state": self.state}
        return urlencode(
            {name: text for name, text in kept.items() if text and (name, text) != _DEFAULT}
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether it leaves anybody out who would otherwise be shown."""
        return bool(self.q or self.place or self.state != "current")


_DEFAULT = ("state", "current")


def match_of(given: QueryDict | Mapping[str, Any]) -> Match:
    """Return the filter of a request; what nobody offers is as if it were not there."""
    # Postgres takes no NUL in text.
    q = str(given.get("q", "")).replace("\x00", "").strip()[:100]
    place, state = str(given.get("place", "")), str(given.get("state", ""))
    return Match(
        q=q,
        place=place if is_id(place) else "",
        state=state if state in STATES else "current",
    )


def states() -> list[tuple[str, Any]]:
    """Return the states to choose from."""
    return [(state, _LABELS[state]) for state in STATES]


def place_picker(product: Product, scope: Scope, *, submits: bool = False) -> Picker:
    """Return a field that finds an organization or a team of a scope."""
    return Picker(
        reverse(f"admin:{product.slug}_member_pick_place"),
        label_of=lambda value: place_label(product, scope, value),
        placeholder=_("Any team or organization") if submits else _("Team or organization"),
        submits=submits,
    )


def place_label(product: Product, scope: Scope, value: str) -> str:
    """Return what a team or an organization of a scope is called; empty if there is none."""
    if not is_id(value):
        return ""
    team = team_choices(product, scope).filter(pk=value).first()
    if team is not None:
        return f"{team.organization} / {team}"
    organization = organization_choices(product, scope).filter(pk=value).first()
    return str(organization or "")
