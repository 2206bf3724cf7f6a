"""The resource `invitations`: the links by which people sign in for the first time."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import (
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    Operation,
    documented,
    page_example,
    page_output,
)
from core.api.hierarchy import shapes
from core.api.hierarchy.members import MembersBase
from core.api.pagination import page_of
from core.api.serializers import Input
from core.api.viewsets import unknown_reference
from core.hierarchy import reach, states
from core.hierarchy.administration import require_whole_login, require_whole_seat
from core.hierarchy.errors import IsArchived
from core.identity.errors import InvitationClosed
from core.identity.services import invite_user, revoke_invitation

_TAG = "Invitations"
_ONE: dict[str, Any] = {
    "output": shapes.InvitationOutput,
    "example": shapes.INVITATION,
    "tag": _TAG,
    "refusals": (404,),
}
_NEW: dict[str, Any] = {
    "output": shapes.NewInvitationOutput,
    "example": shapes.NEW_INVITATION,
    "tag": _TAG,
    "status": 201,
}


class InvitationViewSet(MembersBase):
    """Invitations of a product's members."""

    output_class = shapes.InvitationOutput
    input_classes = {"create": shapes.InvitationInput, "resend": Input, "revoke": Input}
    query_classes = {"list": shapes.InvitationQuery}

    @documented(
        Operation(
            "listInvitations",
            "List invitations",
            _TAG,
            page_example(shapes.INVITATION),
            output=page_output("InvitationPage", shapes.InvitationOutput),
            query=shapes.InvitationQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return the invitations of members whom the caller administers, the newest first."""
        query = self.query
        rows = reach.invitations_within(self.product, self.scope)
        rows = states.invitations_in_state(rows, query["state"])
        if "member" in query:
            rows = rows.filter(member_id=query["member"])
        page = page_of(rows, limit=query["limit"], cursor=query.get("cursor"), newest_first=True)
        return self.many(page)

    @documented(
        Operation(
            "createInvitation",
            "Invite a member again",
            body=shapes.InvitationInput,
            sent={"member": shapes.MEMBER["id"]},
            **_NEW,
        ),
        method="POST",
    )
    def create(self, request: Request) -> Response:
        """Mail somebody a fresh link; earlier links of theirs stop working."""
        rows = reach.members_within(self.product, self.scope)
        member = rows.filter(pk=self.input["member"]).first()
        if member is None:
            raise unknown_reference("member", "member")
        return self._invited(member)

    @documented(
        Operation("getInvitation", "Read an invitation", parameters=(ETAG, IF_NONE_MATCH), **_ONE),
        method="GET",
    )
    def retrieve(self, request: Request, invitation_id: UUID) -> Response:
        """Return one invitation, without its link."""
        return self.one(self._find(invitation_id))

    @documented(
        Operation("resendInvitation", "Send an invitation again", refusals=(404,), **_NEW),
        method="POST",
    )
    def resend(self, request: Request, invitation_id: UUID) -> Response:
        """Mail the person a fresh link, as an invitation of its own; this one stops working."""
        _ = self.input
        invitation = self._find(invitation_id)
        return self._invited(self.find_member(invitation.member_id))

    @documented(
        Operation(
            "revokeInvitation", "Withdraw an invitation", parameters=(ETAG, IF_MATCH), **_ONE
        ),
        method="POST",
    )
    def revoke(self, request: Request, invitation_id: UUID) -> Response:
        """Make the link stop working. The person keeps the seat, and can be invited again."""
        _ = self.input
        with self.changing(lambda: self._find(invitation_id)) as invitation:
            member = self.find_member(invitation.member_id)
            require_whole_seat(self.product, self.scope, member)
            require_whole_login(self.request.user, member)
            revoke_invitation(invitation=invitation, actor=self.actor)
        return self.one(self._find(invitation_id))

    def _invited(self, member: Any) -> Response:
        if member.is_archived:
            raise IsArchived(f"{member} is archived. Restore the seat first.")
        if member.user.has_joined:
            raise InvitationClosed(f"{member} can sign in already.")
        made = invite_user(user=member.user, actor=self.actor)
        invitation = self._find(made.invitation.pk)
        return self.one(invitation, status=201, link=self.link_shown(made))

    def _find(self, invitation_id: UUID) -> Any:
        return reach.found(reach.invitations_within(self.product, self.scope), invitation_id)
