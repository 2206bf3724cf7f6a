"""How a virtual key, or a user token, becomes a principal of Console."""

from datetime import datetime
from ipaddress import ip_network
from uuid import UUID

from console.models import VirtualKey
from console.product import PRODUCT
from console.selectors.keys import key_of_hash
from console.services.keys import hash_of, note_key_use
from core.gateway.limits import KeyLimits
from core.gateway.ports import Principal
from core.gateway.principals import principal_at, principal_of_member
from core.hierarchy.seats import Seat, TeamSeat, seat_of_membership, seat_of_team
from core.kit.clock import now
from core.kit.problems import Unauthenticated
from core.tenancy.context import AccountRef
from core.tenancy.policy import policy_version
from core.tokens.jwt import UserToken


def principal_for_key(account: AccountRef, token: str) -> Principal:
    """Return who calls with a virtual key. Runs inside the account.

    Raises:
        Unauthenticated: the key is unknown, revoked or expired.
        NotAllowed: its member has no active seat any more, or its team is archived.
    """
    # Read first: what changes meanwhile makes this principal older than it is, never newer.
    version = policy_version()
    digest = hash_of(token)
    key = key_of_hash(digest)
    if key is None:
        raise Unauthenticated("The key is not known. Check that it was copied completely.")
    if key.revoked_at is not None:
        raise Unauthenticated("The key was revoked. Create a new one in Console.")
    is_previous = key.token_hash != digest
    ends = _end_of(key, is_previous=is_previous)
    if ends is not None and ends <= now():
        raise Unauthenticated(
            "The key was rotated, and its old token has expired. Use the new one."
            if is_previous
            else "The key has expired. Create a new one in Console."
        )
    seat = _seat_of(key)
    note_key_use(key_id=key.pk, is_previous=is_previous)
    return principal_at(
        seat,
        account=account,
        policy_version=version,
        key_id=key.pk,
        key_name=key.name,
        expires_at=ends,
        limits=_limits_of(key),
    )


def _seat_of(key: VirtualKey) -> Seat | TeamSeat:
    if key.team_id is not None:
        return seat_of_team(PRODUCT, key.team_id)
    assert key.membership_id is not None
    return seat_of_membership(PRODUCT, key.membership_id)


def _end_of(key: VirtualKey, *, is_previous: bool) -> datetime | None:
    """Return when a key ends for who shows the current token, or the one before it."""
    ends = (key.expires_at, key.previous_ends_at if is_previous else None)
    return min((end for end in ends if end is not None), default=None)


def _limits_of(key: VirtualKey) -> KeyLimits:
    networks = None
    if key.addresses is not None:
        networks = tuple(ip_network(address) for address in key.addresses)
    return KeyLimits(
        llms=None if key.llms is None else frozenset(key.llms),
        requests_per_minute=key.requests_per_minute,
        tokens_per_minute=key.tokens_per_minute,
        networks=networks,
    )


def principal_for_user_token(
    account: AccountRef, token: UserToken, *, client_app_id: UUID | None, team: str | None
) -> Principal:
    """Return who calls: a page of Console, or a client app for a member. Runs inside the account.

    Raises:
        NotAllowed: the member has no active seat any more, or is not in the team.
    """
    return principal_of_member(
        PRODUCT, account=account, token=token, client_app_id=client_app_id, team=team
    )
