"""How a place in a product becomes a principal. Products' bindings call this."""

from datetime import datetime
from uuid import UUID

from core.access.reading import read_said
from core.gateway.limits import NO_LIMITS, KeyLimits
from core.gateway.ports import Principal
from core.hierarchy.product import Product
from core.hierarchy.seats import Seat, TeamSeat, seat_of_user
from core.tenancy.context import AccountRef
from core.tenancy.policy import policy_version
from core.tokens.jwt import UserToken


def principal_at(
    seat: Seat | TeamSeat,
    *,
    account: AccountRef,
    policy_version: int,
    key_id: UUID | None = None,
    key_name: str = "",
    client_app_id: UUID | None = None,
    expires_at: datetime | None = None,
    limits: KeyLimits = NO_LIMITS,
) -> Principal:
    """Return the principal that calls from a seat, with what the nodes above it say; one query.

    Every cap on its path holds, the key's first. The caller has read the policy version before.
    """
    # A team that acts by itself has nobody behind it.
    person = seat if isinstance(seat, Seat) else None
    names = {**seat.names, **({key_id: key_name} if key_id is not None else {})}
    return Principal(
        account=account,
        product=seat.product,
        user_id=person.user_id if person else None,
        member_id=person.member_id if person else None,
        membership_id=person.membership_id if person else None,
        wallet_id=seat.wallet_id,
        team_id=seat.team_id,
        organization_id=seat.organization_id,
        key_id=key_id,
        client_id=client_app_id,
        label=seat.label,
        labels={str(subject): name for subject, name in names.items()},
        path=seat.nodes,
        said=read_said(seat.product, (node.id for node in seat.nodes)),
        cap_subjects=(*((key_id,) if key_id is not None else ()), *seat.path),
        policy_version=policy_version,
        expires_at=expires_at,
        limits=limits,
    )


def principal_of_member(
    product: Product,
    *,
    account: AccountRef,
    token: UserToken,
    client_app_id: UUID | None,
    team: str | None,
) -> Principal:
    """Return who calls with a user token, in the team that the call names, else the token's.

    Raises:
        NotAllowed: the member has no active seat any more, or is not in the team.
    """
    # Read first: what changes meanwhile makes this principal older than it is, never newer.
    version = policy_version()
    if team is None and token.team_id is not None:
        team = str(token.team_id)
    return principal_at(
        seat_of_user(product, token.user_id, team=team),
        account=account,
        policy_version=version,
        client_app_id=client_app_id,
        expires_at=token.expires_at,
    )
