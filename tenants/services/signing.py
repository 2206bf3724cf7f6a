"""The platform's Ed25519 key for tokens: made at first use, sealed, rotated, published."""

import base64
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.db import connection, transaction
from django.db.models import Q

from core.audit import verbs
from core.audit.services import Actor, record
from core.kit.clock import now
from core.tenancy.context import in_public
from core.tokens.jwt import LIFETIME, SigningMaterial
from core.vault import services as vault
from tenants.models import SigningKey

_TABLE, _COLUMN = "tenants_signingkey", "private_key"
# So long may a process sign with a key that another process has just retired.
CACHE_SECONDS = 60
# Only then has the last token of a retired key expired, with time to spare for slow clocks.
_GRACE = LIFETIME + timedelta(seconds=2 * CACHE_SECONDS)
# A made-up key id makes us look for a new key, but not more often than this.
_LOOK_AGAIN_SECONDS = 5.0
# Any constant serves; it keeps two processes from making the first key at once.
_LOCK = 7_045_001

KEY_ROTATED = verbs.register(
    "signing_key.rotated", "{actor} replaced the key that signs tokens", icon="autorenew"
)


def rotate_signing_key(*, actor: Actor, refuse_old_tokens: bool = False) -> SigningKey:
    """Sign with a new key from now on; other processes follow within a minute.

    Tokens of the old key stay valid for the minutes they have left. With `refuse_old_tokens`,
    for a key that has leaked, they are refused as soon as each process notices.
    """
    with in_public(), transaction.atomic():
        _lock()
        moment = now()
        retired_at = moment - _GRACE if refuse_old_tokens else moment
        SigningKey.objects.filter(retired_at=None).update(retired_at=retired_at)
        if refuse_old_tokens:
            SigningKey.objects.filter(retired_at__gt=retired_at).update(retired_at=retired_at)
        key = _create(actor)
    key_ring.forget()
    return key


@dataclass(frozen=True, slots=True)
class _Loaded:
    signing: SigningMaterial
    public: Mapping[str, Ed25519PublicKey]
    jwks: Mapping[str, Any]
    loaded_at: float


@dataclass(slots=True)
class PlatformKeyRing:
    """The keys as this process knows them: at most a minute old, so that no call waits for them."""

    _loaded: _Loaded | None = None
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def signing_key(self) -> SigningMaterial:
        """Return the key in force; the first call of an installation makes it."""
        return self._fresh(CACHE_SECONDS).signing

    def public_key(self, kid: str) -> Ed25519PublicKey | None:
        """Return the public half of a key whose tokens may still be valid."""
        known = self._fresh(CACHE_SECONDS).public.get(kid)
        return known or self._fresh(_LOOK_AGAIN_SECONDS).public.get(kid)

    def jwks(self) -> dict[str, Any]:
        """Return every public half that still counts, as a JSON Web Key Set."""
        return dict(self._fresh(CACHE_SECONDS).jwks)

    def forget(self) -> None:
        """Read the keys afresh at the next use."""
        self._loaded = None

    def _fresh(self, seconds: float) -> _Loaded:
        with self._mutex:
            loaded = self._loaded
            if loaded is None or loaded.loaded_at + seconds < time.monotonic():
                loaded = _load()
                # A rollback could take a key away that this process would go on using.
                self._loaded = None if connection.in_atomic_block else loaded
            return loaded


key_ring = PlatformKeyRing()


def _load() -> _Loaded:
    with in_public():
        current = SigningKey.objects.filter(retired_at=None).first() or _first_key()
        secret = vault.open_secret(table=_TABLE, row=current.pk, column=_COLUMN)
        rows = list(_counting(now()))
    assert secret is not None, "A signing key is created together with its sealed half."
    private = serialization.load_pem_private_key(secret.value.encode(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    return _Loaded(
        signing=SigningMaterial(str(current.pk), private),
        public={str(row.pk): _public_key_of(row.public_jwk) for row in rows},
        jwks={"keys": [row.public_jwk for row in rows]},
        loaded_at=time.monotonic(),
    )


def _counting(moment: datetime) -> Any:
    return SigningKey.objects.filter(Q(retired_at=None) | Q(retired_at__gt=moment - _GRACE))


def _first_key() -> SigningKey:
    with transaction.atomic():
        _lock()
        # Another process may have made it while this one waited.
        return SigningKey.objects.filter(retired_at=None).first() or _create(Actor.system())


def _create(actor: Actor) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    key = SigningKey(public_jwk={})
    key.public_jwk = _jwk_of(private.public_key(), kid=str(key.pk))
    key.save()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    vault.seal(table=_TABLE, row=key.pk, column=_COLUMN, value=pem.decode(), sealed_by=actor.label)
    record(actor=actor, verb=KEY_ROTATED, target=("signing_key", key.pk, str(key.pk)))
    return key


def _jwk_of(public: Ed25519PublicKey, *, kid: str) -> dict[str, str]:
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}


def _public_key_of(jwk: Mapping[str, str]) -> Ed25519PublicKey:
    x = jwk["x"]
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
