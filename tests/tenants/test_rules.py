"""What may be a short name, a factor, a price."""

from decimal import Decimal

import pytest

from tenants import rules


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Robotics", "acme-robotics"),
        ("Northwind Traders GmbH", "northwind-traders"),
        ("Müller & Söhne AG", "muller-sohne"),
        ("O'Neil Inc.", "oneil"),
        ("AG", "ag"),
        ("  ---  ", ""),
        ("東京", ""),
        ("x" * 60, "x" * 40),
    ],
)
def test_a_name_suggests_a_short_name(name: str, slug: str) -> None:
    assert rules.slug_of(name) == slug


def test_a_taken_short_name_gets_a_number() -> None:
    taken = {"acme", "acme-2"}

    assert rules.free_slug("acme", is_free=lambda slug: slug not in taken) == "acme-3"


def test_a_numbered_short_name_keeps_to_the_length() -> None:
    long = "x" * 40

    assert rules.free_slug(long, is_free=lambda slug: slug != long) == "x" * 38 + "-2"


@pytest.mark.parametrize("slug", ["", "Upper", "a b", "-a", "a-", "ä", "a" * 41, "a.b", "a_b"])
def test_a_short_name_fits_a_host_name(slug: str) -> None:
    assert not rules.is_slug(slug)


@pytest.mark.parametrize(
    ("factor", "is_one"),
    [
        ("100", True),
        ("0.000001", True),
        ("999999.999999", True),
        ("0", False),
        ("-1", False),
        ("1000000", False),
        ("0.0000001", False),
        ("NaN", False),
        ("Infinity", False),
    ],
)
def test_a_factor_is_positive_and_fits_its_column(factor: str, is_one: bool) -> None:
    assert rules.is_credit_factor(Decimal(factor)) is is_one


@pytest.mark.parametrize(
    ("price", "is_one"),
    [("0", True), ("0.042", True), ("-0.01", False), ("1000001", False), ("1e-7", False),
     ("NaN", False), ("-Infinity", False)],
)  # fmt: skip
def test_a_price_fits_its_column(price: str, is_one: bool) -> None:
    assert rules.is_price(Decimal(price)) is is_one


def test_only_places_are_time_zones() -> None:
    assert rules.is_time_zone("Europe/Berlin")
    assert rules.is_time_zone("UTC")
    assert not rules.is_time_zone("Etc/GMT+5")
    assert not rules.is_time_zone("Mars/Olympus")


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "https://me:secret@host/v1", "https://[", "llm.example.com"]
)
def test_an_address_is_one_and_holds_no_password(url: str) -> None:
    assert rules.llm_fault("api_base", url)


def test_an_address_of_an_own_deployment_is_right() -> None:
    assert not rules.llm_fault("api_base", "http://10.0.0.4:8000/v1")
    assert not rules.llm_fault("api_base", "")


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 81, "gpt\n5", "<b>"])
def test_the_name_of_an_llm_is_one_word(name: str) -> None:
    assert rules.llm_fault("name", name)


@pytest.mark.parametrize(
    ("name", "pattern", "is_named"),
    [
        ("openai/gpt-5-mini", "openai/gpt-5*", True),
        ("openai/gpt-5", "openai/gpt-5*", True),
        ("openai/gpt-4o", "openai/gpt-5*", False),
        ("openai/my-gpt-5", "openai/gpt-5*", False),
        ("openai/gpt-5", "*", True),
        # A point is a point.
        ("openai/gptX5", "openai/gpt.5", False),
    ],
)
def test_a_star_stands_for_any_characters(name: str, pattern: str, is_named: bool) -> None:
    assert rules.is_named_by(name, pattern) is is_named
