"""Sending the link of an invitation, and showing it once to who invites."""

from django.http import HttpRequest
from django.urls import reverse

from core.access.permissions import may
from core.identity.mail import send_invitation
from core.identity.services import InvitationLink
from core.ui.middleware import actor_of


def send_link(request: HttpRequest, link: InvitationLink) -> str:
    """Mail an invitation's link to its person, and return it for who invites to copy."""
    url = request.build_absolute_uri(reverse("invitation", args=(link.token,)))
    send_invitation(
        to=link.invitation.user.email,
        invited_to=request.account.name,  # type: ignore[attr-defined]
        invited_by=actor_of(request).label,
        url=url,
    )
    return url


def shows_links(request: HttpRequest) -> bool:
    """Whether somebody who invites sees the link as well as the invited person.

    Whoever has a link can set the password, and so become the person. Account admins might give
    themselves all that the person has; who administers a branch must not come to more by it.
    """
    return may(request.user, "account.manage_admins")
