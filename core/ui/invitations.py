"""Sending the link of an invitation, and showing it once to who invites."""

from django.http import HttpRequest
from django.urls import reverse

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
