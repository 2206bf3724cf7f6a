"""Effective access: may this member use that, why, and what would change it."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.access.features import features_of
from core.access.resources import Resource, resource_type, resources_of
from core.access.rules.paths import Path
from core.access.scopes import scope_of
from core.access.selectors import access_of
from core.hierarchy import selectors
from core.hierarchy.policies import path_of
from core.hierarchy.seats import can_act_from
from core.kit.clock import now
from core.ui.pages import page, render_page
from core.ui.product.reasons import Reasons, reasons_of
from core.ui.product.urls import ProductSite

FOUND = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What one place may do with one thing."""

    key: str
    title: str
    kind: str
    is_allowed: bool
    href: str


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of effective access."""
    view = site.permission("view_access")

    @page(permission=view)
    def effective(request: HttpRequest) -> HttpResponse:
        scope = scope_of(request.user, site.slug)
        term = request.GET.get("q", "").strip()[:100]
        member = place = None
        places: list[Any] = []
        if member_id := request.GET.get("member", ""):
            member = selectors.member_for(site.product, scope, member_id)
            places = _places(site, scope, member)
            place = _chosen(places, request.GET.get("place", ""))
        looked_up = _Lookup(request, site, place) if place is not None else None
        return render_page(
            request,
            "product/effective.html",
            title=_("Effective access"),
            fragment="found" if "q" in request.GET else "",
            term=term,
            found=_found(site, scope, term),
            home=reverse(f"{site.slug}:effective"),
            refused_href=reverse(f"{site.slug}:refused"),
            member=member,
            place=place,
            places=places,
            answers=looked_up.answers() if looked_up else [],
            reasons=looked_up.reasons(request.GET.get("about", "")) if looked_up else None,
        )

    return [path("access/", effective, name="effective")]


class _Lookup:
    """Everything about one place."""

    def __init__(self, request: HttpRequest, site: ProductSite, place: Any) -> None:
        account = request.account  # type: ignore[attr-defined]
        self._site, self._place = site, place
        self._path: Path = path_of(site.product, place)
        self._offered = site.offered_llms(account.pk, site.slug)
        self._things = resources_of(site.slug)
        self._access = access_of(
            site.slug,
            offered=(llm.pk for llm in self._offered),
            withheld=site.withheld_features(account.pk, site.slug),
            open_things=(each.thing for each in self._things if each.is_open),
            nodes=(node.id for node in self._path),
        )

    def answers(self) -> list[Answer]:
        """Return what the place may use: every LLM on offer, and every feature."""
        usable = self._access.llms(self._path)
        llms = [
            self._answer(f"llm:{llm.pk}", llm.title, _("LLM"), is_allowed=llm.pk in usable)
            for llm in self._offered
        ]
        features = [
            self._answer(
                f"feature:{feature.key}",
                str(feature.title),
                _("Feature"),
                is_allowed=self._access.has(feature.key, self._path),
            )
            for feature in features_of(self._site.slug)
        ]
        things = [
            self._answer(
                f"{each.type}:{each.id}",
                each.name,
                _title_of(each),
                is_allowed=self._access.may_use(each.thing, self._path, at=now()),
            )
            for each in self._things
        ]
        return [*llms, *features, *things]

    def reasons(self, about: str) -> Reasons | None:
        """Return why, for one of the answers; None if nothing, or nothing known, is asked."""
        kind, _sep, key = about.partition(":")
        if kind == "feature":
            titles = {each.key: str(each.title) for each in features_of(self._site.slug)}
            decision = self._access.why_feature(key, self._path)
            if decision is None:
                return None
            return reasons_of(self._site, decision, kind="feature", title=titles[key])
        thing = next((each for each in self._things if f"{each.type}:{each.id}" == about), None)
        if thing is not None:
            decision = self._access.why_thing(thing.thing, self._path, at=now())
            return reasons_of(self._site, decision, kind=thing.type, title=thing.name, key=key)
        llm = next((each for each in self._offered if str(each.pk) == key), None)
        if kind != "llm" or llm is None:
            return None
        decision = self._access.why_llm(llm.pk, self._path)
        return reasons_of(self._site, decision, kind="llm", title=llm.title)

    def _answer(self, key: str, title: str, kind: str, *, is_allowed: bool) -> Answer:
        home = reverse(f"{self._site.slug}:effective")
        asked = f"member={self._place.member_id}&place={self._place.pk}&about={key}"
        return Answer(key, title, kind, is_allowed, f"{home}?{asked}#why")


def _title_of(thing: Resource) -> str:
    kind = resource_type(thing.type)
    return str(kind.title) if kind is not None else thing.type


def _places(site: ProductSite, scope: Any, member: Any) -> list[Any]:
    seen = set(
        selectors.places_for(site.product, scope).filter(member=member).values_list("pk", flat=True)
    )
    places = selectors.places_of(site.product, member)
    return [place for place in places if place.pk in seen and can_act_from(place)]


def _chosen(places: list[Any], wanted: str) -> Any | None:
    return next((each for each in places if str(each.pk) == wanted), places[0] if places else None)


def _found(site: ProductSite, scope: Any, term: str) -> list[Any]:
    if not term:
        return []
    rows = selectors.members_for(site.product, scope).filter(archived_at=None)
    return list(selectors.named_like(rows, term)[:FOUND])
