"""What a token says is believed only if every part of it is right."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.tokens.errors import InvalidGrant, InvalidToken
from core.tokens.jwt import (
    Assertion,
    ServiceToken,
    SigningMaterial,
    UserToken,
    mint,
    verify,
    verify_assertion,
)

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ISSUER = "https://cockpit.example"
GATEWAY = "https://gateway.cockpit.example"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEY = SigningMaterial("key-1", PRIVATE)
COMMON: dict[str, Any] = {
    "issuer": ISSUER,
    "audiences": (GATEWAY,),
    "account_id": UUID(int=1),
    "account": "acme",
    "product": "copilot",
    "client_id": "app_1",
    "scopes": frozenset({"gateway", "runtime"}),
    "policy_version": 7,
    "jti": "one",
    "issued_at": AT,
    "expires_at": AT + timedelta(minutes=5),
}
USER = UserToken(**COMMON, user_id=UUID(int=2), member_id=UUID(int=3), team_id=UUID(int=4))


def public_key(kid: str) -> Ed25519PublicKey | None:
    return PRIVATE.public_key() if kid == "key-1" else None


def read(token: str, *, at: datetime = AT, audience: str = GATEWAY) -> UserToken | ServiceToken:
    return verify(token, public_keys=public_key, issuer=ISSUER, audience=audience, at=at)


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


def signed(
    claims: dict[str, Any], *, key: Any = PRIVATE, algorithm: str = "EdDSA", **header: Any
) -> str:
    headers = {"kid": "key-1", "typ": "at+jwt", **header}
    # Not `encode`, which refuses to sign claims that make no sense.
    return pyjwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm, headers)


# -- tokens ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [USER, replace(USER, team_id=None), replace(USER, client_id=""), ServiceToken(**COMMON)],
    ids=["user", "user without team", "page", "service"],
)
def test_a_minted_token_reads_as_it_was(token: UserToken | ServiceToken) -> None:
    assert read(mint(token, key=KEY)) == token


def test_the_claims_have_the_names_that_clients_are_told() -> None:
    assert claims_of(mint(USER, key=KEY)) == {
        "iss": "https://cockpit.example",
        "aud": ["https://gateway.cockpit.example"],
        "sub": "00000000-0000-0000-0000-000000000002",
        "kind": "user",
        "account": "acme",
        "account_id": "00000000-0000-0000-0000-000000000001",
        "product": "copilot",
        "member": "00000000-0000-0000-0000-000000000003",
        "team": "00000000-0000-0000-0000-000000000004",
        "client_id": "app_1",
        "scope": "gateway runtime",
        "pv": 7,
        "jti": "one",
        "iat": 1795341600,
        "exp": 1795341900,
    }


def test_a_token_lives_for_five_minutes_at_most() -> None:
    with pytest.raises(AssertionError):
        mint(replace(USER, expires_at=AT + timedelta(minutes=5, seconds=1)), key=KEY)


def test_a_token_ends_with_its_last_second() -> None:
    token = mint(USER, key=KEY)

    assert read(token, at=AT + timedelta(minutes=4, seconds=59)) == USER
    with pytest.raises(InvalidToken, match="expired"):
        read(token, at=AT + timedelta(minutes=5))


def test_a_token_for_one_service_is_refused_by_another() -> None:
    with pytest.raises(InvalidToken, match="another service"):
        read(mint(USER, key=KEY), audience=ISSUER)


def test_a_token_of_another_installation_is_refused() -> None:
    with pytest.raises(InvalidToken, match="another installation"):
        read(mint(replace(USER, issuer="https://other.example"), key=KEY))


def test_a_token_from_the_future_is_refused() -> None:
    with pytest.raises(InvalidToken, match="dates"):
        read(mint(USER, key=KEY), at=AT - timedelta(seconds=6))


def test_a_token_that_we_signed_for_too_long_is_refused() -> None:
    claims = claims_of(mint(USER, key=KEY)) | {"exp": 1795341600 + 3600}

    with pytest.raises(InvalidToken, match="dates"):
        read(signed(claims))


def test_a_key_that_is_not_published_does_not_count() -> None:
    with pytest.raises(InvalidToken):
        read(mint(USER, key=SigningMaterial("key-2", PRIVATE)))


def test_a_signature_of_another_key_does_not_count() -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)

    with pytest.raises(InvalidToken, match="not signed"):
        read(mint(USER, key=SigningMaterial("key-1", stranger)))


def test_the_public_key_does_not_serve_as_a_shared_secret() -> None:
    pem = PRIVATE.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )

    with pytest.raises(InvalidToken, match="not signed"):
        read(signed(claims_of(mint(USER, key=KEY)), key=pem, algorithm="HS256"))


def test_an_unsigned_token_is_refused() -> None:
    with pytest.raises(InvalidToken):
        read(signed(claims_of(mint(USER, key=KEY)), key=None, algorithm="none"))


def test_a_token_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidToken):
        read(signed(claims_of(mint(USER, key=KEY)), typ="JWT"))


def test_changed_claims_break_the_signature() -> None:
    head, _, signature = mint(USER, key=KEY).split(".")
    other = base64.urlsafe_b64encode(
        json.dumps(claims_of(mint(USER, key=KEY)) | {"account": "globex"}).encode()
    )

    with pytest.raises(InvalidToken, match="not signed"):
        read(f"{head}.{other.decode().rstrip('=')}.{signature}")


@pytest.mark.parametrize(
    "junk",
    ["", ".", "..", "a.b.c", "\x00", "é" * 50, "ey" * 3000, "eyJhbGciOiJFZERTQSJ9.e30.", "[]"],
)
def test_junk_is_refused(junk: str) -> None:
    with pytest.raises(InvalidToken):
        read(junk)


@pytest.mark.parametrize(
    "claim", ["iss", "aud", "sub", "kind", "account_id", "member", "scope", "iat", "exp"]
)
@pytest.mark.parametrize("value", [None, [], {}, 10**400], ids=["null", "[]", "{}", "huge"])
def test_a_claim_of_another_type_is_refused_and_breaks_nothing(claim: str, value: Any) -> None:
    claims = claims_of(mint(USER, key=KEY)) | {claim: value}

    with pytest.raises(InvalidToken):
        read(signed(claims))


def test_a_missing_claim_is_refused() -> None:
    claims = claims_of(mint(USER, key=KEY))
    del claims["team"]

    with pytest.raises(InvalidToken, match="lacks"):
        read(signed(claims))


# -- assertions ------------------------------------------------------------------------------------

SECRET = "s" * 43
URL = "https://acme.cockpit.example/api/auth/v1/token"
NOW = int(AT.timestamp())
GOOD: dict[str, Any] = {
    "iss": "app_1",
    "sub": "mia@acme.example",
    "aud": URL,
    "exp": NOW + 60,
    "jti": "one",
}


def assertion(changes: dict[str, Any] | None = None, *, secret: str = SECRET) -> str:
    claims = {name: value for name, value in (GOOD | (changes or {})).items() if value is not ...}
    return pyjwt.PyJWS().encode(json.dumps(claims).encode(), secret, "HS256")


def check(token: str) -> Assertion:
    return verify_assertion(
        token, secret=SECRET, client_id="app_1", audiences={URL, f"{URL}/2"}, at=AT
    )


def test_a_client_may_sign_with_its_own_key() -> None:
    own, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    signed = pyjwt.encode(GOOD, own, "EdDSA")

    def verified(token: str, public_key: Any) -> Assertion:
        return verify_assertion(
            token,
            secret=SECRET,
            public_key=public_key,
            client_id="app_1",
            audiences={URL},
            at=AT,
        )

    assert verified(signed, own.public_key()).subject == "mia@acme.example"
    # Its secret goes on working beside it.
    assert verified(assertion(), own.public_key()).subject == "mia@acme.example"
    for key in (other.public_key(), None):
        with pytest.raises(InvalidGrant, match="not signed"):
            verified(signed, key)


def test_a_public_key_is_no_secret_to_sign_with() -> None:
    own = Ed25519PrivateKey.generate().public_key()
    pem = own.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parts = [b'{"alg": "HS256", "typ": "JWT"}', json.dumps(GOOD).encode()]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signed, "sha256")).rstrip(b"=")
    forged = (signed + b"." + mac).decode()

    with pytest.raises(InvalidGrant, match="not signed"):
        verify_assertion(
            forged, secret=SECRET, public_key=own, client_id="app_1", audiences={URL}, at=AT
        )


@pytest.mark.parametrize("aud", [URL, [URL], f"{URL}/2"])
def test_a_good_assertion_names_its_subject(aud: Any) -> None:
    assert check(assertion({"aud": aud})) == Assertion(
        "mia@acme.example", "one", AT + timedelta(seconds=60)
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"iss": "app_2"}, "iss"),
        ({"iss": ...}, "iss"),
        ({"iss": ["app_1"]}, "iss"),
        ({"aud": "https://evil.example/token"}, "aud"),
        ({"aud": ...}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": [URL, "https://evil.example/"]}, "aud"),
        ({"aud": {"x": URL}}, "aud"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW - 1}, "expired"),
        ({"exp": ...}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"exp": True}, "expired"),
        ({"exp": 10**30}, "expired"),
        ({"exp": NOW + 61}, "60 seconds"),
        ({"exp": NOW + 3600}, "60 seconds"),
        ({"nbf": NOW + 30}, "nbf"),
        ({"nbf": "x"}, "nbf"),
        ({"iat": NOW + 30}, "iat"),
        ({"sub": ...}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "x" * 255}, "sub"),
        ({"sub": "a\x00b"}, "sub"),
        ({"jti": ...}, "jti"),
        ({"jti": "x" * 129}, "jti"),
        ({"jti": 5}, "jti"),
        ({"jti": "line\nbreak"}, "jti"),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidGrant, match=says):
        check(assertion(changes))


def test_an_assertion_signed_with_another_secret_is_refused() -> None:
    with pytest.raises(InvalidGrant, match="not signed"):
        check(assertion(secret="t" * 43))


def test_an_assertion_must_use_the_one_algorithm() -> None:
    with pytest.raises(InvalidGrant, match="not signed"):
        check(pyjwt.encode(GOOD, "", algorithm="none"))
    with pytest.raises(InvalidGrant, match="not signed"):
        check(pyjwt.encode(GOOD, SECRET + SECRET, algorithm="HS512"))


@pytest.mark.parametrize("junk", ["", "..", "a.b.c", "\x00", "é.é.é", "[" * 5000])
def test_a_junk_assertion_is_refused(junk: str) -> None:
    with pytest.raises(InvalidGrant, match="not signed"):
        check(junk)
