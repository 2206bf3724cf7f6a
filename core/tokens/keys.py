"""Public keys that client apps sign their assertions with."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from core.kit.problems import InvalidInput

# Such a key has about 120 characters; much more is none.
_LONGEST = 1_000


def checked(text: str) -> str:
    """Return a key as we keep it, or nothing for nothing.

    Raises:
        InvalidInput: it is no public Ed25519 key in PEM.
    """
    text = text.strip()
    if not text:
        return ""
    key = read(text) if len(text) <= _LONGEST else None
    if key is None:
        detail = "Paste a public Ed25519 key in PEM, from BEGIN PUBLIC KEY to END PUBLIC KEY."
        raise InvalidInput(
            detail, errors=[{"pointer": "/public_key", "code": "key", "detail": detail}]
        )
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def read(text: str) -> Ed25519PublicKey | None:
    """Return the key that a text holds, or None."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PublicKey) else None
