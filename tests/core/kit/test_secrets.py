"""Tokens and their keyed hashes."""

from core.kit.secrets import equal, keyed_hash, random_token


def test_a_token_is_as_long_as_asked_and_easy_to_read_out() -> None:
    token = random_token(200)

    assert len(token) == 200
    assert token.isalnum()
    assert not set(token) & set("0O1lI")


def test_tokens_differ() -> None:
    assert len({random_token() for _ in range(100)}) == 100


def test_a_keyed_hash_depends_on_value_and_pepper() -> None:
    hashes = {
        keyed_hash("a", pepper=b"one"),
        keyed_hash("a", pepper=b"two"),
        keyed_hash("b", pepper=b"one"),
    }

    assert len(hashes) == 3
    assert keyed_hash("a", pepper=b"one") in hashes


def test_a_keyed_hash_is_hmac_sha256_in_hex() -> None:
    expected = "5260922efe2194744e025053659f5d93637824b16882d2ccef01f267209aa6e1"

    assert keyed_hash("value", pepper=b"pepper") == expected


def test_secrets_compare_by_value() -> None:
    assert equal("schlüssel", "schlüssel")
    assert not equal("schlüssel", "schlussel")
