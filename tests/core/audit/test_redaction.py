"""What is declared, named or built like a secret never reaches the trail."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from core.audit import verbs
from core.audit.models import AuditEntry
from core.audit.redaction import REDACTED, names_a_secret, plain, redacted, without_secrets
from core.audit.services import Actor, record
from tenants.models import Account

TUNED = verbs.register("test.tuned", "{actor} tuned {target}", secrets=("melody",))
KEY = "ck_acme_9fH2kLmNpQrStUvWxYz23456789ABCDEFGH"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtaWEifQ.c2lnbmF0dXJlLWJ5dGVz"


@pytest.mark.parametrize(
    "name",
    [
        "secret",
        "client_secret",
        "clientSecret",
        "Password",
        "new-password",
        "api_key",
        "apiKey",
        "API key",
        "private_key",
        "access_token",
        "refresh token",
        "token",
        "credentials",
        "authorization",
        "key_material",
        "recovery_codes",
    ],
)
def test_a_name_that_promises_a_secret_is_believed(name: str) -> None:
    assert names_a_secret(name)
    assert redacted({name: "opensesame"}) == {name: REDACTED}
    assert redacted({"deep": [{name: "opensesame"}]}) == {"deep": [{name: REDACTED}]}


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "key",
        "key_id",
        "max_output_tokens",
        "tokens_per_minute",
        "token_limit",
        "secret_set_at",
        "credential_kind",
        "secret_last_four",
        "author",
        "keyboard",
        "",
    ],
)
def test_a_name_that_is_only_about_secrets_is_not(name: str) -> None:
    assert not names_a_secret(name)


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        JWT,
        "sk-proj-abcdefghijklmnop1234",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz123456",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
    ],
)
def test_a_value_that_looks_like_a_secret_is_replaced_wherever_it_stands(secret: str) -> None:
    assert without_secrets(f"the key {secret} leaked") == f"the key {REDACTED} leaked"
    assert redacted({"note": {"text": [secret]}}) == {"note": {"text": [REDACTED]}}


def test_a_password_in_a_url_and_a_bearer_token_are_replaced() -> None:
    url = "https://ada:opensesame@example.com/v1?token=abc123&page=2"

    assert without_secrets(url) == f"https://{REDACTED}@example.com/v1?token={REDACTED}&page=2"
    assert "opensesame1234" not in without_secrets("Authorization: Bearer opensesame1234")


@pytest.mark.parametrize(
    "text", ["ck", "the task_force", "skill", "ada@acme.example", "https://example.com/a:b@c", "–"]
)
def test_plain_words_stay(text: str) -> None:
    assert without_secrets(text) == text


def test_whether_there_is_a_secret_is_no_secret() -> None:
    values = {"password": None, "secret": True, "token": "", "credentials": {"kind": "oauth"}}

    assert redacted(values) == values


def test_no_part_of_an_entry_holds_a_secret(in_acme: Account) -> None:
    with transaction.atomic():
        entry = record(
            actor=Actor("key", "1", f"key {KEY}", on_behalf_of=JWT),
            verb=TUNED,
            target=("lamp", "1", f"lamp {KEY}"),
            before={"melody": "opensesame", "note": f"was {KEY}"},
            after={"melody": {"a": "opensesame"}, "apiKey": "opensesame", "list": [JWT]},
            reason=f"x{'y' * 480} {KEY}",
        )

    kept = json.dumps(AuditEntry.objects.filter(pk=entry.pk).values().get(), default=str)
    assert "opensesame" not in kept
    assert "ck_acme" not in kept
    assert JWT[:20] not in kept


def test_values_read_back_as_they_were_signed(in_acme: Account) -> None:
    values: dict[str, Any] = {
        "when": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "id": UUID(int=7),
        "amount": Decimal("1.50"),
        "share": 1e22,
        "nul": "a\x00b\ud800",
        "set": {"b", "a"},
        "deep": {"list": [1, None, True]},
        5: "number",  # type: ignore[dict-item]
    }
    with transaction.atomic():
        entry = record(
            actor=Actor("user", "1", "A\x00da"), verb=TUNED, target=("l", "1", "l"), after=values
        )

    kept = AuditEntry.objects.get(pk=entry.pk)
    assert kept.after is not None
    assert kept.after == entry.after == plain(values)
    assert kept.after["set"] == ["a", "b"]
    assert kept.after["nul"] == "ab?"
    assert kept.actor_label == "Ada"
