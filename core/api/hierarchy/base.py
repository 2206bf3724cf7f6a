"""What the resources of the hierarchy share."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast
from uuid import UUID

from rest_framework import serializers

from core.api.serializers import Input, LineField, ListQuery
from core.api.viewsets import CockpitViewSet, unknown_reference
from core.hierarchy import reach
from core.hierarchy.models import AbstractOrganization, AbstractTeam
from core.hierarchy.product import Product
from core.hierarchy.states import NODE_STATES
from core.identity.mail import send_invitation
from core.identity.services import InvitationLink
from core.kit.problems import InvalidInput, NotAllowed

Place = tuple[AbstractOrganization, AbstractTeam | None]


class HierarchyViewSet(CockpitViewSet):
    """A resource of one product's hierarchy; the routes hand it the product."""

    product = cast("Product", None)
    # Makes the link of an invitation from an account and a token.
    invitation_url: Any = None

    @property
    def read_permission(self) -> str:
        """The codename of who may look."""
        return f"{self.product.slug}.view_hierarchy"

    # Verbs of codenames for actions that ask for more than to manage what is in the hierarchy.
    verbs_of_actions: ClassVar[Mapping[str, str]] = {}

    @property
    def write_permission(self) -> str:
        """The codename of who may change; which nodes, the scope says."""
        verb = self.verbs_of_actions.get(self.action or "", "manage_hierarchy")
        return f"{self.product.slug}.{verb}"

    def organization_in_body(self, organization_id: UUID) -> AbstractOrganization:
        """Return an organization that a body names.

        Raises:
            InvalidInput: there is none of this id in the caller's scope.
        """
        rows = reach.organizations_within(self.product, self.scope)
        node: AbstractOrganization | None = rows.filter(pk=organization_id).first()
        if node is None:
            raise unknown_reference("organization", "organization")
        return node

    def place_in(self, given: dict[str, Any]) -> Place | None:
        """Return the place that a body names by `team` or by `organization`; None if by neither.

        Raises:
            InvalidInput: it names both, or nothing in the caller's scope.
        """
        team_id, organization_id = given.get("team"), given.get("organization")
        if team_id is not None and organization_id is not None:
            raise InvalidInput(
                "Name a team or an organization, not both.",
                errors=[{"pointer": "/team", "code": "both", "detail": "Name one of the two."}],
            )
        if team_id is not None:
            team = reach.teams_within(self.product, self.scope).filter(pk=team_id).first()
            if team is None:
                raise unknown_reference("team", "team")
            return team.organization, team
        if organization_id is not None:
            return self.organization_in_body(organization_id), None
        return None

    def needed_place(self, given: dict[str, Any]) -> Place:
        """Return the place that a body names.

        Raises:
            InvalidInput: it names none, or both kinds, or nothing in the caller's scope.
        """
        place = self.place_in(given)
        if place is None:
            detail = "Name a team or an organization that you administer."
            raise InvalidInput(
                detail, errors=[{"pointer": "/team", "code": "required", "detail": detail}]
            )
        return place

    def require_everything(self) -> None:
        """Pass if the caller administers the whole product.

        Raises:
            NotAllowed: the caller administers a branch of it.
        """
        if not self.scope.everything:
            raise NotAllowed("Only an account admin may do this.")

    def link_shown(self, link: InvitationLink) -> str | None:
        """Mail the link of an invitation, and return it if the caller may have it.

        By the link one sets the person's password, and the person may become more than a member
        before using it. So only account admins see it; the mail has it in any case.
        """
        account = self.request.account  # type: ignore[attr-defined]
        url: str = self.invitation_url(account, link.token)
        send_invitation(
            to=link.invitation.user.email,
            invited_to=account.name,
            invited_by=self.actor.label,
            url=url,
        )
        return url if self.scope.everything and not self.is_program else None


class NameInput(Input):
    """The name of an organization or a team."""

    name = LineField(max_length=120)


class ReasonInput(Input):
    """Why somebody does something, for the audit log."""

    reason = LineField(required=False, default="", allow_blank=True, max_length=500)


class NodeQuery(ListQuery):
    """Filters of organizations and teams."""

    state = serializers.ChoiceField(
        required=False, default="active", choices=(*NODE_STATES, "all"), help_text="Which ones."
    )
    q = LineField(required=False, max_length=120, help_text="Words that the name contains.")


class NamedOutput(serializers.Serializer[Any]):
    """A node by name."""

    id = serializers.UUIDField()
    name = serializers.CharField()
