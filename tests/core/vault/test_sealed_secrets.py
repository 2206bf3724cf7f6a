"""Sealed secrets open only where they belong, and show themselves nowhere."""

import pytest
from django.db import connection
from pytest_django import Settings

from core.kit.ids import uuid7
from core.tenancy.context import in_account, in_public
from core.vault.models import DataKey, SealedSecret
from core.vault.services import Secret, SecretUnreadable, erase, open_secret, seal
from tenants.models import Account

ROW = uuid7()
CANARY = "sk-live-4f9a7c1e8b2d6053"


def _seal(value: str = CANARY, *, row: object = ROW, column: str = "api_key") -> SealedSecret:
    return seal(table="things", row=str(row), column=column, value=value, sealed_by="Ada")


def _open(*, row: object = ROW, column: str = "api_key") -> Secret | None:
    return open_secret(table="things", row=str(row), column=column)


def test_a_sealed_secret_opens_where_it_belongs(in_acme: Account) -> None:
    _seal()

    opened = _open()

    assert opened is not None
    assert opened.value == CANARY


def test_where_nothing_was_sealed_there_is_nothing(in_acme: Account) -> None:
    _seal()

    assert _open(column="other") is None


def test_sealing_again_replaces_the_secret(in_acme: Account) -> None:
    _seal("the first of two long secrets")
    _seal("the second of two long secrets")

    opened = _open()

    assert opened is not None
    assert opened.value == "the second of two long secrets"
    assert SealedSecret.objects.count() == 1


def test_the_database_holds_nothing_of_the_secret_but_its_end(in_acme: Account) -> None:
    _seal()

    with connection.cursor() as cursor:
        cursor.execute("SELECT vault_sealedsecret::text FROM vault_sealedsecret")
        row = cursor.fetchone()[0]

    assert CANARY[:-4] not in row
    assert CANARY[:-4].encode().hex() not in row
    assert "6053" in row


def test_a_short_secret_shows_no_end(in_acme: Account) -> None:
    assert _seal("hunter2").last_four == ""


def test_an_opened_secret_does_not_print_itself() -> None:
    secret = Secret(CANARY)

    assert CANARY not in f"{secret} {secret!r} {[secret]}"


def test_the_same_secret_seals_differently_each_time(in_acme: Account) -> None:
    once, again = _seal(row="1"), _seal(row="2")

    assert bytes(once.ciphertext) != bytes(again.ciphertext)
    assert bytes(once.nonce) != bytes(again.nonce)


@pytest.mark.parametrize("field", ["table", "row", "column"])
def test_a_secret_moved_to_another_place_does_not_open(in_acme: Account, field: str) -> None:
    _seal()
    place = {"table": "things", "row": str(ROW), "column": "api_key", field: "elsewhere"}

    SealedSecret.objects.update(**{field: "elsewhere"})

    with pytest.raises(SecretUnreadable):
        open_secret(**place)


def test_a_secret_copied_into_another_account_does_not_open(acme: Account, globex: Account) -> None:
    with in_account(acme):
        _seal()
    with connection.cursor() as cursor:
        for table in ("vault_datakey", "vault_sealedsecret"):
            cursor.execute(
                f"INSERT INTO {globex.schema_name}.{table} SELECT * FROM {acme.schema_name}.{table}"
            )

    with in_account(globex), pytest.raises(SecretUnreadable):
        _open()


def test_each_account_has_a_key_of_its_own(acme: Account, globex: Account) -> None:
    keys = []
    for account in (acme, globex):
        with in_account(account):
            _seal()
            keys.append(bytes(DataKey.objects.get().wrapped))

    assert keys[0] != keys[1]


def test_the_public_schema_seals_too(any_database: None) -> None:
    with in_public():
        _seal()

        opened = _open()

    assert opened is not None
    assert opened.value == CANARY


def test_another_key_in_the_environment_is_named_as_the_reason(
    in_acme: Account, settings: Settings
) -> None:
    _seal()

    settings.VAULT_KEY = b"x" * 32

    with pytest.raises(SecretUnreadable, match="COCKPIT_VAULT_KEY"):
        _open()


def test_a_tampered_ciphertext_does_not_open(in_acme: Account) -> None:
    sealed = _seal()
    flipped = bytearray(sealed.ciphertext)
    flipped[0] ^= 1

    SealedSecret.objects.update(ciphertext=bytes(flipped))

    with pytest.raises(SecretUnreadable) as caught:
        _open()
    assert CANARY not in str(caught.value)


def test_an_erased_secret_is_gone(in_acme: Account) -> None:
    _seal()

    erase(table="things", row=ROW, column="api_key")

    assert _open() is None


@pytest.mark.parametrize("value", ["", "ä" * 5000, "\x00", "🔑"])
def test_any_text_can_be_sealed(in_acme: Account, value: str) -> None:
    _seal(value)

    opened = _open()

    assert opened is not None
    assert opened.value == value
