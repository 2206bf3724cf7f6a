"""What the gateway is told of callers and accounts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import time_machine

from cockpit.gateway_directory import PostgresDirectory
from console.models import Membership, VirtualKey
from console.services.keys import NewKey, create_key, revoke_key
from core.access.services import switch_llm_off, switch_llm_on
from core.gateway.errors import AccountSuspended
from core.gateway.ports import Principal
from core.guardrails.services import bind_guardrail, create_guardrail
from core.hierarchy import services as hierarchy
from core.hierarchy.product import Product, product_named
from core.hierarchy.seats import seat_of_user
from core.identity import services as identity
from core.identity.models import User
from core.kit.problems import NotAllowed, Unauthenticated
from core.tenancy.context import AccountRef, in_account, in_public
from core.tenancy.policy import bump_policy, policy_version
from core.tokens import services as tokens
from core.tokens.errors import InvalidToken
from core.tokens.issuing import (
    api_audience,
    gateway_audience,
    issue_service_token,
    issue_user_token,
)
from core.tokens.scopes import GATEWAY, RUNTIME
from core.tokens.services import AppWithSecret
from core.vault.models import SealedSecret
from tenants.credentials import credentials_of
from tenants.models import Account, Llm
from tenants.services.accounts import archive_account, suspend_account
from tenants.services.credits import set_credit_factor
from tenants.services.llms import create_llm, retire_llm, set_credential, set_price
from tenants.services.offers import offer_llm, withdraw_llm
from tests.cast import TEAM, TESTS

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
directory = PostgresDirectory()


# -- virtual keys ----------------------------------------------------------------------------------


@pytest.fixture
def key(acme: Account, mia: User) -> NewKey:
    with in_account(acme):
        place = Membership.objects.get(member__user=mia, is_primary=True)
        return create_key(account=acme, membership=place, name="laptop", actor=TESTS)


def test_a_key_is_its_members_place(acme: Account, mia: User, key: NewKey) -> None:
    principal = directory.principal_for_key(key.token)

    with in_account(acme):
        seat = seat_of_user(product_named("console"), mia.pk)
        version = policy_version()
    assert principal == Principal(
        account=AccountRef(acme.pk, "acme", acme.schema_name),
        product="console",
        user_id=mia.pk,
        member_id=seat.member_id,
        membership_id=seat.membership_id,
        wallet_id=seat.wallet_id,
        team_id=seat.team_id,
        organization_id=seat.organization_id,
        key_id=key.key.pk,
        label="Mia Member",
        cap_subjects=(key.key.pk, *seat.path),
        policy_version=version,
    )


def test_the_use_of_a_key_is_noted(acme: Account, key: NewKey) -> None:
    with time_machine.travel(AT, tick=False):
        directory.principal_for_key(key.token)

    with in_account(acme):
        assert VirtualKey.objects.get().last_used_at == AT


@pytest.mark.parametrize(
    "token",
    [
        "",
        "ck_",
        "ck_acme_",
        "ck_acme_short",
        "ck_acme_" + "x" * 40,
        "ck_acme_" + "x" * 4000,
        "ck_nobody_" + "x" * 40,
        "ck_ACME_" + "x" * 40,
        "ck_acme_" + "\u00e9" * 40,
        "ck_acme_" + "x" * 39 + "\n",
        "ck_acme_" + "x" * 39 + "\x00",
        "ck_a'; --_" + "x" * 40,
        "sk-openai",
    ],
)
def test_a_key_that_is_none_is_refused(acme: Account, token: str) -> None:
    with pytest.raises(Unauthenticated):
        directory.principal_for_key(token)


def test_a_key_counts_in_its_own_account_only(key: NewKey, globex: Account) -> None:
    with pytest.raises(Unauthenticated):
        directory.principal_for_key(key.token.replace("ck_acme_", "ck_globex_"))


def test_a_revoked_key_is_refused(acme: Account, key: NewKey) -> None:
    with in_account(acme):
        revoke_key(key=key.key, actor=TESTS)

    with pytest.raises(Unauthenticated, match="revoked"):
        directory.principal_for_key(key.token)


def test_a_key_ends_at_its_expiry(acme: Account, key: NewKey) -> None:
    with in_account(acme):
        VirtualKey.objects.update(expires_at=AT)

    with time_machine.travel(AT - timedelta(seconds=1), tick=False):
        assert directory.principal_for_key(key.token).expires_at == AT
    with time_machine.travel(AT, tick=False), pytest.raises(Unauthenticated, match="expired"):
        directory.principal_for_key(key.token)


def test_a_key_ends_with_its_members_seat(acme: Account, mia: User, key: NewKey) -> None:
    product = product_named("console")
    with in_account(acme):
        member = product.member._default_manager.get(user=mia)
        hierarchy.archive_member(product=product, member=member, actor=TESTS)

    with pytest.raises(NotAllowed):
        directory.principal_for_key(key.token)


def test_a_key_ends_with_its_users_login(acme: Account, mia: User, key: NewKey) -> None:
    with in_account(acme):
        identity.deactivate_user(user=mia, actor=TESTS)

    with pytest.raises(NotAllowed):
        directory.principal_for_key(key.token)


@pytest.mark.parametrize("close", [suspend_account, archive_account])
def test_a_closed_account_admits_no_key(
    acme: Account, key: NewKey, close: Callable[..., Any]
) -> None:
    with in_public():
        close(account=acme, reason="Unpaid", actor=TESTS)

    with pytest.raises(AccountSuspended):
        directory.principal_for_key(key.token)


# -- user tokens -----------------------------------------------------------------------------------


def token_for(where: Account, user: User, product: str = "copilot", **changes: Any) -> str:
    with in_account(where):
        seat = seat_of_user(product_named(product), user.pk)
        claims: dict[str, Any] = {
            "account": where,
            "product": product,
            "user_id": user.pk,
            "member_id": seat.member_id,
            "team_id": seat.team_id,
            "scopes": frozenset({GATEWAY}),
            "policy_version": 1,
            "meant_for": (gateway_audience(),),
        }
        return issue_user_token(**(claims | changes)).value


@pytest.fixture
def app(acme: Account) -> AppWithSecret:
    with in_account(acme):
        return tokens.create_client_app(
            product="copilot", name="alchemi-web", act_for_members=True, actor=TESTS
        )


def test_a_user_token_is_its_members_place_in_either_product(
    acme: Account, mia: User, product: Product
) -> None:
    with time_machine.travel(AT, tick=False):
        token = token_for(acme, mia, product.slug)
        principal = directory.principal_for_user_token(token, None)

    with in_account(acme):
        seat = seat_of_user(product, mia.pk)
    assert (principal.product, principal.user_id) == (product.slug, mia.pk)
    assert (principal.wallet_id, principal.team_id) == (seat.wallet_id, seat.team_id)
    assert principal.cap_subjects == seat.path
    assert (principal.key_id, principal.client_id) == (None, None)
    assert principal.expires_at == AT + timedelta(minutes=5)


def test_a_token_of_a_client_app_names_the_app(
    acme: Account, mia: User, app: AppWithSecret
) -> None:
    token = token_for(acme, mia, client_id=app.app.client_id)

    assert directory.principal_for_user_token(token, None).client_id == app.app.pk


def test_the_call_may_name_another_team_of_the_member(acme: Account, mia: User) -> None:
    product = product_named("copilot")
    with in_account(acme):
        organization = product.organization._default_manager.get(is_global=False)
        video = hierarchy.create_team(
            product=product, organization=organization, name="Video", actor=TESTS
        )
        hierarchy.create_team(product=product, organization=organization, name="Sales", actor=TESTS)
        hierarchy.place_member(
            product=product,
            member=product.member._default_manager.get(user=mia),
            organization=organization,
            team=video,
            actor=TESTS,
        )
    token = token_for(acme, mia)

    for name in ("Video", str(video.pk)):
        assert directory.principal_for_user_token(token, name).team_id == video.pk
    assert directory.principal_for_user_token(token, TEAM).team_id != video.pk
    for other in ("Sales", "video", "", "\x00", str(UUID(int=0))):
        with pytest.raises(NotAllowed):
            directory.principal_for_user_token(token, other)


def test_the_team_of_the_token_holds_where_the_call_names_none(acme: Account, mia: User) -> None:
    elsewhere = token_for(acme, mia, team_id=UUID(int=5))

    with pytest.raises(NotAllowed):
        directory.principal_for_user_token(elsewhere, None)


def test_a_token_that_is_not_for_the_gateway_is_refused(
    acme: Account, mia: User, app: AppWithSecret
) -> None:
    with in_account(acme):
        service = issue_service_token(
            account=acme, app=app.app, scopes=frozenset({GATEWAY}), policy_version=1
        ).value

    for token in (
        "",
        "junk",
        service,
        token_for(acme, mia, meant_for=(api_audience(),)),
    ):
        with pytest.raises(InvalidToken):
            directory.principal_for_user_token(token, None)
    with pytest.raises(NotAllowed, match="scope"):
        directory.principal_for_user_token(token_for(acme, mia, scopes=frozenset({RUNTIME})), None)


def test_a_token_whose_account_does_not_fit_is_refused(acme: Account, mia: User) -> None:
    mixed = AccountRef(acme.pk, "globex", acme.schema_name)
    nobody = AccountRef(UUID(int=7), "acme", acme.schema_name)

    for account in (mixed, nobody):
        with pytest.raises(Unauthenticated):
            directory.principal_for_user_token(token_for(acme, mia, account=account), None)


def test_what_stops_an_app_stops_the_tokens_it_obtained(
    acme: Account, mia: User, app: AppWithSecret
) -> None:
    token = token_for(acme, mia, client_id=app.app.client_id)
    with in_account(acme):
        tokens.set_act_for_members(app=app.app, is_allowed=False, actor=TESTS)

    with pytest.raises(InvalidToken):
        directory.principal_for_user_token(token, None)


def test_an_app_of_one_product_does_not_act_in_the_other(
    acme: Account, mia: User, app: AppWithSecret
) -> None:
    token = token_for(acme, mia, "console", client_id=app.app.client_id)

    with pytest.raises(InvalidToken):
        directory.principal_for_user_token(token, None)


def test_a_suspended_account_admits_no_token(acme: Account, mia: User) -> None:
    token = token_for(acme, mia)
    with in_public():
        suspend_account(account=acme, reason="Unpaid", actor=TESTS)

    with pytest.raises(AccountSuspended):
        directory.principal_for_user_token(token, None)


# -- snapshots -------------------------------------------------------------------------------------

Catalogue = Callable[..., Llm]


@pytest.fixture
def catalogue(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Add an LLM whose vendor's key is in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-vendor-key")
    settings.DEMO = False

    def add(name: str = "gpt-5", **details: Any) -> Llm:
        with in_public():
            values = {"provider": "openai", "upstream_model": f"{name}-2026", **details}
            return create_llm(
                name=name,
                title=name.upper(),
                vendor="OpenAI",
                prices={"input_usd": Decimal("1.25"), "output_usd": Decimal(10)},
                actor=TESTS,
                **values,
            )

    return add


def put_on(account: Account, llm: Llm, *products: str) -> None:
    for product in products:
        with in_public():
            offer_llm(account=account, product=product, llm=llm, actor=TESTS)
        with in_account(account):
            switch_llm_on(product=product, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)


def names_in(account: Account, product: str = "copilot") -> set[str]:
    return set(directory.snapshot(account.pk).llms[product])


def test_a_snapshot_names_factor_versions_and_state(acme: Account) -> None:
    with in_public():
        set_credit_factor(account=acme, factor=Decimal("123.5"), actor=TESTS)
    with in_account(acme):
        bump_policy()
        version = policy_version()

    snapshot = directory.snapshot(acme.pk)

    assert snapshot.account == AccountRef(acme.pk, "acme", acme.schema_name)
    assert (snapshot.credit_factor, snapshot.factor_version) == (Decimal("123.5"), 2)
    assert (snapshot.policy_version, snapshot.is_suspended) == (version, False)
    assert snapshot.llms == {"copilot": {}, "console": {}}
    assert snapshot.guardrails == {"copilot": (), "console": ()}


def test_an_llm_stands_in_it_with_price_and_deployment(acme: Account, catalogue: Catalogue) -> None:
    llm = catalogue(capabilities=["tools"], context_window=200_000, max_output_tokens=4000)
    put_on(acme, llm, "copilot")
    with in_public():
        set_price(llm=llm, prices={"input_usd": Decimal(2)}, actor=TESTS)

    found = directory.snapshot(acme.pk).llms["copilot"]["gpt-5"]

    assert (found.id, found.name, found.kind, found.vendor) == (llm.pk, "gpt-5", "chat", "OpenAI")
    assert (found.context_window, found.max_output_tokens) == (200_000, 4000)
    assert found.capabilities == {"tools"}
    assert found.price is not None
    assert found.price.version == "2"
    assert (found.price.input, found.price.output) == (Decimal(2), Decimal(0))
    deployment = found.deployment
    assert (deployment.provider, deployment.upstream_model) == ("openai", "gpt-5-2026")
    assert (deployment.api_base, deployment.is_demo) == (None, False)
    assert deployment.api_key is not None
    assert deployment.api_key.reveal() == "sk-vendor-key"
    assert "sk-vendor-key" not in repr(found)


def test_an_llm_must_be_both_offered_and_on(
    acme: Account, globex: Account, catalogue: Catalogue
) -> None:
    on, only_offered, retired, withdrawn, off = (catalogue(f"llm-{n}") for n in range(5))
    put_on(acme, on, "copilot")
    for llm in (retired, withdrawn, off):
        put_on(acme, llm, "copilot", "console")
    with in_public():
        offer_llm(account=acme, product="copilot", llm=only_offered, actor=TESTS)
        retire_llm(llm=retired, actor=TESTS)
        offer = withdrawn.offers.get(account=acme, product="copilot")
        withdraw_llm(offer=offer, actor=TESTS)
    with in_account(acme):
        switch_llm_off(product="copilot", llm_id=off.pk, llm_name=off.name, actor=TESTS)

    assert names_in(acme) == {"llm-0"}
    assert names_in(acme, "console") == {"llm-3", "llm-4"}
    assert names_in(globex) == set()


def test_a_stored_credential_comes_before_the_vendors_key(
    acme: Account, catalogue: Catalogue
) -> None:
    llm = catalogue(api_base="https://llm.example/v1")
    put_on(acme, llm, "copilot")
    with in_public():
        set_credential(deployment=llm.deployment, api_key="sk-own-credential-1", actor=TESTS)

    deployment = directory.snapshot(acme.pk).llms["copilot"]["gpt-5"].deployment

    assert deployment.api_key is not None
    assert deployment.api_key.reveal() == "sk-own-credential-1"
    assert deployment.api_base == "https://llm.example/v1"


def test_the_vendors_key_never_goes_to_a_url_that_somebody_typed_in(
    acme: Account, catalogue: Catalogue
) -> None:
    llm = catalogue(api_base="https://evil.example/v1")
    put_on(acme, llm, "copilot")

    assert names_in(acme) == set()


def test_a_credential_that_does_not_open_takes_only_its_own_llm_away(
    acme: Account, catalogue: Catalogue
) -> None:
    good, bad = catalogue("good"), catalogue("bad")
    for llm in (good, bad):
        put_on(acme, llm, "copilot")
        with in_public():
            set_credential(deployment=llm.deployment, api_key="sk-own-credential", actor=TESTS)
    with in_public():
        SealedSecret.objects.filter(row=str(bad.deployment.pk)).update(ciphertext=b"tampered with")

    assert names_in(acme) == {"good"}


def test_without_any_credential_the_llm_is_left_out_and_the_reason_known(
    acme: Account, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = catalogue()
    put_on(acme, llm, "copilot")
    monkeypatch.setenv("OPENAI_API_KEY", "  ")

    assert names_in(acme) == set()
    credential = credentials_of([llm.deployment])[llm.deployment.pk]
    assert credential.reason == "Store a credential, or set OPENAI_API_KEY."


def test_in_a_demo_the_demo_provider_answers_instead(
    acme: Account, catalogue: Catalogue, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on(acme, catalogue(), "copilot")
    settings.DEMO = True
    with_key = directory.snapshot(acme.pk).llms["copilot"]["gpt-5"].deployment
    monkeypatch.delenv("OPENAI_API_KEY")

    without = directory.snapshot(acme.pk).llms["copilot"]["gpt-5"].deployment

    assert (with_key.provider, with_key.is_demo) == ("openai", False)
    assert (without.provider, without.is_demo, without.api_key) == ("demo", True, None)


def test_bound_guardrails_stand_in_it_by_product(acme: Account) -> None:
    with in_account(acme):
        guardrail = create_guardrail(name="PII", preset="pii", actor=TESTS)
        bind_guardrail(
            product="console", guardrail=guardrail, action="mask", stages=["input"], actor=TESTS
        )

    bound = directory.snapshot(acme.pk).guardrails

    assert bound["copilot"] == ()
    assert [(one.preset, one.action) for one in bound["console"]] == [("pii", "mask")]


def test_a_suspended_account_says_so(acme: Account) -> None:
    with in_public():
        suspend_account(account=acme, reason="Unpaid", actor=TESTS)

    assert directory.snapshot(acme.pk).is_suspended


def test_an_account_that_does_not_exist_is_refused(db: None) -> None:
    with pytest.raises(Unauthenticated):
        directory.snapshot(UUID(int=1))


def test_the_policy_version_is_never_newer_than_what_it_covers(
    acme: Account, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change between two reads must make the answer look old, so that it is read again."""
    from core.access import selectors as access
    from core.hierarchy import seats

    with in_account(acme):
        before = policy_version()

    def while_changing(read: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            bump_policy()
            return read(*args, **kwargs)

        return wrapped

    monkeypatch.setattr(
        "cockpit.gateway_directory.active_llm_ids", while_changing(access.active_llm_ids)
    )
    assert directory.snapshot(acme.pk).policy_version == before
    monkeypatch.undo()
    monkeypatch.setattr(
        "console.binding.seat_of_membership", while_changing(seats.seat_of_membership)
    )
    assert directory.principal_for_key(key.token).policy_version == before + 2


def test_a_snapshot_takes_a_fixed_number_of_queries(
    acme: Account, catalogue: Catalogue, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        llm = catalogue(f"llm-{number}")
        put_on(acme, llm, "copilot", "console")
        with in_public():
            set_credential(
                deployment=llm.deployment, api_key=f"sk-own-credential-{number}", actor=TESTS
            )

    with django_assert_max_num_queries(25):
        snapshot = directory.snapshot(acme.pk)
    assert len(snapshot.llms["console"]) == 8
