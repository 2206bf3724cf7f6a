"""The routes of a product's hierarchy, below `/api/<product>/v1/`."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from core.api.hierarchy.bulk import BulkMemberViewSet
from core.api.hierarchy.invitations import InvitationViewSet
from core.api.hierarchy.members import MemberViewSet
from core.api.hierarchy.memberships import MembershipViewSet
from core.api.hierarchy.organizations import OrganizationViewSet
from core.api.hierarchy.teams import TeamViewSet
from core.hierarchy.product import Product

_MANY = {"get": "list", "post": "create"}
_ONE = {"get": "retrieve", "patch": "partial_update"}


def hierarchy_urls(
    product: Product, *, invitation_url: Callable[[Any, str], str]
) -> list[URLPattern]:
    """Return the routes; `invitation_url` makes the link of an invitation from its token."""

    def route(at: str, view: Any, actions: dict[str, str]) -> URLPattern:
        bound = view.as_view(actions, product=product, invitation_url=invitation_url)
        found: URLPattern = path(at, bound)
        return found

    organization = "organizations/<uuid:organization_id>"
    team = "teams/<uuid:team_id>"
    member = "members/<uuid:member_id>"
    place = f"{member}/memberships/<uuid:membership_id>"
    invitation = "invitations/<uuid:invitation_id>"
    return [
        route("organizations", OrganizationViewSet, _MANY),
        route(organization, OrganizationViewSet, _ONE),
        route(f"{organization}/archive", OrganizationViewSet, {"post": "archive"}),
        route(f"{organization}/restore", OrganizationViewSet, {"post": "restore"}),
        route("teams", TeamViewSet, _MANY),
        route(team, TeamViewSet, _ONE),
        route(f"{team}/archive", TeamViewSet, {"post": "archive"}),
        route(f"{team}/restore", TeamViewSet, {"post": "restore"}),
        route(f"{team}/move", TeamViewSet, {"post": "move"}),
        route("members", MemberViewSet, _MANY),
        route("members/bulk", BulkMemberViewSet, {"post": "create"}),
        route("members/bulk/archive", BulkMemberViewSet, {"post": "archive"}),
        route("members/bulk/place", BulkMemberViewSet, {"post": "place"}),
        route(member, MemberViewSet, _ONE),
        route(f"{member}/archive", MemberViewSet, {"post": "archive"}),
        route(f"{member}/restore", MemberViewSet, {"post": "restore"}),
        route(f"{member}/memberships", MembershipViewSet, _MANY),
        route(place, MembershipViewSet, {"delete": "destroy"}),
        route(f"{place}/primary", MembershipViewSet, {"post": "primary"}),
        route(f"{place}/move", MembershipViewSet, {"post": "move"}),
        route("invitations", InvitationViewSet, _MANY),
        route(invitation, InvitationViewSet, {"get": "retrieve"}),
        route(f"{invitation}/resend", InvitationViewSet, {"post": "resend"}),
        route(f"{invitation}/revoke", InvitationViewSet, {"post": "revoke"}),
    ]
