"""How a virtual key, or a user token, becomes a principal of Console."""

from uuid import UUID

from console.product import PRODUCT
from console.selectors.keys import key_of_hash
from console.services.keys import hash_of, note_key_use
from core.gateway.ports import Principal
from core.gateway.principals import principal_at, principal_of_member
from core.hierarchy.seats import seat_of_membership
from core.kit.clock import now
from core.kit.problems import Unauthenticated
from core.tenancy.context import AccountRef
from core.tenancy.policy import policy_version
from core.tokens.jwt import UserToken


def principal_for_key(account: AccountRef, token: str) -> Principal:
    """Return who calls with a virtual key. Runs inside the account.

    Raises:
        Unauthenticated: the key is unknown, revoked or expired.
        NotAllowed: its member has no active seat any more.
    """
    # Read first: what changes meanwhile makes this principal older than it is, never newer.
    version = policy_version()
    key = key_of_hash(hash_of(token))
    if key is None:
        raise Unauthenticated("The key is not known. Check that it was copied completely.")
    if key.revoked_at is not None:
        raise Unauthenticated("The key was revoked. Create a new one in Console.")
    if key.expires_at is not None and key.expires_at <= now():
        raise Unauthenticated("The key has expired. Create a new one in Console.")
    seat = seat_of_membership(PRODUCT, key.membership_id)
    note_key_use(key_id=key.pk)
    return principal_at(
        seat,
        account=account,
        policy_version=version,
        key_id=key.pk,
        key_name=key.name,
        expires_at=key.expires_at,
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
