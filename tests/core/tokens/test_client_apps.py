"""Client apps: their secret is shown once, and stops when somebody says so."""

from datetime import UTC, datetime, timedelta

import jwt as pyjwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from core.audit.models import AuditEntry
from core.kit.problems import InvalidInput, NotFound
from core.tenancy.context import in_account
from core.tenancy.policy import policy_version
from core.tokens import selectors, services
from core.tokens.errors import ClientAppRevoked, InvalidClient, InvalidGrant, UnauthorizedClient
from core.tokens.models import ClientApp, UsedAssertion
from core.tokens.services import AppWithSecret
from core.vault.models import SealedSecret
from tenants.models import Account
from tests.cast import TESTS
from tests.threads import run_together

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
URL = "http://acme.localhost/api/auth/v1/token"


@pytest.fixture
def client(in_acme: Account) -> AppWithSecret:
    return services.create_client_app(
        product="copilot", name="alchemi-web", act_for_members=True, actor=TESTS
    )


def authenticates(client: AppWithSecret) -> bool:
    try:
        services.authenticate_client(client_id=client.app.client_id, client_secret=client.secret)
    except InvalidClient:
        return False
    return True


def assertion(client: AppWithSecret, *, jti: str = "one") -> str:
    claims = {
        "iss": client.app.client_id,
        "sub": "mia@acme.example",
        "aud": URL,
        "exp": int(datetime.now(UTC).timestamp()) + 30,
        "jti": jti,
    }
    return pyjwt.encode(claims, client.secret, algorithm="HS256")


def redeem(client: AppWithSecret, token: str) -> str:
    return services.redeem_assertion(client=client, assertion=token, audiences={URL})


def key_pair() -> tuple[Ed25519PrivateKey, str]:
    """Return a key and its public half in PEM."""
    key = Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key, pem.decode()


# -- life of an app --------------------------------------------------------------------------------


def test_a_new_app_authenticates_with_the_secret_that_was_shown(client: AppWithSecret) -> None:
    assert authenticates(client)
    assert client.app.scopes == ["gateway", "runtime"]
    assert len(client.secret) == 43


def test_the_secret_is_sealed_and_stands_nowhere_else(client: AppWithSecret) -> None:
    sealed = SealedSecret.objects.get(table="tokens_clientapp", row=str(client.app.pk))
    entry = AuditEntry.objects.get(verb="client_app.created")

    assert client.secret.encode() not in bytes(sealed.ciphertext)
    assert client.secret not in str(entry.after)
    assert client.secret not in repr(client)


def test_creation_is_audited_with_what_was_given(client: AppWithSecret) -> None:
    entry = AuditEntry.objects.get(verb="client_app.created")

    assert entry.sentence == "The tests created the client app alchemi-web"
    assert entry.product == "copilot"
    assert entry.after == {
        "client_id": client.app.client_id,
        "scopes": ["gateway", "runtime"],
        "act_for_members": True,
    }


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "bell\x07", "null\x00"])
def test_a_name_that_cannot_be_is_refused(in_acme: Account, name: str) -> None:
    with pytest.raises(InvalidInput):
        services.create_client_app(product="copilot", name=name, actor=TESTS)


@pytest.mark.parametrize("scopes", [(), ("everything",), ("gateway", "root")])
def test_scopes_that_do_not_exist_are_refused(in_acme: Account, scopes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        services.create_client_app(product="copilot", name="x", scopes=scopes, actor=TESTS)


def test_a_wrong_secret_or_id_is_refused_alike(client: AppWithSecret) -> None:
    with pytest.raises(InvalidClient) as wrong_secret:
        services.authenticate_client(client_id=client.app.client_id, client_secret="wrong")
    with pytest.raises(InvalidClient) as wrong_id:
        services.authenticate_client(client_id="app_nobody", client_secret=client.secret)

    assert wrong_secret.value.detail == wrong_id.value.detail


def test_an_app_of_one_account_is_unknown_in_another(
    client: AppWithSecret, globex: Account
) -> None:
    with in_account(globex):
        assert not authenticates(client)


def test_rotation_ends_the_former_secret_at_once(client: AppWithSecret) -> None:
    fresh = services.rotate_client_secret(app=client.app, actor=TESTS)

    assert authenticates(fresh)
    assert not authenticates(client)
    assert AuditEntry.objects.filter(verb="client_app.secret_rotated").count() == 1


def test_revocation_is_final_and_moves_the_policy(client: AppWithSecret) -> None:
    before = policy_version()

    services.revoke_client_app(app=client.app, reason="Left", actor=TESTS)

    assert not authenticates(client)
    assert policy_version() == before + 1
    assert not SealedSecret.objects.filter(row=str(client.app.pk)).exists()
    assert selectors.active_client_app(client.app.client_id) is None
    assert AuditEntry.objects.get(verb="client_app.revoked").reason == "Left"
    for again in (
        lambda: services.revoke_client_app(app=client.app, actor=TESTS),
        lambda: services.rotate_client_secret(app=client.app, actor=TESTS),
        lambda: services.set_act_for_members(app=client.app, is_allowed=True, actor=TESTS),
    ):
        with pytest.raises(ClientAppRevoked):
            again()


def test_acting_for_members_is_allowed_and_forbidden_with_an_entry_each(
    client: AppWithSecret,
) -> None:
    before = policy_version()

    services.set_act_for_members(app=client.app, is_allowed=False, actor=TESTS)
    services.set_act_for_members(app=client.app, is_allowed=False, actor=TESTS)
    services.set_act_for_members(app=client.app, is_allowed=True, actor=TESTS)

    assert policy_version() == before + 2
    assert AuditEntry.objects.filter(verb="client_app.forbidden_to_act").count() == 1
    assert AuditEntry.objects.filter(verb="client_app.allowed_to_act").count() == 1


def test_renaming_keeps_the_credentials(client: AppWithSecret) -> None:
    services.rename_client_app(app=client.app, name="  alchemi   web ", actor=TESTS)

    assert ClientApp.objects.get().name == "alchemi web"
    assert authenticates(client)


def test_use_is_noted_once_a_minute(client: AppWithSecret) -> None:
    with time_machine.travel(AT, tick=False):
        authenticates(client)
    with time_machine.travel(AT + timedelta(seconds=59), tick=False):
        authenticates(client)
        assert ClientApp.objects.get().last_used_at == AT
    with time_machine.travel(AT + timedelta(seconds=61), tick=False):
        authenticates(client)
        assert ClientApp.objects.get().last_used_at == AT + timedelta(seconds=61)


def test_apps_are_listed_by_product_and_found_by_id(client: AppWithSecret) -> None:
    assert list(selectors.client_apps("copilot")) == [client.app]
    assert not selectors.client_apps("console").exists()
    assert selectors.client_app_named("copilot", client.app.pk) == client.app
    for product, key in (("console", client.app.pk), ("copilot", "junk")):
        with pytest.raises(NotFound):
            selectors.client_app_named(product, key)


# -- assertions ------------------------------------------------------------------------------------


def test_an_assertion_is_redeemed_once(client: AppWithSecret) -> None:
    token = assertion(client)

    assert redeem(client, token) == "mia@acme.example"
    with pytest.raises(InvalidGrant, match="used before"):
        redeem(client, token)


def test_two_apps_may_use_the_same_jti(client: AppWithSecret) -> None:
    other = services.create_client_app(
        product="copilot", name="other", act_for_members=True, actor=TESTS
    )

    assert redeem(client, assertion(client)) == redeem(other, assertion(other))


def test_an_app_that_may_not_act_redeems_nothing(client: AppWithSecret) -> None:
    services.set_act_for_members(app=client.app, is_allowed=False, actor=TESTS)
    client.app.refresh_from_db()

    with pytest.raises(UnauthorizedClient):
        redeem(client, assertion(client))
    assert not UsedAssertion.objects.exists()


def test_the_sweep_forgets_what_could_not_be_used_again(client: AppWithSecret) -> None:
    with time_machine.travel(AT, tick=False):
        token = assertion(client)
        redeem(client, token)
        assert services.sweep_used_assertions() == 0
    with time_machine.travel(AT + timedelta(hours=1, minutes=1), tick=False):
        assert services.sweep_used_assertions() == 1
        with pytest.raises(InvalidGrant, match="expired"):
            redeem(client, token)


@pytest.mark.race
def test_of_many_at_once_one_redeems_an_assertion(
    transactional_accounts: None, acme: Account
) -> None:
    with in_account(acme):
        client = services.create_client_app(
            product="copilot", name="web", act_for_members=True, actor=TESTS
        )
        token = assertion(client)

    def attempt() -> str:
        with in_account(acme):
            return redeem(client, token)

    answers = run_together([attempt] * 8)

    assert answers.count("mia@acme.example") == 1
    assert sum(isinstance(answer, InvalidGrant) for answer in answers) == 7


def test_an_app_signs_with_a_key_of_its_own_as_long_as_it_is_registered(
    client: AppWithSecret,
) -> None:
    key, public = key_pair()
    claims = pyjwt.decode(assertion(client), options={"verify_signature": False})
    before = pyjwt.encode({**claims, "jti": "before"}, key, algorithm="EdDSA")
    during = pyjwt.encode({**claims, "jti": "during"}, key, algorithm="EdDSA")

    with pytest.raises(InvalidGrant):
        redeem(client, before)
    client.app.public_key = services.set_public_key(
        app=client.app, public_key=f"  {public}\n", actor=TESTS
    ).public_key
    assert redeem(client, during) == "mia@acme.example"
    services.set_public_key(app=client.app, public_key="", actor=TESTS)

    verbs = AuditEntry.objects.filter(verb__startswith="client_app.key").order_by("created_at")
    assert [entry.verb for entry in verbs] == ["client_app.key_set", "client_app.key_removed"]


@pytest.mark.parametrize("text", ["x", "-----BEGIN PUBLIC KEY-----", "ssh-ed25519 AAAA", "x" * 999])
def test_what_is_no_key_is_refused(client: AppWithSecret, text: str) -> None:
    with pytest.raises(InvalidInput, match="public Ed25519 key"):
        services.set_public_key(app=client.app, public_key=text, actor=TESTS)


def test_a_private_key_is_not_kept(client: AppWithSecret) -> None:
    key, _ = key_pair()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    with pytest.raises(InvalidInput):
        services.set_public_key(app=client.app, public_key=pem, actor=TESTS)
