"""Effective access: may this member use that, why, and what would change it."""

import csv
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.access.features import features_of, needs_of
from core.access.resources import Resource, resource_type, resources_of
from core.access.rules.paths import Path
from core.access.scopes import Scope, scope_of
from core.access.selectors import access_of
from core.access.words import change_in_words, reason_in_words
from core.hierarchy import selectors
from core.hierarchy.policies import path_of
from core.hierarchy.seats import can_act_from
from core.kit.clock import now
from core.people.reading import is_formula
from core.ui.pages import page, problems_as_messages, render_page
from core.ui.product.fixing import Decided, fix_of, revert_of
from core.ui.product.reasons import reasons_of
from core.ui.product.undoing import mark_of
from core.ui.product.urls import ProductSite

FOUND = 8
_HEAD = ("member", "place", "kind", "name", "key", "may use", "because", "would flip it")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one place may do with one thing, and the step that settled it."""

    key: str
    title: str
    kind: str
    is_allowed: bool
    reason: str
    href: str
    flip: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """What somebody wants to see of everything."""

    name: str = ""
    kind: str = ""
    verdict: str = ""

    def shows(self, answer: Answer) -> bool:
        """Whether an answer is wanted."""
        return (
            self.name.casefold() in answer.title.casefold()
            and self.kind in {"", answer.key.partition(":")[0]}
            and self.verdict in {"", "yes" if answer.is_allowed else "no"}
        )


def urls(site: ProductSite) -> list[URLPattern]:  # noqa: C901  one short view a route
    """Return the routes of effective access."""
    view, manage = site.permission("view_access"), site.permission("manage_access")
    home = f"{site.slug}:effective"

    @page(permission=view)
    def effective(request: HttpRequest) -> HttpResponse:
        scope = scope_of(request.user, site.slug)
        term = request.GET.get("q", "").strip()[:100]
        asked = _Asked(request, site, scope, request.GET)
        wanted = _filter(request)
        everything = asked.lookup.answers() if asked.lookup else []
        decided = asked.decided
        fix = fix_of(request, site, decided) if decided is not None else None
        return render_page(
            request,
            "product/effective.html",
            title=_("Effective access"),
            fragment="found" if "q" in request.GET else "",
            term=term,
            found=_found(site, scope, term),
            home=reverse(home),
            refused_href=reverse(f"{site.slug}:refused"),
            member=asked.member,
            place=asked.place,
            places=asked.places,
            query=asked.query,
            about=asked.about,
            answers=[answer for answer in everything if wanted.shows(answer)],
            count=len(everything),
            wanted=wanted,
            kinds=list(
                dict.fromkeys((each.key.partition(":")[0], each.kind) for each in everything)
            ),
            export_href=f"{reverse(f'{home}-export')}?{_export_query(asked, wanted)}",
            reasons=decided
            and reasons_of(
                request,
                site,
                decided.decision,
                kind=decided.kind,
                title=decided.title,
                key=decided.key,
            ),
            fix=fix,
            fix_href=reverse(f"{home}-fix"),
            seen=mark_of(decided.decision) if decided is not None else "",
            revert=revert_of(request, site, decided) if decided is not None else None,
            back=request.get_full_path(),
        )

    @page(permission=view)
    def export(request: HttpRequest) -> HttpResponse:
        asked = _Asked(request, site, scope_of(request.user, site.slug), request.GET)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        name = f"{site.slug}-access-{now():%Y-%m-%d}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        out = csv.writer(response)
        out.writerow(_HEAD)
        wanted = _filter(request)
        for place in asked.places if not request.GET.get("place") else [asked.place]:
            for answer in _Lookup(request, site, place).answers():
                if wanted.shows(answer):
                    verdict = "yes" if answer.is_allowed else "no"
                    cells = (asked.member, place, answer.kind, answer.title, answer.key)
                    why = (verdict, answer.reason, answer.flip)
                    out.writerow([_cell(str(each)) for each in (*cells, *why)])
        return response

    @page(permission=manage, methods=("POST",))
    def fix(request: HttpRequest) -> HttpResponse:
        asked = _Asked(request, site, scope_of(request.user, site.slug), request.POST)
        button = fix_of(request, site, asked.decided) if asked.decided is not None else None
        if button is None or asked.decided is None:
            messages.info(request, _("There is nothing here that you could change."))
        elif request.POST.get("seen", "") != mark_of(asked.decided.decision):
            messages.info(request, _("Somebody has changed this since. Look at it again."))
        else:
            with problems_as_messages(request):
                button.apply()
        query = urlencode({"about": asked.about}) if asked.about else ""
        return HttpResponseRedirect(f"{reverse(home)}?{asked.query}&{query}#why")

    return [
        path("access/", effective, name="effective"),
        path("access/export.csv", export, name="effective-export"),
        path("access/fix/", fix, name="effective-fix"),
    ]


class _Asked:
    """Whom and what a request asks about, as far as the scope shows it."""

    def __init__(self, request: HttpRequest, site: ProductSite, scope: Scope, given: Any) -> None:
        self.member = self.place = None
        self.places: list[Any] = []
        self.about: str = given.get("about", "")
        if member_id := given.get("member", ""):
            self.member = selectors.member_for(site.product, scope, member_id)
            self.places = _places(site, scope, self.member)
            self.place = _chosen(self.places, given.get("place", ""))
        self.lookup = _Lookup(request, site, self.place) if self.place is not None else None
        self.decided = self.lookup.decided(self.about) if self.lookup else None

    @property
    def query(self) -> str:
        """Member and place as a query."""
        named = {"member": self.member, "place": self.place}
        return urlencode({key: each.pk for key, each in named.items() if each is not None})


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
            needs=needs_of(self._offered),
            open_things=(each.thing for each in self._things if each.is_open),
            nodes=(node.id for node in self._path),
        )

    def answers(self) -> list[Answer]:
        """Return what the place may use: every LLM on offer, every feature, all that is shared."""
        found = [
            *((f"llm:{llm.pk}", _("LLM")) for llm in self._offered),
            *((f"feature:{each.key}", _("Feature")) for each in features_of(self._site.slug)),
            *((f"{each.type}:{each.id}", _title_of(each)) for each in self._things),
        ]
        return [
            self._answer(key, kind, decided)
            for key, kind in found
            if (decided := self.decided(key)) is not None
        ]

    def decided(self, about: str) -> Decided | None:
        """Return the decision about one of the answers; None if nothing, or nothing known."""
        kind, _sep, key = about.partition(":")
        if kind == "feature":
            return self._of_feature(key)
        thing = next((each for each in self._things if f"{each.type}:{each.id}" == about), None)
        if thing is not None:
            decision = self._access.why_thing(thing.thing, self._path, at=now())
            return Decided(thing.type, key, thing.name, self._path, decision)
        llm = next((each for each in self._offered if str(each.pk) == key), None)
        if kind != "llm" or llm is None:
            return None
        decision = self._access.why_call(llm.pk, self._path)
        needs = self._access.needs.get(llm.pk, "")
        return Decided("llm", key, llm.title, self._path, decision, needs)

    def _of_feature(self, key: str) -> Decided | None:
        decision = self._access.why_feature(key, self._path)
        if decision is None:
            return None
        titles = {each.key: str(each.title) for each in features_of(self._site.slug)}
        return Decided("feature", key, titles[key], self._path, decision)

    def _answer(self, key: str, kind: str, decided: Decided) -> Answer:
        query = {"member": self._place.member_id, "place": self._place.pk, "about": key}
        flip = (change_in_words(each, decided.title) for each in decided.decision.flip)
        return Answer(
            key,
            decided.title,
            kind,
            decided.decision.is_allowed,
            reason_in_words(decided.decision, decided.title),
            f"{reverse(f'{self._site.slug}:effective')}?{urlencode(query)}#why",
            "; ".join(flip),
        )


def _filter(request: HttpRequest) -> Filter:
    given = request.GET
    wanted = Filter(given.get("name", "").strip()[:100], given.get("kind", ""))
    return replace(wanted, verdict=given.get("verdict", ""))


def _export_query(asked: _Asked, wanted: Filter) -> str:
    """Return what a file is asked by: what is filtered, of every place."""
    named = {
        "member": asked.member and str(asked.member.pk),
        "name": wanted.name,
        "kind": wanted.kind,
        "verdict": wanted.verdict,
    }
    return urlencode({key: value for key, value in named.items() if value})


def _kinds(answers: list[Answer]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((each.key.partition(":")[0], each.kind) for each in answers))


def _cell(text: str) -> str:
    # A name that starts like a formula would run in a spreadsheet.
    return f"'{text}" if is_formula(text) else text


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
