"""The two grants: client credentials, and the exchange of an assertion for a user token."""

from collections.abc import Collection

from core.api.auth.requests import Parameters
from core.hierarchy.product import product_named
from core.hierarchy.seats import seat_of_email
from core.hierarchy.sharing import CLIENT_APP, can_use
from core.kit.problems import NotAllowed
from core.tenancy.context import Account
from core.tenancy.models import PolicyState
from core.tokens.errors import (
    AccessDenied,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
)
from core.tokens.issuing import IssuedToken, audiences, issue_service_token, issue_user_token
from core.tokens.scopes import SCOPES
from core.tokens.services import AppWithSecret, redeem_assertion

CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  a name
GRANTS = (CLIENT_CREDENTIALS, TOKEN_EXCHANGE)

TYPE_JWT = "urn:ietf:params:oauth:token-type:jwt"
TYPE_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  a name


def service_token(
    *, account: Account, client: AppWithSecret, parameters: Parameters
) -> IssuedToken:
    """Issue a token for the client app itself.

    Raises:
        AccessDenied: the account is suspended.
        InvalidScope: a scope is beyond the app's.
    """
    policy = _open_policy()
    return issue_service_token(
        account=account,
        app=client.app,
        scopes=_scopes(client, parameters),
        policy_version=policy.version,
    )


def exchanged_token(
    *, account: Account, client: AppWithSecret, parameters: Parameters, urls: Collection[str]
) -> IssuedToken:
    """Issue a user token for whom the client's assertion names. `urls` are this endpoint's.

    Raises:
        AccessDenied: the account is suspended.
        UnauthorizedClient: the app may not act for members.
        InvalidGrant: the assertion is not valid, was used before, or names nobody with a seat.
        InvalidRequest, InvalidScope, InvalidTarget: a parameter is not one of those on offer.
    """
    # Before everything that it decides, so that the token is never newer than what it says.
    policy = _open_policy()
    _check_types(parameters)
    scopes, meant_for = _scopes(client, parameters), _audiences(parameters)
    subject = redeem_assertion(
        client=client, assertion=parameters.need("subject_token"), audiences=urls
    )
    try:
        seat = seat_of_email(
            product_named(client.app.product), subject, team=parameters.get("team")
        )
    except NotAllowed:
        raise InvalidGrant("The member has no active seat here, or is not in the team.") from None
    thing = (CLIENT_APP, client.app.pk)
    if not can_use(product_named(seat.product), thing, is_open=client.app.is_open, path=seat.nodes):
        raise InvalidGrant("The client app is not shared with this member.")
    return issue_user_token(
        account=account,
        product=seat.product,
        user_id=seat.user_id,
        member_id=seat.member_id,
        # Of a place directly in an organization the token names that; of the primary one, nothing.
        team_id=seat.team_id or (seat.organization_id if parameters.get("team") else None),
        scopes=scopes,
        policy_version=policy.version,
        client_id=client.app.client_id,
        meant_for=meant_for,
    )


def _open_policy() -> PolicyState:
    policy = PolicyState.objects.get(pk=1)
    if policy.is_suspended:
        raise AccessDenied("This account is suspended.")
    return policy


def _check_types(parameters: Parameters) -> None:
    if parameters.need("subject_token_type") != TYPE_JWT:
        raise InvalidRequest(f"The only subject_token_type on offer is {TYPE_JWT}.")
    if parameters.get("requested_token_type") not in {None, TYPE_ACCESS_TOKEN, TYPE_JWT}:
        raise InvalidRequest(f"The only requested_token_type on offer is {TYPE_ACCESS_TOKEN}.")
    if parameters.get("actor_token") is not None:
        raise InvalidRequest("actor_token is not on offer; the client is the actor.")


def _scopes(client: AppWithSecret, parameters: Parameters) -> frozenset[str]:
    # A scope that the code no longer knows counts for nothing.
    own = frozenset(client.app.scopes) & SCOPES.keys()
    asked = parameters.get("scope")
    if asked is None:
        return own
    wanted = frozenset(asked.split())
    if not wanted or not wanted <= own:
        raise InvalidScope("A scope is unknown or beyond those of this client.")
    return wanted


def _audiences(parameters: Parameters) -> tuple[str, ...]:
    asked = [parameters.get("audience"), parameters.get("resource")]
    wanted = {one.rstrip("/") for one in asked if one is not None}
    known = {one.rstrip("/"): one for one in audiences()}
    if not wanted <= known.keys():
        raise InvalidTarget("Tokens are for the gateway and the API of this installation.")
    return tuple(known[one] for one in wanted) if wanted else audiences()
