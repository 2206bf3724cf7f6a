"""The platform's key: made once, sealed, rotated without a gap."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.core.management import call_command

from core.audit.models import AuditEntry
from core.tenancy.context import in_account, in_public
from core.tokens.errors import InvalidToken
from core.tokens.issuing import gateway_audience, issue_user_token, read_token
from core.tokens.jwt import SigningMaterial
from core.vault.models import SealedSecret
from tenants.models import Account, SigningKey
from tenants.services.signing import PlatformKeyRing, key_ring, rotate_signing_key
from tests.cast import TESTS
from tests.threads import run_together

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def a_token(account: Account) -> str:
    return issue_user_token(
        account=account,
        product="copilot",
        user_id=UUID(int=2),
        member_id=UUID(int=3),
        team_id=None,
        scopes=frozenset({"gateway"}),
        policy_version=1,
        meant_for=(gateway_audience(),),
    ).value


def published() -> list[str]:
    return [key["kid"] for key in PlatformKeyRing().jwks()["keys"]]


def test_the_first_use_makes_the_key_and_later_uses_find_it(db: None) -> None:
    first, second = PlatformKeyRing().signing_key(), PlatformKeyRing().signing_key()

    assert first.kid == second.kid
    assert SigningKey.objects.count() == 1
    assert published() == [first.kid]


def test_a_public_key_has_no_private_half_in_it(db: None) -> None:
    (key,) = PlatformKeyRing().jwks()["keys"]

    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}


def test_the_private_half_is_sealed_in_the_public_schema(in_acme: Account) -> None:
    key = PlatformKeyRing().signing_key()

    assert not SealedSecret.objects.filter(row=key.kid).exists()
    with in_public():
        sealed = SealedSecret.objects.get(row=key.kid)
        stored = SigningKey.objects.get().public_jwk
    assert b"PRIVATE" not in bytes(sealed.ciphertext)
    assert "d" not in stored


def test_the_key_works_from_inside_any_account(acme: Account, globex: Account) -> None:
    with in_account(acme):
        token = a_token(acme)

    with in_account(globex):
        assert read_token(token, audience=gateway_audience()).account == "acme"


def test_tokens_of_a_retired_key_stay_valid_for_their_last_minutes(acme: Account) -> None:
    with time_machine.travel(AT, tick=False):
        token = a_token(acme)
        old = published()
        rotate_signing_key(actor=TESTS)
    with time_machine.travel(AT + timedelta(minutes=4, seconds=59), tick=False):
        assert read_token(token, audience=gateway_audience()).account == "acme"
        assert len(published()) == 2
    with time_machine.travel(AT + timedelta(minutes=10), tick=False):
        assert set(published()).isdisjoint(old)


def test_a_new_token_is_signed_with_the_new_key(acme: Account) -> None:
    before = key_ring.signing_key().kid

    key = rotate_signing_key(actor=TESTS)

    assert key_ring.signing_key().kid == str(key.pk)
    assert before != str(key.pk)
    assert read_token(a_token(acme), audience=gateway_audience()).account == "acme"


def test_tokens_of_a_leaked_key_are_refused(acme: Account) -> None:
    token = a_token(acme)
    leaked = published()

    rotate_signing_key(actor=TESTS, refuse_old_tokens=True)

    assert set(published()).isdisjoint(leaked)
    with pytest.raises(InvalidToken):
        read_token(token, audience=gateway_audience())


def test_a_leaked_key_is_dropped_even_if_it_was_retired_before(acme: Account) -> None:
    token = a_token(acme)
    rotate_signing_key(actor=TESTS)

    rotate_signing_key(actor=TESTS, refuse_old_tokens=True)

    with pytest.raises(InvalidToken):
        read_token(token, audience=gateway_audience())


def test_rotation_is_audited_in_public(db: None) -> None:
    call_command("rotate_signing_key")

    entry = AuditEntry.objects.filter(verb="signing_key.rotated").latest("created_at")
    assert entry.sentence == "rotate_signing_key replaced the key that signs tokens"


@pytest.mark.race
def test_processes_that_start_together_make_one_key(transactional_accounts: None) -> None:
    rings = [PlatformKeyRing() for _ in range(6)]

    keys = run_together([ring.signing_key for ring in rings])

    assert len({key.kid for key in keys if isinstance(key, SigningMaterial)}) == 1
    assert all(isinstance(key, SigningMaterial) for key in keys)
    with in_public():
        assert SigningKey.objects.count() == 1


@pytest.mark.race
def test_a_process_keeps_the_key_and_asks_again_for_one_it_does_not_know(
    transactional_accounts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = PlatformKeyRing()
    first = ring.signing_key().kid
    key = rotate_signing_key(actor=TESTS)

    assert ring.signing_key().kid == first
    assert ring.public_key(str(key.pk)) is None
    monkeypatch.setattr("tenants.services.signing._LOOK_AGAIN_SECONDS", -1.0)
    assert ring.public_key(str(key.pk)) is not None
