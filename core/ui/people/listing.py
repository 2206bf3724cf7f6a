"""The list of members: searched, narrowed and read on by key, however many there are."""

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.access.permissions import may
from core.access.scopes import Scope, scope_of
from core.hierarchy.product import Product
from core.hierarchy.selectors import members_for, organization_choices, team_choices
from core.kit.clock import now
from core.people.files import export_of
from core.people.matching import MOST_COUNTED, count_up_to, matching, page_of
from core.people.models import JobKind
from core.tenancy.context import in_account
from core.ui.hierarchy.members import page_of_member, state_of
from core.ui.pages import page, render_page
from core.ui.people.filters import Match, match_of, place_picker, states
from core.ui.picking import SHOWN, is_id

PAGE_SIZE = 50
SHOWN_PLACES = 2


def urls(product: Product) -> list[URLPattern]:
    """Return the routes of the list, its export, and its search for places."""
    view = f"{product.slug}.view_hierarchy"
    manage = f"{product.slug}.manage_hierarchy"
    prefix = f"{product.slug}_member"

    def scope(request: HttpRequest) -> Scope:
        return scope_of(request.user, product.slug)

    @page(permission=view)
    def members(request: HttpRequest) -> HttpResponse:
        match = match_of(request.GET)
        rows = matching(product, scope(request), match.values)
        after = request.GET.get("after", "")
        ids, further = page_of(rows, after=UUID(after) if is_id(after) else None, limit=PAGE_SIZE)
        found = {
            member.pk: member for member in members_for(product, scope(request)).filter(pk__in=ids)
        }
        count = count_up_to(rows)
        return render_page(
            request,
            "cockpit/people/members.html",
            title=_("Members"),
            fragment="rows",
            members=[_row(product, found[pk]) for pk in ids if pk in found],
            match=match,
            states=states(),
            further=further,
            is_first=not is_id(after),
            count=min(count, MOST_COUNTED),
            is_more=count > MOST_COUNTED,
            can_manage=may(request.user, manage),
            home=reverse(f"admin:{prefix}_changelist"),
            place_filter=place_picker(product, scope(request), submits=True).render(
                "place", match.place, {"id": "filter-place"}
            ),
            act_place=place_picker(product, scope(request)).render(
                "target", "", {"id": "act-place"}
            ),
            acts=[(kind.value, kind.label) for kind in JobKind if kind != JobKind.IMPORT],
        )

    @page(permission=view)
    def export(request: HttpRequest) -> HttpResponse:
        account, own = request.account, scope(request)  # type: ignore[attr-defined]
        match = match_of(request.GET)

        def lines() -> Any:
            # The server reads these after the request has left the account.
            with in_account(account):
                yield from export_of(product, own, match.values)

        response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
        name = f"{product.slug}-members-{now():%Y-%m-%d}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response  # type: ignore[return-value]

    @page(permission=view)
    def pick_place(request: HttpRequest) -> HttpResponse:
        return _places(request, product, scope(request))

    return [
        path("", members, name=f"{prefix}_changelist"),
        path("export.csv", export, name=f"{prefix}_export"),
        path("places/", pick_place, name=f"{prefix}_pick_place"),
    ]


def _row(product: Product, member: Any) -> dict[str, Any]:
    places = [place for place in member.places if not place.organization.is_global]
    return {
        "member": member,
        "href": page_of_member(product, member),
        "state": state_of(member),
        "places": places[:SHOWN_PLACES],
        "more": places[SHOWN_PLACES:],
    }


def _places(request: HttpRequest, product: Product, scope: Scope) -> HttpResponse:
    """Answer a picker: organizations and teams by a part of their names."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:100].split()
    organizations = organization_choices(product, scope)
    teams = team_choices(product, scope)
    for word in words:
        organizations = organizations.filter(name__icontains=word)
        teams = teams.filter(Q(name__icontains=word) | Q(organization__name__icontains=word))
    kind = request.GET.get("kind")
    found = []
    if kind != "team":
        found += [(row.pk, row.name, _("organization")) for row in organizations[: SHOWN + 1]]
    if kind != "organization":
        found += [(row.pk, f"{row.organization} / {row.name}", "") for row in teams[: SHOWN + 1]]
    return render_page(
        request,
        "cockpit/people/places.html",
        title=_("Teams and organizations"),
        fragment="found",
        options=found[:SHOWN],
        has_more=len(found) > SHOWN,
    )


def to_list(product: Product, match: Match | None = None) -> HttpResponseRedirect:
    """Lead back to the list."""
    home = reverse(f"admin:{product.slug}_member_changelist")
    return HttpResponseRedirect(f"{home}?{match.query}" if match and match.query else home)
