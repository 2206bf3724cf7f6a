"""Seal and open secrets: AES-256-GCM, a fresh nonce each, bound to the place they belong to.

The additional data names schema, table, row, column and key version, so a ciphertext that is
copied to another place, or another account, does not open.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction

from core.kit.problems import Problem
from core.tenancy.context import current_schema
from core.vault.models import DataKey, SealedSecret

_NONCE_BYTES = 12


class SecretUnreadable(Problem):
    """The secret does not open: another key is in the environment, or its row was tampered with."""

    code = "secret_unreadable"
    title = "A stored secret cannot be opened"
    status = 500


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """An opened secret. It never prints itself."""

    value: str

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


@transaction.atomic
def seal(
    *, table: str, row: UUID | str, column: str, value: str, shown: str = "", sealed_by: str = ""
) -> SealedSecret:
    """Store a secret for one column of one row of this schema; a former one is overwritten.

    `shown` is the part of it by whose end people tell it apart; without one, all of it.
    """
    key = _current_key()
    nonce = os.urandom(_NONCE_BYTES)
    place = _place(table, str(row), column, key.version)
    ciphertext = AESGCM(_unwrap(key)).encrypt(nonce, value.encode(), place)
    secret, _ = SealedSecret.objects.update_or_create(
        table=table,
        row=str(row),
        column=column,
        defaults={
            "key_version": key.version,
            "nonce": nonce,
            "ciphertext": ciphertext,
            # Four characters of a short secret would give too much of it away.
            "last_four": (shown or value)[-4:] if len(shown or value) >= 16 else "",
            "sealed_by": sealed_by,
        },
    )
    return secret


def open_secret(*, table: str, row: UUID | str, column: str) -> Secret | None:
    """Return the secret of one place, or None where none was sealed.

    Raises:
        SecretUnreadable: the ciphertext does not belong here or the key has changed.
    """
    return open_secrets(table=table, rows=[row], column=column).get(str(row))


def open_secrets(*, table: str, rows: Iterable[UUID | str], column: str) -> dict[str, Secret]:
    """Return the secrets of one column by row, for the rows that have one; two queries at most.

    Raises:
        SecretUnreadable: a ciphertext does not belong here or the key has changed.
    """
    sealed = list(
        SealedSecret.objects.filter(table=table, row__in=[str(row) for row in rows], column=column)
    )
    versions = {secret.key_version for secret in sealed}
    # No secrets is the common case of catalogues in a demo; it costs no second query.
    found = DataKey.objects.filter(version__in=versions) if versions else ()
    keys = {key.version: _unwrap(key) for key in found}
    return {secret.row: _opened(secret, keys[secret.key_version]) for secret in sealed}


def erase(*, table: str, row: UUID | str, column: str) -> None:
    """Forget the secret of one place."""
    SealedSecret.objects.filter(table=table, row=str(row), column=column).delete()


def _opened(sealed: SealedSecret, key: bytes) -> Secret:
    place = _place(sealed.table, sealed.row, sealed.column, sealed.key_version)
    try:
        plain = AESGCM(key).decrypt(bytes(sealed.nonce), bytes(sealed.ciphertext), place)
    except InvalidTag:
        detail = f"The secret of {sealed.table} {sealed.row} cannot be opened."
        raise SecretUnreadable(detail) from None
    return Secret(plain.decode())


def _current_key() -> DataKey:
    key = DataKey.objects.order_by("-version").first()
    if key is not None:
        return key
    nonce = os.urandom(_NONCE_BYTES)
    fresh = AESGCM.generate_key(256)
    wrapped = nonce + AESGCM(_wrapping_key()).encrypt(nonce, fresh, _key_place(1))
    key, _ = DataKey.objects.get_or_create(version=1, defaults={"wrapped": wrapped})
    return key


def _unwrap(key: DataKey) -> bytes:
    wrapped = bytes(key.wrapped)
    try:
        return AESGCM(_wrapping_key()).decrypt(
            wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _key_place(key.version)
        )
    except InvalidTag:
        raise SecretUnreadable(
            "COCKPIT_VAULT_KEY is not the key that the secrets were sealed with."
        ) from None


def _wrapping_key() -> bytes:
    return bytes(settings.VAULT_KEY)


def _key_place(version: int) -> bytes:
    return f"{current_schema()}|data key|{version}".encode()


def _place(table: str, row: str, column: str, version: int) -> bytes:
    return f"{current_schema()}|{table}|{row}|{column}|{version}".encode()
