"""Refused calls: what somebody ran into, as it was decided then, how it stands now, and the fix."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.access.features import needs_of
from core.access.models import RefusedDecision
from core.access.refusals import KEPT_DAYS
from core.access.resources import open_things
from core.access.rules.decisions import Decision
from core.access.scopes import scope_of
from core.access.selectors import access_of, decision_now
from core.hierarchy import selectors
from core.hierarchy.policies import path_of
from core.hierarchy.refusals import refusal_for, refusals_for
from core.hierarchy.seats import can_act_from
from core.ui.pages import page, render_page
from core.ui.product.fixing import Decided, fix_of
from core.ui.product.reasons import reasons_of
from core.ui.product.undoing import mark_of
from core.ui.product.urls import ProductSite

PAGE_SIZE = 50


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of refused calls."""
    view = site.permission("view_access")
    crumbs = [(_("Effective access"), f"/{site.slug}/access/")]

    @page(permission=view)
    def refused(request: HttpRequest) -> HttpResponse:
        rows = refusals_for(site.product, scope_of(request.user, site.slug))
        term = request.GET.get("q", "").strip()[:100]
        wanted = _id(term)
        if wanted is not None and rows.filter(pk=wanted).exists():
            return HttpResponseRedirect(reverse(f"{site.slug}:refusal", args=(wanted,)))
        before = _id(request.GET.get("before", ""))
        if before is not None:
            rows = rows.filter(pk__lt=before)
        found = list(rows[: PAGE_SIZE + 1])
        home = reverse(f"{site.slug}:refused")
        shown = found[:PAGE_SIZE]
        return render_page(
            request,
            "product/refused.html",
            title=_("Refused calls"),
            crumbs=crumbs,
            term=term,
            refusals=[] if term else shown,
            kept_days=KEPT_DAYS,
            refusal_url=f"{site.slug}:refusal",
            home=home,
            earlier=f"{home}?before={shown[-1].pk}" if len(found) > PAGE_SIZE and not term else "",
        )

    @page(permission=view)
    def refusal(request: HttpRequest, refusal_id: UUID) -> HttpResponse:
        row = refusal_for(site.product, scope_of(request.user, site.slug), refusal_id)
        now = _now(request, site, row)
        where = _place(request, site, row)
        about = f"{row.kind}:{row.key}"
        fix = None
        if now is not None and where is not None:
            fix = fix_of(request, site, Decided(row.kind, row.key, row.title, row.as_path(), now))
        return render_page(
            request,
            "product/refusal.html",
            title=_("Refused call"),
            crumbs=[*crumbs, (_("Refused calls"), reverse(f"{site.slug}:refused"))],
            refusal=row,
            place=" / ".join(node.label for node in row.as_path() if node.label),
            reasons=_reasons(request, site, row, row.as_decision()),
            now=_reasons(request, site, row, now) if now is not None else None,
            fix=fix,
            fix_href=reverse(f"{site.slug}:effective-fix"),
            about=about,
            seen=mark_of(now),
            place_id=where and where.pk,
            effective_href=where and now and _effective_href(site, where, about),
        )

    return [
        path("access/refused/", refused, name="refused"),
        path("access/refused/<uuid:refusal_id>/", refusal, name="refusal"),
    ]


def _place(request: HttpRequest, site: ProductSite, row: RefusedDecision) -> Any | None:
    """Return the place that the call came from, if calls can still come from it as they did."""
    places = selectors.places_for(site.product, scope_of(request.user, site.slug))
    found = places.filter(
        member=row.member_id, member__archived_at=None, team=row.team_id
    ).select_related("member__user")
    then = [node.id for node in row.as_path()]
    for place in found:
        if can_act_from(place) and [node.id for node in path_of(site.product, place)] == then:
            return place
    return None


def _effective_href(site: ProductSite, place: Any, about: str) -> str:
    query = urlencode({"member": place.member_id, "place": place.pk, "about": about})
    return f"{reverse(f'{site.slug}:effective')}?{query}#why"


def _now(request: HttpRequest, site: ProductSite, row: RefusedDecision) -> Decision | None:
    """Return how the same would be decided now, on the path of then."""
    account = request.account  # type: ignore[attr-defined]
    where = row.as_path()
    offered = site.offered_llms(account.pk, site.slug)
    access = access_of(
        site.slug,
        offered=(llm.pk for llm in offered),
        withheld=site.withheld_features(account.pk, site.slug),
        needs=needs_of(offered),
        open_things=open_things(site.slug),
        nodes=(node.id for node in where),
    )
    return decision_now(access, row.kind, row.key, where)


def _reasons(
    request: HttpRequest, site: ProductSite, row: RefusedDecision, decision: Decision
) -> object:
    return reasons_of(request, site, decision, kind=row.kind, title=row.title, key=row.key)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
