"""The resource `accounts/…/admins`: who administers an account as a whole."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import Operation, documented, page_example
from core.api.serializers import Input, LineField
from core.kit.problems import NotFound
from superadmin.api.v1.base import PlatformViewSet
from tenants.selectors import Admin, admins_of, invitation_url
from tenants.services import admins as services


class AdminInput(Input):
    """Whom to appoint."""

    email = serializers.EmailField(max_length=254)
    name = LineField(required=False, default="", allow_blank=True, max_length=150)


class AdminOutput(serializers.Serializer[Any]):
    """Somebody who administers all of an account."""

    id = serializers.UUIDField(source="user_id")
    email = serializers.EmailField()
    name = serializers.CharField()
    is_active = serializers.BooleanField(help_text="Whether they can sign in.")
    has_joined = serializers.BooleanField()
    invitation_expires_at = serializers.DateTimeField(allow_null=True)
    last_login = serializers.DateTimeField(allow_null=True)


# Else an action named `list` is documented as an array of lists.
@extend_schema_serializer(many=False)
class AdminListOutput(serializers.Serializer[Any]):
    """All of them; there are few."""

    items = AdminOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="Null: all come at once.")


class InvitedAdminOutput(AdminOutput):
    """An admin with the link that lets them in."""

    invitation_link = serializers.URLField(
        allow_null=True, help_text="Shown only now; null for who can sign in already."
    )


_EXAMPLE = {
    "id": "0198a7c4-0a1b-7c2d-8e3f-405162738495",
    "email": "bill@initech.example",
    "name": "Bill Lumbergh",
    "is_active": False,
    "has_joined": False,
    "invitation_expires_at": "2026-11-09T09:32:00Z",
    "last_login": None,
}
_INVITED = {**_EXAMPLE, "invitation_link": "https://initech.cockpit.example/invitations/…/"}
_TAG = "Account admins"


class AdminViewSet(PlatformViewSet):
    """The admins of one account. The last one stays."""

    read_permission = "platform.manage_accounts"
    write_permission = "platform.manage_accounts"
    output_class = AdminOutput
    input_classes = {"create": AdminInput, "invite": Input}

    @documented(
        Operation(
            "listAccountAdmins",
            "List the admins of an account",
            _TAG,
            page_example(_EXAMPLE),
            output=AdminListOutput,
            refusals=(404,),
        ),
        method="GET",
    )
    def list(self, request: Request, slug: str) -> Response:
        """Return who administers an account, those who can sign in first."""
        found = [self.shown(one) for one in admins_of(self.account)]
        return Response({"items": found, "next": None})

    @documented(
        Operation(
            "appointAccountAdmin",
            "Appoint an admin of an account",
            _TAG,
            _INVITED,
            output=InvitedAdminOutput,
            body=AdminInput,
            sent={"email": "bill@initech.example", "name": "Bill Lumbergh"},
            status=201,
            refusals=(404,),
        ),
        method="POST",
    )
    def create(self, request: Request, slug: str) -> Response:
        """Make somebody admin. Who has no password yet is invited by mail."""
        account = self.account
        given = self.input
        link = services.appoint_admin(account=account, actor=self.actor, **given)
        admin = next(
            one for one in admins_of(account) if one.email.lower() == given["email"].lower()
        )
        return self.one(
            admin,
            status=201,
            invitation_link=invitation_url(account, link.token) if link else None,
        )

    @documented(
        Operation(
            "removeAccountAdmin",
            "Remove an admin of an account",
            _TAG,
            None,
            status=204,
            refusals=(404,),
        ),
        method="DELETE",
    )
    def destroy(self, request: Request, slug: str, user_id: UUID) -> Response:
        """Take the role away; seats in the products stay."""
        services.remove_admin(account=self.account, user_id=user_id, actor=self.actor)
        return Response(status=204)

    @documented(
        Operation(
            "inviteAccountAdmin",
            "Invite an admin of an account again",
            _TAG,
            _INVITED,
            output=InvitedAdminOutput,
            refusals=(404,),
        ),
        method="POST",
    )
    def invite(self, request: Request, slug: str, user_id: UUID) -> Response:
        """Send a fresh link to who has not signed in yet; the former one stops working."""
        account = self.account
        self._admin(user_id)
        _ = self.input
        link = services.invite_admin_again(account=account, user_id=user_id, actor=self.actor)
        return self.one(self._admin(user_id), invitation_link=invitation_url(account, link.token))

    def _admin(self, user_id: UUID) -> Admin:
        for admin in admins_of(self.account):
            if admin.user_id == user_id:
                return admin
        raise NotFound("Nobody of this id is an admin of the account.")
