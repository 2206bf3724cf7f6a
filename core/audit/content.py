"""What of an entry is signed, as bytes, and the keys that sign.

An entry is signed when it is written, so that a row that somebody puts into the table, or changes
before it is sealed, is found. Keys differ between schemas: a row copied from one account into
another does not verify there.
"""

import hashlib
import hmac
import json
from datetime import UTC
from typing import TYPE_CHECKING

from django.conf import settings

from core.tenancy.context import current_schema

if TYPE_CHECKING:
    from core.audit.models import AuditEntry

# Goes into the signature; a later list of fields gets the next number.
_FORMAT = 1
_KEY_ID_BYTES = 4
SIGNATURE_BYTES = 1 + _KEY_ID_BYTES + 32
CHAIN_BYTES = _KEY_ID_BYTES + 32


def content_of(entry: "AuditEntry") -> bytes:
    """Return all that an entry says, in one way only."""
    values = (
        _FORMAT,
        str(entry.pk),
        entry.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.product,
        entry.actor_kind,
        entry.actor_id,
        entry.actor_label,
        entry.on_behalf_of,
        entry.verb,
        entry.target_kind,
        entry.target_id,
        entry.target_label,
        entry.before,
        entry.after,
        sorted(str(node) for node in entry.nodes),
        entry.reason,
        entry.request_id,
        entry.address,
    )
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def signature_of(entry: "AuditEntry") -> bytes:
    """Sign an entry with the current key: format, key id, HMAC-SHA256."""
    return bytes([_FORMAT]) + mac(b"entry", content_of(entry))


def is_signed(entry: "AuditEntry") -> bool:
    """Whether an entry says what it said when it was written."""
    signature = bytes(entry.signature)
    if len(signature) != SIGNATURE_BYTES or signature[0] != _FORMAT:
        return False
    return is_mac(signature[1:], b"entry", content_of(entry))


def digest_of(entry: "AuditEntry") -> bytes:
    """Return the hash that stands for an entry in the chain; its signature is part of it."""
    return hashlib.sha256(content_of(entry) + bytes(entry.signature)).digest()


def mac(purpose: bytes, message: bytes) -> bytes:
    """Return key id and HMAC-SHA256 of a message, by the current key of this schema."""
    key = _keys()[0]
    return _key_id(key) + _hmac(key, purpose, message)


def is_mac(given: bytes, purpose: bytes, message: bytes) -> bool:
    """Whether a key of this installation, the current or a former one, made `given`."""
    return any(
        hmac.compare_digest(given, _key_id(key) + _hmac(key, purpose, message)) for key in _keys()
    )


def _hmac(key: bytes, purpose: bytes, message: bytes) -> bytes:
    of_schema = hmac.digest(key, b"audit|" + current_schema().encode(), "sha256")
    return hmac.digest(of_schema, purpose + b"|" + message, "sha256")


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"audit key id|" + key).digest()[:_KEY_ID_BYTES]


def _keys() -> tuple[bytes, ...]:
    keys: tuple[bytes, ...] = settings.AUDIT_KEYS
    return keys
