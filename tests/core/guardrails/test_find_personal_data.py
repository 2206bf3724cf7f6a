"""The PII preset: what it finds, what it leaves alone, and how it behaves under attack."""

import socket

import pytest

from core.guardrails.errors import InvalidGuardrail
from core.guardrails.presets import preset_for
from core.guardrails.presets.pii import DEFAULT_ENTITIES, PersonalData

PII = PersonalData()


def found(text: str, **settings: object) -> list[tuple[str, str]]:
    return [(each.label, text[each.start : each.end]) for each in PII.find(text, settings)]


@pytest.mark.parametrize(
    ("text", "label", "value"),
    [
        ("Write to ada@example.com.", "EMAIL", "ada@example.com"),
        ("Mail (bob.o'neil+x@sub.corp.internal)", "EMAIL", "bob.o'neil+x@sub.corp.internal"),
        ("Call +49 30 901820 now", "PHONE", "+49 30 901820"),
        ("Call (415) 555-2671 now", "PHONE", "(415) 555-2671"),
        ("Call 020 7946 0958 now", "PHONE", "020 7946 0958"),
        ("Pay with 4111 1111 1111 1111", "CREDIT_CARD", "4111 1111 1111 1111"),
        ("Pay with 4111-1111-1111-1111", "CREDIT_CARD", "4111-1111-1111-1111"),
        ("To DE89 3704 0044 0532 0130 00 today", "IBAN", "DE89 3704 0044 0532 0130 00"),
        ("To GB82WEST12345698765432", "IBAN", "GB82WEST12345698765432"),
        ("My number is 536-22-1234", "US_SSN", "536-22-1234"),
        ("My ssn is 536221234", "US_SSN", "536221234"),
        ("From 10.20.30.40 again", "IP_ADDRESS", "10.20.30.40"),
        ("From fe80::1ff:fe23:4567:890a", "IP_ADDRESS", "fe80::1ff:fe23:4567:890a"),
        ("Device 00:1A:2B:3C:4D:5E", "MAC_ADDRESS", "00:1A:2B:3C:4D:5E"),
        (
            "To 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
            "CRYPTO_WALLET",
            "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        ),
    ],
)
def test_finds(text: str, label: str, value: str) -> None:
    assert found(text) == [(label, value)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No numbers at all, and nobody's address.",
        "Order 12345: 3 apples, 99.5 % in 2024, v1.2.3.",
        "Pi is 3.14159265358979.",
        # The checksum is wrong.
        "Pay with 4111 1111 1111 1112",
        "Reference 536221234 without a word about it",
        "user@localhost and @handles",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert found(text) == []


def test_several_in_one_text_come_in_order() -> None:
    text = "a@b.example, 10.0.0.1 and c@d.example"

    assert [label for label, _ in found(text)] == ["EMAIL", "IP_ADDRESS", "EMAIL"]


def test_only_chosen_entities_are_looked_for() -> None:
    text = "ada@example.com at 10.0.0.1"

    assert found(text, entities=["IP_ADDRESS"]) == [("IP_ADDRESS", "10.0.0.1")]


def test_national_numbers_depend_on_the_regions() -> None:
    assert found("Call 020 7946 0958", regions=["US"]) == []
    assert found("Call 020 7946 0958", regions=["GB"]) == [("PHONE", "020 7946 0958")]


@pytest.mark.parametrize(
    "text",
    ["ada@example.com " * 3000, "see item 12 of page 7 and line 33. " * 3000],
)
def test_long_texts_are_searched_within_the_budget(text: str) -> None:
    PII.find(text, {})


@pytest.mark.slow
@pytest.mark.parametrize("text", ["1.1." * 100_000, "DE89 3704 0044 0532 0130 01 " * 10_000])
def test_crafted_text_runs_out_of_time_instead_of_passing(text: str) -> None:
    with pytest.raises(TimeoutError):
        PII.find(text, {})


@pytest.mark.parametrize("text", ["a.a." * 100_000, "@" * 200_000, "a@" * 100_000, ":" * 200_000])
def test_crafted_text_without_digits_is_cheap(text: str) -> None:
    PII.find(text, {})


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("looked up something")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)

    assert found("Write to ada@example.co.uk") == [("EMAIL", "ada@example.co.uk")]


def test_settings_are_completed() -> None:
    cleaned = PII.clean_settings({})

    assert cleaned["entities"] == list(DEFAULT_ENTITIES)
    assert "US" in cleaned["regions"]


@pytest.mark.parametrize(
    "settings",
    [
        {"entities": []},
        {"entities": "EMAIL"},
        {"entities": ["SHOE_SIZE"]},
        {"regions": ["XX"]},
        {"threshold": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidGuardrail):
        PII.clean_settings(settings)


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(InvalidGuardrail):
        preset_for("astrology")
