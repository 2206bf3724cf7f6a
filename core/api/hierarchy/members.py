"""The resource `members`: seats in a product."""

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
from core.api.hierarchy.archiving import STOPS, ArchivedFields, archived
from core.api.hierarchy.base import HierarchyViewSet, ReasonInput
from core.api.pagination import page_of
from core.api.serializers import Input, PreviewQuery
from core.hierarchy import reach, states
from core.hierarchy.administration import require_whole_seat
from core.hierarchy.archiving import preview_member_archive
from core.hierarchy.services import members
from core.identity.services import rename_user


class ArchivedMemberOutput(shapes.MemberOutput, ArchivedFields):
    """A member that was archived, or would be, and what stops with it."""


_TAG = "Members"
_ONE: dict[str, Any] = {"output": shapes.MemberOutput, "example": shapes.MEMBER, "tag": _TAG}
_ARCHIVED: dict[str, Any] = {
    **_ONE,
    "output": ArchivedMemberOutput,
    "example": {**shapes.MEMBER, "state": "archived", "preview": False, "effects": STOPS},
}
_CHANGE: dict[str, Any] = {**_ONE, "parameters": (ETAG, IF_MATCH), "refusals": (404,)}


class MembersBase(HierarchyViewSet):
    """What every resource about members shares: finding one, and adding one."""

    def find_member(self, member_id: UUID) -> Any:
        """Return a member with a place in the caller's scope.

        Raises:
            NotFound: there is none of this id.
        """
        return reach.found(reach.members_within(self.product, self.scope), member_id)

    def add_member(self, given: dict[str, Any]) -> members.NewSeat:
        """Give somebody a seat, in a place of the caller's scope.

        Raises:
            InvalidInput: the place is not one of the caller's, or is missing where it is needed.
        """
        # Only who administers everything can leave somebody in `global` alone.
        place = self.place_in(given) if self.scope.everything else self.needed_place(given)
        organization, team = place or (None, None)
        return members.invite_member(
            product=self.product,
            email=given["email"],
            name=given["name"],
            organization=organization,
            team=team,
            actor=self.actor,
        )

    def shown_invitation(self, member: Any, seat: members.NewSeat) -> dict[str, Any] | None:
        """Return the invitation of a new seat with its link, which is mailed too."""
        if seat.link is None:
            return None
        invitation: Any = seat.link.invitation
        invitation.member_id = member.pk
        link = self.link_shown(seat.link)
        return {**shapes.InvitationOutput(invitation).data, "link": link}


class MemberViewSet(MembersBase):
    """Members of a product."""

    output_class = shapes.MemberOutput
    input_classes = {
        "create": shapes.MemberInput,
        "partial_update": shapes.MemberNameInput,
        "archive": ReasonInput,
        "restore": Input,
    }
    query_classes = {"list": shapes.MemberQuery, "archive": PreviewQuery}

    @documented(
        Operation(
            "listMembers",
            "List members",
            _TAG,
            page_example(shapes.MEMBER),
            output=page_output("MemberPage", shapes.MemberOutput),
            query=shapes.MemberQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return the members with a place that the caller administers, the oldest first."""
        query = self.query
        rows = reach.members_within(self.product, self.scope)
        rows = states.members_in_state(rows, query["state"])
        where = {name: query[name] for name in ("organization", "team") if name in query}
        if where:
            places = reach.places_within(self.product, self.scope).filter(**where)
            rows = rows.filter(pk__in=places.values("member"))
        rows = reach.named(rows, query.get("q", ""), "user__name", "user__email")
        return self.many(page_of(rows, limit=query["limit"], cursor=query.get("cursor")))

    @documented(
        Operation(
            "createMember",
            "Add a member",
            _TAG,
            shapes.NEW_MEMBER,
            output=shapes.NewMemberOutput,
            body=shapes.MemberInput,
            sent=shapes.SENT_MEMBER,
            status=201,
            parameters=(ETAG,),
        ),
        method="POST",
    )
    def create(self, request: Request) -> Response:
        """Give somebody a seat by e-mail address, and a place if one is named.

        Who cannot sign in yet gets an invitation by mail.
        """
        seat = self.add_member(self.input)
        member = self.find_member(seat.member.pk)
        return self.one(member, status=201, invitation=self.shown_invitation(member, seat))

    @documented(
        Operation(
            "getMember",
            "Read a member",
            parameters=(ETAG, IF_NONE_MATCH),
            refusals=(404,),
            **_ONE,
        ),
        method="GET",
    )
    def retrieve(self, request: Request, member_id: UUID) -> Response:
        """Return one member."""
        return self.one(self.find_member(member_id))

    @documented(
        Operation(
            "renameMember",
            "Rename a member",
            body=shapes.MemberNameInput,
            sent={"name": "Robin Reyes"},
            **_CHANGE,
        ),
        method="PATCH",
    )
    def partial_update(self, request: Request, member_id: UUID) -> Response:
        """Change the name that people see, in both products."""
        with self.changing(lambda: self.find_member(member_id)) as member:
            self.require_everything()
            rename_user(user=member.user, actor=self.actor, **self.input)
        return self.one(member)

    @documented(
        Operation(
            "archiveMember",
            "Archive a member",
            body=ReasonInput,
            sent={"reason": "Has left the company."},
            query=PreviewQuery,
            **{**_CHANGE, **_ARCHIVED},
        ),
        method="POST",
    )
    def archive(self, request: Request, member_id: UUID) -> Response:
        """Take a seat away: keys and tokens of this product stop at once, history stays."""
        self.find_member(member_id)
        given = self.input
        with self.previewing(), self.changing(lambda: self.find_member(member_id)) as member:
            require_whole_seat(self.product, self.scope, member)
            return archived(
                self,
                member,
                preview_member_archive(self.product, member),
                lambda: members.archive_member(
                    product=self.product, member=member, actor=self.actor, **given
                ),
            )

    @documented(Operation("restoreMember", "Restore a member", **_CHANGE), method="POST")
    def restore(self, request: Request, member_id: UUID) -> Response:
        """Give an archived member the seat back, in the places they had."""
        _ = self.input
        with self.changing(lambda: self.find_member(member_id)) as member:
            require_whole_seat(self.product, self.scope, member)
            members.restore_member(product=self.product, member=member, actor=self.actor)
        return self.one(member)
