"""Where the platform's signing key comes from: a port, filled at start-up by `tenants`.

The key lives in the public schema, which nothing in the core knows.
"""

from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.tokens.jwt import SigningMaterial


class KeyRing(Protocol):
    """The one rotating key that signs tokens, and every public half that still counts."""

    def signing_key(self) -> SigningMaterial:
        """Return the key in force."""

    def public_key(self, kid: str) -> Ed25519PublicKey | None:
        """Return the public half of a key whose tokens may still be valid."""

    def jwks(self) -> dict[str, Any]:
        """Return all such public halves as a JSON Web Key Set (RFC 7517)."""


_rings: list[KeyRing] = []


def use_key_ring(ring: KeyRing) -> None:
    """Set the platform's key ring. Called once, when the apps are ready."""
    _rings[:] = [ring]


def key_ring() -> KeyRing:
    """Return the platform's key ring."""
    assert _rings, "tenants.apps sets the key ring at start-up."
    return _rings[0]
