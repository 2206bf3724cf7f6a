"""Reads of virtual keys, limited to what the reader may see."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from console.models import Membership, Team, VirtualKey
from console.product import PRODUCT
from core.access.permissions import may
from core.access.scopes import NOTHING, Scope, scope_of
from core.hierarchy import reach
from core.identity.models import User
from core.kit.clock import now
from core.kit.problems import NotFound

MANAGE_ALL, MANAGE_OWN = "console.manage_keys", "console.own_keys"


def keys_for(user: User) -> QuerySet[VirtualKey]:
    """Return the keys that a user may see: their own, and those of what they administer."""
    if not may(user, MANAGE_OWN):
        return VirtualKey.objects.none()
    return keys_within(managed_by(user), user_id=user.pk)


def keys_within(scope: Scope, *, user_id: Any = None) -> QuerySet[VirtualKey]:
    """Return the keys in a scope, those of teams too, and the user's own."""
    keys = VirtualKey.objects.select_related(
        "membership__member__user",
        "membership__team",
        "membership__organization",
        "team__organization",
    )
    if scope.everything:
        return keys
    inside = Q(membership__organization__in=scope.organizations)
    inside |= Q(membership__team__in=scope.teams)
    inside |= Q(team__organization__in=scope.organizations) | Q(team__in=scope.teams)
    return keys.filter(inside | Q(membership__member__user=user_id, membership__isnull=False))


def key_for(user: User, key_id: UUID | str) -> VirtualKey:
    """Return one key.

    Raises:
        NotFound: there is none of that id, or it is somebody else's.
    """
    return key_among(keys_for(user), key_id)


def key_among(keys: QuerySet[VirtualKey], key_id: UUID | str) -> VirtualKey:
    """Return one of some keys.

    Raises:
        NotFound: there is none of that id among them.
    """
    try:
        key = keys.filter(pk=UUID(str(key_id))).first()
    except ValueError:
        key = None
    if key is None:
        raise NotFound("There is no such key.")
    return key


def active_keys(keys: QuerySet[VirtualKey]) -> QuerySet[VirtualKey]:
    """Return those of some keys that the gateway admits as far as the key itself goes."""
    return keys.filter(Q(expires_at=None) | Q(expires_at__gt=now()), revoked_at=None)


def keys_in_state(keys: QuerySet[VirtualKey], state: str) -> QuerySet[VirtualKey]:
    """Return those of some keys that are active, expired or revoked; all for an empty state."""
    if state == "active":
        return active_keys(keys)
    if state == "expired":
        return keys.filter(revoked_at=None, expires_at__lte=now())
    return keys.exclude(revoked_at=None) if state == "revoked" else keys


def keys_named(keys: QuerySet[VirtualKey], term: str) -> QuerySet[VirtualKey]:
    """Return those of some keys in which each word stands: in name, owner, tag or last four."""
    # Postgres takes no NUL in text.
    for word in term.replace("\x00", "")[:100].split():
        keys = keys.filter(
            Q(name__icontains=word)
            | Q(tags__contains=[word])
            | Q(last_four=word[-4:])
            | Q(membership__member__user__name__icontains=word)
            | Q(membership__member__user__email__icontains=word)
            | Q(team__name__icontains=word)
        )
    return keys


def state_of(key: VirtualKey) -> str:
    """Return whether a key is active, expired or revoked."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now() else "active"


def count_working_keys(memberships: QuerySet[Membership]) -> int:
    """Return how many keys the gateway admits for some memberships."""
    return active_keys(VirtualKey.objects.filter(membership__in=memberships)).count()


def places_for_key(user: User) -> QuerySet[Membership]:
    """Return the memberships that a user may make a key for, the primary one first.

    Their own, and those in what they administer; then ordered by member.
    """
    scope = managed_by(user)
    order = ("-is_primary", "organization__is_global", "created_at")
    if not scope:
        return _active_places().filter(member__user=user).order_by(*order)
    places = places_within(scope, user_id=user.pk)
    return places.order_by("member__user__name", "member__user__email", *order)


def places_within(scope: Scope, *, user_id: Any = None) -> QuerySet[Membership]:
    """Return the active memberships in a scope, and the user's own."""
    places = _active_places()
    if scope.everything:
        return places
    inside = Q(organization__in=scope.organizations) | Q(team__in=scope.teams)
    return places.filter(inside | Q(member__user=user_id))


def teams_for_key(user: User) -> QuerySet[Team]:
    """Return the teams that a user may make a service key for: those that they administer."""
    return teams_within(managed_by(user))


def teams_within(scope: Scope) -> QuerySet[Team]:
    """Return the active teams in a scope, by name."""
    teams: QuerySet[Team] = reach.teams_within(PRODUCT, scope)
    if not scope:
        return teams.none()
    return teams.filter(archived_at=None, organization__archived_at=None).order_by("name")


def owners_of(key_ids: Iterable[str]) -> dict[str, str]:
    """Return whose keys of some ids are; ids that are none are left out."""
    wanted = [key_id for key_id in key_ids if key_id]
    keys = VirtualKey.objects.filter(pk__in=wanted)
    keys = keys.select_related("membership__member__user", "team")
    return {str(key.pk): key.owner for key in keys}


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
    """Return the key of a token by its keyed hash, for the gateway: the current or the one before.

    Whether it is still good is for the gateway to say.
    """
    return VirtualKey.objects.filter(Q(token_hash=token_hash) | Q(previous_hash=token_hash)).first()


def managed_by(user: User) -> Scope:
    """Return the part of Console whose keys a user manages as an admin."""
    return scope_of(user, PRODUCT.slug) if may(user, MANAGE_ALL) else NOTHING


def _active_places() -> QuerySet[Membership]:
    return Membership.objects.filter(
        Q(team=None) | Q(team__archived_at=None),
        archived_at=None,
        member__archived_at=None,
        organization__archived_at=None,
    ).select_related("member__user", "organization", "team")
