"""Mint and verify the two tokens of Cockpit, and verify a client's assertion.

Pure functions over key material: no database, no settings and no clock, all of which the caller
passes in. The signature is checked by PyJWT with one fixed algorithm each; the claims are checked
here, since each must be there and of its type.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.tokens.errors import InvalidGrant, InvalidToken

LIFETIME = timedelta(minutes=5)
ASSERTION_LIFETIME = timedelta(seconds=60)
# RFC 9068: tells an access token from an ID token or an assertion, whoever signed it.
TOKEN_TYPE = "at+jwt"  # noqa: S105  a media type
# Our tokens are about 800 bytes; more is not ours, and need not be parsed.
LONGEST_TOKEN = 4096
# Clocks of our own machines may differ by this much about when a token was issued.
_SKEW = timedelta(seconds=5)

PublicKeys = Callable[[str], Ed25519PublicKey | None]


@dataclass(frozen=True, slots=True)
class SigningMaterial:
    """The key that signs, and the id under which its public half is published."""

    kid: str
    private_key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningMaterial({self.kid})"


@dataclass(frozen=True, slots=True)
class UserToken:
    """What a user token says: a member, acting in one product of one account."""

    issuer: str
    audiences: tuple[str, ...]
    account_id: UUID
    account: str
    product: str
    user_id: UUID
    member_id: UUID
    team_id: UUID | None
    # The client app it was issued to; empty for a page of the cockpit itself.
    client_id: str
    scopes: frozenset[str]
    policy_version: int
    jti: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ServiceToken:
    """What a service token says: a client app, acting for itself."""

    issuer: str
    audiences: tuple[str, ...]
    account_id: UUID
    account: str
    product: str
    client_id: str
    scopes: frozenset[str]
    policy_version: int
    jti: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Assertion:
    """Whom a client app wants to act for; `jti` may be used once until `expires_at`."""

    subject: str
    jti: str
    expires_at: datetime


def mint(token: UserToken | ServiceToken, *, key: SigningMaterial) -> str:
    """Sign a token (EdDSA)."""
    assert timedelta(0) < token.expires_at - token.issued_at <= LIFETIME
    claims: dict[str, Any] = {
        "iss": token.issuer,
        "aud": list(token.audiences),
        "account": token.account,
        "account_id": str(token.account_id),
        "product": token.product,
        "client_id": token.client_id,
        "scope": " ".join(sorted(token.scopes)),
        "pv": token.policy_version,
        "jti": token.jti,
        "iat": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
    }
    if isinstance(token, UserToken):
        claims |= {
            "kind": "user",
            "sub": str(token.user_id),
            "member": str(token.member_id),
            "team": str(token.team_id) if token.team_id else None,
        }
    else:
        claims |= {"kind": "service", "sub": token.client_id}
    headers = {"kid": key.kid, "typ": TOKEN_TYPE}
    return pyjwt.encode(claims, key.private_key, algorithm="EdDSA", headers=headers)


def verify(
    token: str, *, public_keys: PublicKeys, issuer: str, audience: str, at: datetime
) -> UserToken | ServiceToken:
    """Return what a token says, once its signature, issuer, audience and dates are right.

    Raises:
        InvalidToken: any of them is not.
    """
    claims = _signed_claims(token, public_keys)
    try:
        read = _read(claims)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise InvalidToken("The token lacks what a token of Cockpit has.") from None
    if read.issuer != issuer:
        raise InvalidToken("The token was issued by another installation.")
    if audience not in read.audiences:
        raise InvalidToken("The token is meant for another service.")
    if at >= read.expires_at:
        raise InvalidToken("The token has expired. Ask for a new one.")
    if read.issued_at > at + _SKEW or read.expires_at - read.issued_at > LIFETIME:
        raise InvalidToken("The token's dates do not fit.")
    return read


def verify_assertion(
    assertion: str,
    *,
    secret: str,
    public_key: Ed25519PublicKey | None = None,
    client_id: str,
    audiences: Collection[str],
    at: datetime,
) -> Assertion:
    """Return whom an assertion names: signed by the client, fresh, and meant for us.

    The client signs with its secret (HS256), or with its own key if we know the public half
    (EdDSA). Each is tried with its one algorithm only.

    Raises:
        InvalidGrant: the signature, a claim or a date is not right.
    """
    claims = _claims_of_assertion(assertion, secret, public_key)
    if claims.get("iss") != client_id:
        raise InvalidGrant("iss of the assertion must be the client_id.")
    if _only(claims.get("aud")) not in audiences:
        raise InvalidGrant("aud of the assertion must be the URL of this token endpoint.")
    expires_at = _date_of(claims, "exp")
    if expires_at is None or expires_at <= at:
        raise InvalidGrant("The assertion has expired.")
    if expires_at > at + ASSERTION_LIFETIME:
        raise InvalidGrant("exp of the assertion may be at most 60 seconds away.")
    for name in ("nbf", "iat"):
        starts_at = _date_of(claims, name)
        if name in claims and (starts_at is None or starts_at > at + _SKEW):
            raise InvalidGrant(f"{name} of the assertion is not in the past.")
    return Assertion(
        subject=_text(claims, "sub", longest=254),
        jti=_text(claims, "jti", longest=128),
        expires_at=expires_at,
    )


def _claims_of_assertion(
    assertion: str, secret: str, public_key: Ed25519PublicKey | None
) -> dict[str, Any]:
    key: Any = secret
    algorithm = "HS256"
    try:
        if public_key and pyjwt.get_unverified_header(assertion).get("alg") == "EdDSA":
            key, algorithm = public_key, "EdDSA"
        claims: dict[str, Any] = pyjwt.decode(
            assertion, key, algorithms=[algorithm], options=_SIGNATURE_ONLY
        )
    except (pyjwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        raise InvalidGrant(
            "The assertion is not signed with the secret or the key of this client."
        ) from None
    return claims


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **{f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")},
}


def _signed_claims(token: str, public_keys: PublicKeys) -> Mapping[str, Any]:
    try:
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken("The token is too long to be one of Cockpit.")
        header = pyjwt.get_unverified_header(token)
        kid = header.get("kid")
        key = public_keys(kid) if isinstance(kid, str) else None
        if key is None or header.get("typ") != TOKEN_TYPE:
            raise InvalidToken("The token was not issued by this installation.")
        claims: Mapping[str, Any] = pyjwt.decode(
            token, key, algorithms=["EdDSA"], options=_SIGNATURE_ONLY
        )
    except (pyjwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        raise InvalidToken("The token is not signed by this installation.") from None
    return claims


def _read(claims: Mapping[str, Any]) -> UserToken | ServiceToken:
    common: dict[str, Any] = {
        "issuer": claims["iss"],
        "audiences": tuple(claims["aud"]),
        "account_id": UUID(claims["account_id"]),
        "account": claims["account"],
        "product": claims["product"],
        "client_id": claims["client_id"],
        "scopes": frozenset(claims["scope"].split()),
        "policy_version": int(claims["pv"]),
        "jti": claims["jti"],
        "issued_at": datetime.fromtimestamp(claims["iat"], UTC),
        "expires_at": datetime.fromtimestamp(claims["exp"], UTC),
    }
    if claims["kind"] == "service":
        return ServiceToken(**common)
    if claims["kind"] != "user":
        raise ValueError(claims["kind"])
    team = claims["team"]
    return UserToken(
        **common,
        user_id=UUID(claims["sub"]),
        member_id=UUID(claims["member"]),
        team_id=UUID(team) if team is not None else None,
    )


def _only(audience: object) -> str | None:
    """Return the audience if it is the only one: another could use the assertion as well."""
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    return audience if isinstance(audience, str) else None


def _date_of(claims: Mapping[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _text(claims: Mapping[str, Any], name: str, *, longest: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest or not value.isprintable():
        raise InvalidGrant(f"The assertion needs a {name} of 1 to {longest} characters.")
    return value
