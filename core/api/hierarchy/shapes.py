"""How members, memberships and invitations look, and what is sent to make them."""

from typing import Any

from rest_framework import serializers

from core.api.hierarchy.base import NamedOutput
from core.api.serializers import Input, LineField, ListQuery, StateField
from core.hierarchy import states


class MembershipOutput(serializers.Serializer[Any]):
    """A member's place: in a team, or directly in an organization. One of them is primary."""

    id = serializers.UUIDField()
    organization = NamedOutput()
    team = NamedOutput(allow_null=True)
    is_primary = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class MemberOutput(serializers.Serializer[Any]):
    """Somebody's seat in the product, with those places that the caller administers."""

    id = serializers.UUIDField()
    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.name", help_text="Empty until the person says it.")
    state = StateField(states.member_state, choices=states.MEMBER_STATES)
    memberships = MembershipOutput(many=True, source="places")
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class InvitationOutput(serializers.Serializer[Any]):
    """A link by which somebody sets a password. The link itself is shown once, when it is made."""

    id = serializers.UUIDField()
    member = serializers.UUIDField(source="member_id")
    email = serializers.EmailField(source="user.email")
    state = StateField(states.invitation_state, choices=states.INVITATION_STATES)
    invited_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)


class NewInvitationOutput(InvitationOutput):
    """An invitation that was just made."""

    link = serializers.URLField(
        allow_null=True,
        help_text=(
            "Shown only now, and to account admins; null for others. The mail has it in any case."
        ),
    )


class NewMemberOutput(MemberOutput):
    """A member that was just added."""

    invitation = NewInvitationOutput(
        allow_null=True, help_text="Null where the person can sign in already."
    )


class PlaceInput(Input):
    """A place, by its team or by its organization."""

    team = serializers.UUIDField(required=False, allow_null=True, help_text="A team's id.")
    organization = serializers.UUIDField(
        required=False, allow_null=True, help_text="An organization's id: directly in it."
    )


class MemberInput(PlaceInput):
    """Somebody new in the product. Who administers a branch must name a place in it."""

    email = serializers.EmailField(max_length=254)
    name = LineField(required=False, default="", allow_blank=True, max_length=150)


class MemberNameInput(Input):
    """What people call somebody."""

    name = LineField(max_length=150)


class MemberQuery(ListQuery):
    """Filters of members."""

    state = serializers.ChoiceField(
        required=False,
        default="present",
        choices=("present", *states.MEMBER_STATES, "all"),
        help_text="`present` is all but archived.",
    )
    organization = serializers.UUIDField(
        required=False, help_text="With a place in this organization or in one of its teams."
    )
    team = serializers.UUIDField(required=False, help_text="With a place in this team.")
    q = LineField(
        required=False, max_length=120, help_text="Words that name or e-mail address contain."
    )


class InvitationInput(Input):
    """Whom to send a fresh link."""

    member = serializers.UUIDField(help_text="A member who has not joined yet.")


class InvitationQuery(ListQuery):
    """Filters of invitations."""

    state = serializers.ChoiceField(
        required=False, default="open", choices=(*states.INVITATION_STATES, "all")
    )
    member = serializers.UUIDField(required=False, help_text="Of this member only.")


MEMBERSHIP = {
    "id": "0198a7c4-2c3d-7e4f-9051-627384950617",
    "organization": {"id": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5c", "name": "Marketing"},
    "team": {"id": "0198a7c3-1b2c-7d3e-8f40-516273849506", "name": "Content"},
    "is_primary": True,
    "created_at": "2026-11-02T09:32:00Z",
}
MEMBER = {
    "id": "0198a7c4-0a1b-7c2d-8e3f-405162738495",
    "email": "robin@company.example",
    "name": "Robin Reyes",
    "state": "active",
    "memberships": [MEMBERSHIP],
    "created_at": "2026-11-02T09:32:00Z",
    "archived_at": None,
}
INVITATION = {
    "id": "0198a7c5-3d4e-7f50-8162-738495061728",
    "member": "0198a7c4-0a1b-7c2d-8e3f-405162738495",
    "email": "robin@company.example",
    "state": "open",
    "invited_by": "Kim Okafor",
    "created_at": "2026-11-02T09:32:00Z",
    "expires_at": "2026-11-09T09:32:00Z",
    "accepted_at": None,
}
NEW_INVITATION = {**INVITATION, "link": "https://company.cockpit.example/invitations/…/"}
NEW_MEMBER = {**MEMBER, "name": "", "state": "invited", "invitation": NEW_INVITATION}
SENT_MEMBER = {
    "email": "robin@company.example",
    "name": "Robin Reyes",
    "team": "0198a7c3-1b2c-7d3e-8f40-516273849506",
}
