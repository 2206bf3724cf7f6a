"""The places of a member: the card on the member's page, and what its buttons do."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from core.access.permissions import may
from core.access.scopes import Scope, scope_of
from core.hierarchy import selectors
from core.hierarchy.administration import has_whole_seat, require_whole_seat
from core.hierarchy.credit_tree import own_holdings
from core.hierarchy.holdings import Holding
from core.hierarchy.product import Product
from core.hierarchy.services import memberships
from core.kit.problems import NotFound
from core.ui.hierarchy.forms import PlaceForm
from core.ui.middleware import actor_of
from core.ui.pages import is_partial, page, problems_as_messages, render_page


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One place of a member with what it holds."""

    place: Any
    holding: Holding
    is_global: bool


def urls(product: Product, *, template: str) -> list[URLPattern]:  # noqa: C901  short views
    """Return the routes of a member's places; `template` holds them as its partial `places`."""
    manage = f"{product.slug}.manage_hierarchy"
    prefix = f"{product.slug}_member"

    def scope(request: HttpRequest) -> Scope:
        return scope_of(request.user, product.slug)

    def named(request: HttpRequest, member_id: UUID) -> Any:
        return selectors.member_for(product, scope(request), member_id)

    def changed(request: HttpRequest, member_id: UUID) -> HttpResponse:
        """The places as they are now: alone for HTMX, else the whole page."""
        home = reverse(f"admin:{prefix}_change", args=(member_id,))
        try:
            member = named(request, member_id)
        except NotFound:
            # The last place in the reader's scope is gone, and the member with it.
            return _to(request, reverse(f"admin:{prefix}_changelist"))
        if not is_partial(request):
            return HttpResponseRedirect(home)
        shown_places = places_context(request, product, member)
        return render_page(
            request, template, title="", fragment="places", member=member, **shown_places
        )

    @page(permission=manage, methods=("POST",))
    def place(request: HttpRequest, member_id: UUID) -> HttpResponse:
        member = named(request, member_id)
        form = PlaceForm(request.POST, product=product, scope=scope(request))
        if form.is_valid():
            organization, team = form.cleaned_data["place"]
            done = _("%(member)s is in %(place)s now.") % {
                "member": member,
                "place": team or organization,
            }
            with problems_as_messages(request, done=done):
                memberships.place_member(
                    product=product,
                    member=member,
                    organization=organization,
                    team=team,
                    actor=actor_of(request),
                )
        return changed(request, member_id)

    @page(permission=manage, methods=("POST",))
    def remove(request: HttpRequest, member_id: UUID, place_id: UUID) -> HttpResponse:
        place = selectors.place_for(product, scope(request), place_id, member=member_id)
        with problems_as_messages(request, done=_("Removed from %s.") % place):
            memberships.remove_membership(
                product=product, membership=place, actor=actor_of(request)
            )
        return changed(request, member_id)

    @page(permission=manage, methods=("POST",))
    def primary(request: HttpRequest, member_id: UUID, place_id: UUID) -> HttpResponse:
        place = selectors.place_for(product, scope(request), place_id, member=member_id)
        require_whole_seat(product, scope(request), place.member)
        with problems_as_messages(request, done=_("%s is the primary place now.") % place):
            memberships.make_primary(product=product, membership=place, actor=actor_of(request))
        return changed(request, member_id)

    one = "<uuid:member_id>/places"
    return [
        path(f"{one}/", place, name=f"{prefix}_place"),
        path(f"{one}/<uuid:place_id>/remove/", remove, name=f"{prefix}_unplace"),
        path(f"{one}/<uuid:place_id>/primary/", primary, name=f"{prefix}_primary"),
    ]


def places_context(request: HttpRequest, product: Product, member: Any) -> dict[str, Any]:
    """Return what the card of a member's places needs; a fixed number of queries."""
    scope = scope_of(request.user, product.slug)
    places = {place.pk: place for place in selectors.places_of(product, member, scope=scope)}
    rows = [
        PlaceRow(places[holding.node_id], holding, places[holding.node_id].organization.is_global)
        for holding in own_holdings(product, member)
        if holding.node_id in places
    ]
    return {
        "places": sorted(rows, key=lambda row: (not row.place.is_primary, row.is_global)),
        "place_form": PlaceForm(product=product, scope=scope),
        "can_make_primary": has_whole_seat(product, scope, member),
        "home": f"/{product.slug}/member/{member.pk}/",
        "can_manage": may(request.user, f"{product.slug}.manage_hierarchy"),
    }


def _to(request: HttpRequest, path: str) -> HttpResponse:
    return HttpResponseClientRedirect(path) if is_partial(request) else HttpResponseRedirect(path)
