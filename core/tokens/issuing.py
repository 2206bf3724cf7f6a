"""Issue and read tokens of this installation, with its key, its URLs and its clock."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from core.kit.clock import now
from core.kit.secrets import random_token
from core.tenancy.context import Account
from core.tokens import jwt
from core.tokens.keyring import key_ring
from core.tokens.models import ClientApp
from core.tokens.scopes import in_order


@dataclass(frozen=True, slots=True, repr=False)
class IssuedToken:
    """A signed token and what its receiver must know of it."""

    value: str
    expires_in: int
    scope: str

    def __repr__(self) -> str:
        return "IssuedToken(…)"


def issuer() -> str:
    """Return who signs: the installation, by its base URL."""
    return str(settings.PUBLIC_URL)


def gateway_audience() -> str:
    """Return the audience of tokens for the gateway."""
    return str(settings.GATEWAY_URL)


def api_audience() -> str:
    """Return the audience of tokens for the REST API."""
    return str(settings.PUBLIC_URL)


def audiences() -> tuple[str, str]:
    """Return everything a token can be meant for."""
    return gateway_audience(), api_audience()


def issue_user_token(
    *,
    account: Account,
    product: str,
    user_id: UUID,
    member_id: UUID,
    team_id: UUID | None,
    scopes: frozenset[str],
    policy_version: int,
    client_id: str = "",
    meant_for: tuple[str, ...],
) -> IssuedToken:
    """Issue a token for a member. Read `policy_version` before anything it was decided by."""
    return _issue(
        jwt.UserToken,
        account=account,
        product=product,
        user_id=user_id,
        member_id=member_id,
        team_id=team_id,
        client_id=client_id,
        scopes=scopes,
        policy_version=policy_version,
        audiences=meant_for,
    )


def issue_service_token(
    *, account: Account, app: ClientApp, scopes: frozenset[str], policy_version: int
) -> IssuedToken:
    """Issue a token for a client app itself. It has no member, so the gateway has no use for it."""
    return _issue(
        jwt.ServiceToken,
        account=account,
        product=app.product,
        client_id=app.client_id,
        scopes=scopes,
        policy_version=policy_version,
        audiences=(api_audience(),),
    )


def read_token(token: str, *, audience: str) -> jwt.UserToken | jwt.ServiceToken:
    """Return what a token says. Whether its bearer may still act is for the caller to look up.

    Raises:
        InvalidToken: it is not ours, has expired, or is meant for another audience.
    """
    return jwt.verify(
        token,
        public_keys=key_ring().public_key,
        issuer=issuer(),
        audience=audience,
        at=now(),
    )


def _issue(
    kind: type[jwt.UserToken] | type[jwt.ServiceToken], *, account: Account, **claims: Any
) -> IssuedToken:
    issued_at = now().replace(microsecond=0)
    token = kind(
        issuer=issuer(),
        account_id=account.id,
        account=account.slug,
        jti=random_token(22),
        issued_at=issued_at,
        expires_at=issued_at + jwt.LIFETIME,
        **claims,
    )
    return IssuedToken(
        value=jwt.mint(token, key=key_ring().signing_key()),
        expires_in=int(jwt.LIFETIME.total_seconds()),
        scope=" ".join(in_order(token.scopes)),
    )
