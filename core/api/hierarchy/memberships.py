"""The resource `members/{id}/memberships`: a member's places."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import ETAG, IF_MATCH, Operation, documented, page_example, page_output
from core.api.hierarchy import shapes
from core.api.hierarchy.base import ReasonInput
from core.api.hierarchy.members import MembersBase
from core.api.hierarchy.moves import EFFECTS, EffectsOutput, effects_of
from core.api.pagination import page_of
from core.api.serializers import Input, ListQuery, PreviewQuery
from core.hierarchy import reach
from core.hierarchy.administration import require_whole_seat
from core.hierarchy.moves import preview_membership_move
from core.hierarchy.services import memberships
from core.hierarchy.services.moving import move_membership

_TAG = "Members"
_ONE: dict[str, Any] = {
    "output": shapes.MembershipOutput,
    "example": shapes.MEMBERSHIP,
    "tag": _TAG,
    "refusals": (404,),
}


class MembershipMoveInput(shapes.PlaceInput, ReasonInput):
    """Where a place goes."""


class MovedMembershipOutput(serializers.Serializer[Any]):
    """A place that moved, or would move, and what changes with it."""

    preview = serializers.BooleanField(help_text="Whether nothing was changed.")
    effects = EffectsOutput()
    membership = shapes.MembershipOutput()


class MembershipViewSet(MembersBase):
    """The places of one member, as far as the caller administers them."""

    output_class = shapes.MembershipOutput
    input_classes = {
        "create": shapes.PlaceInput,
        "primary": Input,
        "move": MembershipMoveInput,
    }
    query_classes = {"list": ListQuery, "move": PreviewQuery}

    @documented(
        Operation(
            "listMemberships",
            "List a member's places",
            _TAG,
            page_example(shapes.MEMBERSHIP),
            output=page_output("MembershipPage", shapes.MembershipOutput),
            query=ListQuery,
            refusals=(404,),
        ),
        method="GET",
    )
    def list(self, request: Request, member_id: UUID) -> Response:
        """Return the places of a member, the oldest first; `global` is one of them."""
        member = self.find_member(member_id)
        rows = reach.places_within(self.product, self.scope).filter(member=member)
        limit, cursor = self.query["limit"], self.query.get("cursor")
        return self.many(page_of(rows, limit=limit, cursor=cursor))

    @documented(
        Operation(
            "createMembership",
            "Put a member into a team or an organization",
            body=shapes.PlaceInput,
            sent={"team": shapes.MEMBERSHIP["team"]["id"]},  # type: ignore[index]
            status=201,
            parameters=(ETAG,),
            **_ONE,
        ),
        method="POST",
    )
    def create(self, request: Request, member_id: UUID) -> Response:
        """Give a member one more place. The first one beside `global` becomes the primary one."""
        member = self.find_member(member_id)
        organization, team = self.needed_place(self.input)
        made = memberships.place_member(
            product=self.product,
            member=member,
            organization=organization,
            team=team,
            actor=self.actor,
        )
        return self.one(made, status=201)

    @documented(
        Operation(
            "deleteMembership",
            "Take a member out of a place",
            _TAG,
            None,
            status=204,
            parameters=(IF_MATCH,),
            refusals=(404,),
        ),
        method="DELETE",
    )
    def destroy(self, request: Request, member_id: UUID, membership_id: UUID) -> Response:
        """End a place; its history stays. The place in `global` lasts as long as the seat."""
        with self.changing(lambda: self._find(member_id, membership_id)) as place:
            memberships.remove_membership(product=self.product, membership=place, actor=self.actor)
        return Response(status=204)

    @documented(
        Operation(
            "makeMembershipPrimary",
            "Make a place the primary one",
            parameters=(ETAG, IF_MATCH),
            **_ONE,
        ),
        method="POST",
    )
    def primary(self, request: Request, member_id: UUID, membership_id: UUID) -> Response:
        """Charge to this place what the member does without naming a team."""
        _ = self.input
        with self.changing(lambda: self._find(member_id, membership_id)) as place:
            require_whole_seat(self.product, self.scope, place.member)
            memberships.make_primary(product=self.product, membership=place, actor=self.actor)
        return self.one(self._find(member_id, membership_id))

    @documented(
        Operation(
            "moveMembership",
            "Move a member's place to another team or organization",
            _TAG,
            {"preview": False, "effects": EFFECTS, "membership": shapes.MEMBERSHIP},
            output=MovedMembershipOutput,
            body=MembershipMoveInput,
            sent={"team": shapes.SENT_MEMBER["team"], "reason": "New set-up."},
            query=PreviewQuery,
            parameters=(IF_MATCH,),
            refusals=(404,),
        ),
        method="POST",
    )
    def move(self, request: Request, member_id: UUID, membership_id: UUID) -> Response:
        """Move a place with its keys. What is free in its wallet goes back to where it leaves."""
        # Whether it is there for the caller comes before what is wrong with the body.
        self._find(member_id, membership_id)
        given = self.input
        destination = self.needed_place(given)
        with (
            self.previewing(),
            self.changing(lambda: self._find(member_id, membership_id)) as place,
        ):
            effects = effects_of(preview_membership_move(self.product, place, destination))
            move_membership(
                product=self.product,
                membership=place,
                organization=destination[0],
                team=destination[1],
                reason=given["reason"],
                actor=self.actor,
            )
            moved = self.shown(self._find(member_id, membership_id))
        return Response({"preview": self.is_preview, "effects": effects, "membership": moved})

    def _find(self, member_id: UUID, membership_id: UUID) -> Any:
        rows = reach.places_within(self.product, self.scope).select_related("member__user")
        return reach.found(rows.filter(member=member_id), membership_id)
