"""Random keys, keyed hashes and constant-time comparison."""

import hashlib
import hmac
import secrets

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"


def random_token(length: int = 40) -> str:
    """Return `length` random letters and digits (5.8 bits each), none of them easily confused."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def keyed_hash(value: str, *, pepper: bytes) -> str:
    """Return the HMAC-SHA256 of a high-entropy token, in hex; stored instead of the token."""
    return hmac.new(pepper, value.encode(), hashlib.sha256).hexdigest()


def equal(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())
