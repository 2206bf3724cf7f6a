"""What the gateway knows of an account: its snapshot."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from cockpit.gateway_directory import PostgresDirectory
from console.services.keys import NewKey
from core.access.rules.product import NOTHING_SAID
from core.access.services import switch_llm_off, switch_llm_on
from core.guardrails.services import bind_guardrail, create_guardrail
from core.kit.problems import Unauthenticated
from core.tenancy.context import AccountRef, in_account, in_public
from core.tenancy.policy import bump_policy, policy_version
from core.vault.models import SealedSecret
from tenants.credentials import credentials_of
from tenants.models import Account, Llm
from tenants.services.accounts import suspend_account
from tenants.services.credits import set_credit_factor
from tenants.services.llms import create_llm, retire_llm, set_credential, set_price
from tenants.services.offers import offer_llm, withdraw_llm
from tests.cast import TESTS

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
directory = PostgresDirectory()


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
        set_credential(
            deployment=llm.deployment, credential={"api_key": "sk-own-credential-1"}, actor=TESTS
        )

    deployment = directory.snapshot(acme.pk).llms["copilot"]["gpt-5"].deployment

    assert deployment.api_key is not None
    assert deployment.api_key.reveal() == "sk-own-credential-1"
    assert deployment.api_base == "https://llm.example/v1"


def test_what_a_vendor_needs_besides_reaches_the_gateway(
    acme: Account, catalogue: Catalogue
) -> None:
    llm = catalogue(provider="bedrock", options={"region": "eu-central-1"})
    put_on(acme, llm, "copilot")
    keys = {"aws_access_key_id": "AKIA0123456789ABCDEF", "aws_secret_access_key": "secret-canary"}
    with in_public():
        set_credential(deployment=llm.deployment, credential=keys, actor=TESTS)

    deployment = directory.snapshot(acme.pk).llms["copilot"]["gpt-5"].deployment

    assert deployment.option("region") == "eu-central-1"
    assert deployment.api_key is not None
    assert json.loads(deployment.api_key.reveal()) == keys


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
            set_credential(
                deployment=llm.deployment, credential={"api_key": "sk-own-credential"}, actor=TESTS
            )
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
    from core.access import reading, selectors as access
    from core.hierarchy import seats

    with in_account(acme):
        before = policy_version()

    def while_changing(read: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            bump_policy()
            return read(*args, **kwargs)

        return wrapped

    monkeypatch.setattr("cockpit.gateway_directory.active_llms", while_changing(access.active_llms))
    assert directory.snapshot(acme.pk).policy_version == before
    monkeypatch.undo()
    monkeypatch.setattr(
        "console.binding.seat_of_membership", while_changing(seats.seat_of_membership)
    )
    assert directory.principal_for_key(key.token).policy_version == before + 1
    monkeypatch.undo()
    monkeypatch.setattr("core.gateway.principals.read_said", while_changing(reading.read_said))
    assert directory.principal_for_key(key.token).policy_version == before + 2


def test_a_snapshot_takes_a_fixed_number_of_queries(
    acme: Account, catalogue: Catalogue, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        llm = catalogue(f"llm-{number}")
        put_on(acme, llm, "copilot", "console")
        with in_public():
            set_credential(
                deployment=llm.deployment,
                credential={"api_key": f"sk-own-credential-{number}"},
                actor=TESTS,
            )

    with django_assert_max_num_queries(17):
        snapshot = directory.snapshot(acme.pk)
    assert len(snapshot.llms["console"]) == 8


def test_a_caller_takes_a_fixed_number_of_queries_with_all_that_their_path_says(
    acme: Account, key: NewKey, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(9):
        principal = directory.principal_for_key(key.token)

    assert [node.kind for node in principal.path] == ["global", "organization", "team", "member"]
    assert principal.said == NOTHING_SAID
