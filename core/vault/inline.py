"""Secrets that a library keeps in a column of its own: sealed in place, as text.

`seal()` keeps a secret in a row of ours and binds it to that row. A library such as allauth only
offers to pass its text through two functions, so what binds here is the schema, the purpose and
the key's version: text copied to another account or another purpose does not open.
"""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.tenancy.context import current_schema
from core.vault.models import DataKey
from core.vault.services import SecretUnreadable, _current_key, _unwrap

_NONCE_BYTES = 12


def seal_text(text: str, *, purpose: str) -> str:
    """Return `text` sealed with the current schema's data key, as letters and digits."""
    key = _current_key()
    nonce = os.urandom(_NONCE_BYTES)
    place = _place(purpose, key.version)
    sealed = nonce + AESGCM(_unwrap(key)).encrypt(nonce, text.encode(), place)
    return f"v{key.version}.{base64.urlsafe_b64encode(sealed).decode()}"


def open_text(sealed: str, *, purpose: str) -> str:
    """Return what `seal_text` was given.

    Raises:
        SecretUnreadable: it was sealed elsewhere, for something else, or tampered with.
    """
    version, _, encoded = sealed.removeprefix("v").partition(".")
    try:
        key = DataKey.objects.get(version=int(version))
        raw = base64.urlsafe_b64decode(encoded)
        nonce, ciphertext = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
        place = _place(purpose, key.version)
        return AESGCM(_unwrap(key)).decrypt(nonce, ciphertext, place).decode()
    except (ValueError, binascii.Error, InvalidTag, DataKey.DoesNotExist):
        raise SecretUnreadable(f"The {purpose} cannot be opened.") from None


def _place(purpose: str, version: int) -> bytes:
    return f"{current_schema()}|{purpose}|{version}".encode()
