"""Reads of virtual keys, limited to what the reader may see."""

from uuid import UUID

from django.db.models import Q, QuerySet

from console.models import Membership, VirtualKey
from core.access.permissions import may
from core.access.scopes import NOTHING, Scope, scope_of
from core.identity.models import User
from core.kit.clock import now
from core.kit.problems import NotFound

MANAGE_ALL, MANAGE_OWN = "console.manage_keys", "console.own_keys"


def keys_for(user: User) -> QuerySet[VirtualKey]:
    """Return the keys that a user may see: their own, and those of what they administer."""
    keys = VirtualKey.objects.select_related(
        "membership__member__user", "membership__team", "membership__organization"
    )
    if not may(user, MANAGE_OWN):
        return keys.none()
    scope = _managed(user)
    if scope.everything:
        return keys
    inside = Q(membership__organization__in=scope.organizations)
    inside |= Q(membership__team__in=scope.teams)
    return keys.filter(inside | Q(membership__member__user=user))


def key_for(user: User, key_id: UUID | str) -> VirtualKey:
    """Return one key.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    try:
        key = keys_for(user).filter(pk=UUID(str(key_id))).first()
    except ValueError:
        key = None
    if key is None:
        raise NotFound("There is no such key.")
    return key


def active_keys(keys: QuerySet[VirtualKey]) -> QuerySet[VirtualKey]:
    """Return those of some keys that the gateway admits as far as the key itself goes."""
    return keys.filter(Q(expires_at=None) | Q(expires_at__gt=now()), revoked_at=None)


def count_working_keys(memberships: QuerySet[Membership]) -> int:
    """Return how many keys the gateway admits for some memberships."""
    return active_keys(VirtualKey.objects.filter(membership__in=memberships)).count()


def places_for_key(user: User) -> QuerySet[Membership]:
    """Return the memberships that a user may make a key for, the primary one first.

    Their own, and those in what they administer; then ordered by member.
    """
    places = Membership.objects.filter(
        Q(team=None) | Q(team__archived_at=None),
        archived_at=None,
        member__archived_at=None,
        organization__archived_at=None,
    ).select_related("member__user", "organization", "team")
    order = ("-is_primary", "organization__is_global", "created_at")
    scope = _managed(user)
    if not scope:
        return places.filter(member__user=user).order_by(*order)
    if not scope.everything:
        inside = Q(organization__in=scope.organizations) | Q(team__in=scope.teams)
        places = places.filter(inside | Q(member__user=user))
    return places.order_by("member__user__name", "member__user__email", *order)


def place_for_key(user: User, membership_id: UUID | str) -> Membership:
    """Return one membership to make a key for.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    try:
        place = places_for_key(user).filter(pk=UUID(str(membership_id))).first()
    except ValueError:
        place = None
    if place is None:
        raise NotFound("There is no such place.")
    return place


def key_of_hash(token_hash: str) -> VirtualKey | None:
    """Return the key of a token by its keyed hash, for the gateway."""
    return VirtualKey.objects.filter(token_hash=token_hash).first()


def _managed(user: User) -> Scope:
    """Return the part of Console whose keys a user manages as an admin."""
    return scope_of(user, "console") if may(user, MANAGE_ALL) else NOTHING
