"""What somebody looks at in the audit log: filters from the address, and addresses of filters."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _

from core.audit import verbs
from core.audit.selectors import label_of_actor, label_of_target, recent_people, recent_verbs

# Fields of the address, and the longest that each may be.
_FIELDS = {"verb": 64, "by": 64, "about": 64, "request": 64, "only": 8, "from": 10, "to": 10}
_LONGEST_TEXT = 100
_ONLY = ("product", "account")


@dataclass(frozen=True, slots=True)
class AuditView:
    """The filters of one address, and whether it follows what is written."""

    product: str
    within: Collection[UUID] | None
    asked: Mapping[str, str]
    is_live: bool

    @property
    def narrowed(self) -> dict[str, Any]:
        """The filters as `core.audit.selectors.entries` takes them."""
        asked = self.asked
        is_category = asked["verb"] in verbs.CATEGORIES
        until = _day(asked["to"])
        return {
            "product": self.product,
            "within": self.within,
            "only": asked["only"],
            "verb": "" if is_category else asked["verb"],
            "category": asked["verb"] if is_category else "",
            "text": asked["q"],
            "by": asked["by"] or None,
            "about": asked["about"] or None,
            "request": asked["request"],
            "since": _first_moment(_day(asked["from"])),
            "until": _first_moment(until + timedelta(days=1)) if until else None,
        }

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out."""
        return any(self.asked.values())

    @property
    def query(self) -> str:
        """The filters as an address, to put more behind; empty without any."""
        return self.without()

    def without(self, *names: str) -> str:
        """Return the filters as an address, but for some."""
        kept = [(name, value) for name, value in self.asked.items() if value and name not in names]
        return urlencode([*kept, *([("live", "1")] if self.is_live else [])])

    @property
    def paused(self) -> str:
        """The same filters, not following."""
        return urlencode([(name, value) for name, value in self.asked.items() if value])


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of a filter."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that came by a link: what it says, and the address without it."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Filters:
    """Everything that the form above the log offers."""

    kinds: list[tuple[str, list[Choice]]]
    people: list[Choice]
    only: list[Choice]
    chips: list[Chip]


def view_of(
    request: HttpRequest, product: str = "", *, within: Collection[UUID] | None = None
) -> AuditView:
    """Read the filters of a request; what makes no sense is left out."""
    asked = {name: _read(request, name, longest) for name, longest in _FIELDS.items()}
    asked["q"] = _read(request, "q", _LONGEST_TEXT)
    if not product or asked["only"] not in _ONLY:
        asked["only"] = ""
    for name in ("from", "to"):
        if _day(asked[name]) is None:
            asked[name] = ""
    return AuditView(product, within, asked, is_live=request.GET.get("live") == "1")


def filters_of(view: AuditView) -> Filters:
    """Return what there is to choose from, as of the latest entries."""
    return Filters(
        kinds=_kinds(view), people=_people(view), only=_reach(view), chips=list(_chips(view))
    )


def _kinds(view: AuditView) -> list[tuple[str, list[Choice]]]:
    """Group the verbs in use by their category; each group begins with all of it."""
    chosen = view.asked["verb"]
    in_use = recent_verbs(view.product, within=view.within)
    if chosen and chosen not in verbs.CATEGORIES and chosen not in in_use:
        in_use.append(chosen)
    order = list(verbs.CATEGORIES)
    in_use.sort(key=lambda verb: (order.index(verbs.category_of(verb)), verb))
    return [
        (
            label := str(verbs.CATEGORIES[category]),
            [
                Choice(category, _("%(category)s: all") % {"category": label}, chosen == category),
                *(Choice(verb, words(verb), chosen == verb) for verb in of_category),
            ],
        )
        for category, of_category in groupby(in_use, key=verbs.category_of)
    ]


def _people(view: AuditView) -> list[Choice]:
    chosen = view.asked["by"]
    found = recent_people(view.product, within=view.within)
    choices = [Choice(person.id, person.label, person.id == chosen) for person in found]
    if chosen and not any(choice.is_chosen for choice in choices):
        choices.insert(0, Choice(chosen, label_of_actor(chosen, **_seen(view)), is_chosen=True))
    return choices


def _reach(view: AuditView) -> list[Choice]:
    if not view.product:
        return []
    labels = {
        "": _("This product and the account"),
        "product": _("This product only"),
        "account": _("The account as a whole"),
    }
    return [Choice(value, label, value == view.asked["only"]) for value, label in labels.items()]


def _chips(view: AuditView) -> Any:
    says: dict[str, Callable[[str], str]] = {
        "about": lambda value: _("About %s") % label_of_target(value, **_seen(view)),
        "request": lambda value: _("Request %s") % value,
    }
    for name, label in says.items():
        if value := view.asked[name]:
            yield Chip(label(value), f"?{view.without(name)}")


def _seen(view: AuditView) -> dict[str, Any]:
    return {"product": view.product, "within": view.within}


def words(verb: str) -> str:
    """Return a verb in words: `credits.pool_set` is "Credits: pool set"."""
    noun, _dot, act = verb.partition(".")
    return ": ".join(_plain(part) for part in (noun, act) if part)


def _plain(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Llm", "LLM").replace(" llm", " LLM")


def _read(request: HttpRequest, name: str, longest: int) -> str:
    # Postgres takes no NUL in text.
    return request.GET.get(name, "").replace("\x00", "").strip()[:longest]


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # The day after the last one is no date.
    return day if day < date.max else None


def _first_moment(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, tzinfo=UTC) if day else None
