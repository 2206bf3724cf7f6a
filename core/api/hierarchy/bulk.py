"""Many members at once, row by row: what can be done is done, and each row says what came of it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import Operation, documented
from core.api.hierarchy import shapes
from core.api.hierarchy.base import ReasonInput
from core.api.hierarchy.members import MembersBase
from core.api.serializers import Input, PreviewQuery, ProblemOutput
from core.api.viewsets import problem_in
from core.hierarchy.administration import require_whole_seat
from core.hierarchy.services import members, memberships
from core.kit.problems import Problem

# Each row is some ten statements, and all of them are one transaction.
MOST_ROWS = 200
_TAG = "Members"


class BulkMembersInput(Input):
    """People to give a seat."""

    items = shapes.MemberInput(many=True, allow_empty=False, max_length=MOST_ROWS)  # type: ignore[call-arg]


class BulkArchiveInput(ReasonInput):
    """Members to archive."""

    members = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, max_length=MOST_ROWS
    )


class BulkPlaceInput(shapes.PlaceInput):
    """Members to put into one team or organization."""

    members = serializers.ListField(
        child=serializers.UUIDField(), allow_empty=False, max_length=MOST_ROWS
    )


class RowOutput(serializers.Serializer[Any]):
    """What came of one row."""

    row = serializers.IntegerField(help_text="Its place in what was sent, from 0.")
    result = serializers.ChoiceField(choices=("done", "refused"))
    member = shapes.MemberOutput(
        allow_null=True, help_text="Null where the row was refused, and in a preview of a new one."
    )
    invitation = shapes.NewInvitationOutput(
        allow_null=True, help_text="Of who cannot sign in yet. Null in a preview."
    )
    problem = ProblemOutput(allow_null=True, help_text="Why the row was refused.")


class BulkOutput(serializers.Serializer[Any]):
    """What came of all rows."""

    preview = serializers.BooleanField(help_text="Whether nothing was changed.")
    done = serializers.IntegerField()
    refused = serializers.IntegerField()
    rows = RowOutput(many=True)


_REFUSED = {
    "row": 1,
    "result": "refused",
    "member": None,
    "invitation": None,
    "problem": {
        "type": "/problems/already-there",
        "title": "The member is already there",
        "status": 409,
        "code": "already_there",
        "detail": "Robin Reyes already has a seat in Copilot.",
    },
}
_DONE = {"row": 0, "result": "done", "member": shapes.MEMBER, "invitation": None, "problem": None}
_SHARED: dict[str, Any] = {
    "tag": _TAG,
    "output": BulkOutput,
    "example": {"preview": False, "done": 1, "refused": 1, "rows": [_DONE, _REFUSED]},
    "query": PreviewQuery,
}

Done = tuple[Any, dict[str, Any] | None]


class BulkMemberViewSet(MembersBase):
    """Changes of many members."""

    output_class = shapes.MemberOutput
    input_classes = {
        "create": BulkMembersInput,
        "archive": BulkArchiveInput,
        "place": BulkPlaceInput,
    }
    query_classes = dict.fromkeys(("create", "archive", "place"), PreviewQuery)

    @documented(
        Operation(
            "bulkCreateMembers",
            "Add many members",
            body=BulkMembersInput,
            sent={"items": [shapes.SENT_MEMBER]},
            **_SHARED,
        ),
        method="POST",
    )
    def create(self, request: Request) -> Response:
        """Give many people a seat; who cannot sign in yet gets an invitation by mail."""

        def add(given: dict[str, Any]) -> Done:
            seat = self.add_member(given)
            if self.is_preview:
                return None, None
            member = self.find_member(seat.member.pk)
            return member, self.shown_invitation(member, seat)

        return self._each(self.input["items"], add)

    @documented(
        Operation(
            "bulkArchiveMembers",
            "Archive many members",
            body=BulkArchiveInput,
            sent={"members": [shapes.MEMBER["id"]], "reason": "The project has ended."},
            **_SHARED,
        ),
        method="POST",
    )
    def archive(self, request: Request) -> Response:
        """Take many seats away; history stays."""
        reason = self.input["reason"]

        def archive(member_id: UUID) -> Done:
            member = self.find_member(member_id)
            require_whole_seat(self.product, self.scope, member)
            members.archive_member(
                product=self.product, member=member, reason=reason, actor=self.actor
            )
            return member, None

        return self._each(self.input["members"], archive)

    @documented(
        Operation(
            "bulkPlaceMembers",
            "Put many members into a team or an organization",
            body=BulkPlaceInput,
            sent={"members": [shapes.MEMBER["id"]], "team": shapes.SENT_MEMBER["team"]},
            **_SHARED,
        ),
        method="POST",
    )
    def place(self, request: Request) -> Response:
        """Give many members one more place, the same for all."""
        place = self.needed_place(self.input)

        def put(member_id: UUID) -> Done:
            member = self.find_member(member_id)
            memberships.place_member(
                product=self.product,
                member=member,
                organization=place[0],
                team=place[1],
                actor=self.actor,
            )
            return self.find_member(member_id), None

        return self._each(self.input["members"], put)

    def _each(self, given: list[Any], act: Callable[[Any], Done]) -> Response:
        """Do each row in a savepoint of its own, so that a refused one leaves nothing behind."""
        with self.previewing():
            rows = [self._row(number, one, act) for number, one in enumerate(given)]
        refused = sum(row["result"] == "refused" for row in rows)
        return Response(
            {
                "preview": self.is_preview,
                "done": len(rows) - refused,
                "refused": refused,
                "rows": rows,
            }
        )

    def _row(self, number: int, given: Any, act: Callable[[Any], Done]) -> dict[str, Any]:
        row: dict[str, Any] = {"row": number, "result": "done", "problem": None}
        member, invitation = None, None
        try:
            with transaction.atomic():
                member, invitation = act(given)
        except Problem as problem:
            row = {**row, "result": "refused", "problem": problem_in(problem)}
        return {**row, "member": self.shown(member) if member else None, "invitation": invitation}
