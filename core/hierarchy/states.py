"""How far something is in: the states of nodes, members and invitations, one by one and as filters.

A state is derived, never stored, so that it cannot contradict what it derives from.
"""

from typing import Any

from django.db.models import Q, QuerySet

from core.identity.models import Invitation
from core.kit.clock import now

NODE_STATES = ("active", "archived")
MEMBER_STATES = ("active", "invited", "expired", "deactivated", "archived")
INVITATION_STATES = ("open", "expired", "accepted", "revoked")

# What Django stores where nobody has set a password yet; see `User.has_joined`.
_NO_PASSWORD = Q(("user__password__startswith", "!"))


def node_state(node: Any) -> str:
    """Return the state of an organization or a team."""
    return "archived" if node.is_archived else "active"


def member_state(member: Any) -> str:
    """Return the state of a member with `user` and `invited_until`, now."""
    if member.is_archived:
        return "archived"
    if member.user.is_active:
        return "active"
    if member.user.has_joined:
        return "deactivated"
    is_open = member.invited_until is not None and member.invited_until > now()
    return "invited" if is_open else "expired"


def invitation_state(invitation: Any) -> str:
    """Return the state of an invitation, now."""
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.revoked_at is not None:
        return "revoked"
    return "open" if invitation.expires_at > now() else "expired"


def nodes_in_state(rows: QuerySet[Any], state: str) -> QuerySet[Any]:
    """Return the organizations or teams in a state; `all` leaves none out."""
    return rows if state == "all" else rows.filter(archived_at__isnull=state == "active")


def members_in_state(rows: QuerySet[Any], state: str) -> QuerySet[Any]:
    """Return the members in a state.

    `present` is all but archived, `unjoined` all who have not come in yet, `all` leaves none out.
    """
    if state == "all":
        return rows
    if state == "archived":
        return rows.exclude(archived_at=None)
    rows = rows.filter(archived_at=None)
    if state == "present":
        return rows
    if state == "active":
        return rows.filter(user__is_active=True)
    rows = rows.filter(user__is_active=False)
    if state in {"deactivated", "unjoined"}:
        return rows.exclude(_NO_PASSWORD) if state == "deactivated" else rows.filter(_NO_PASSWORD)
    # From the few open invitations, not from each member: 100,000 of those take seconds.
    invitations = Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=now())
    is_open = Q(user__in=invitations.values("user"))
    rows = rows.filter(_NO_PASSWORD)
    return rows.filter(is_open) if state == "invited" else rows.exclude(is_open)


def invitations_in_state(rows: QuerySet[Any], state: str) -> QuerySet[Any]:
    """Return the invitations in a state; `all` leaves none out."""
    if state == "all":
        return rows
    if state == "accepted":
        return rows.exclude(accepted_at=None)
    rows = rows.filter(accepted_at=None)
    if state == "revoked":
        return rows.exclude(revoked_at=None)
    rows = rows.filter(revoked_at=None)
    if state == "open":
        return rows.filter(expires_at__gt=now())
    return rows.filter(expires_at__lte=now())
