"""LLMs that an account brings along: where they run, what they cost, who may reach what."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core import serializers

from cockpit.gateway_directory import PostgresDirectory
from console.errors import LlmNameTaken, VendorNotAllowed
from console.models import Deployment, OwnLlm
from console.selectors import own_llms as selectors
from console.services import deployments, own_llms as services
from core.audit.models import AuditEntry
from core.gateway.ports import Llm
from core.kit.problems import Conflict, InvalidInput, NotFound
from core.tenancy.context import in_account
from core.tenancy.policy import policy_version
from core.vault.models import SealedSecret
from tenants.models import Account
from tenants.services import llms as catalogue, offers
from tenants.services.own_llms import set_own_llm_terms
from tests.cast import TESTS

CANARY = "sk-canary-0123456789abcdef-wxyz"
PRICES = {"input_usd": Decimal(1), "output_usd": Decimal(4)}


def an_llm(account: Account, **details: Any) -> OwnLlm:
    values = {"name": "company-gpt", "title": "Company GPT", **details}
    return services.create_own_llm(account=account, actor=TESTS, **values)


def a_place(account: Account, llm: OwnLlm, **details: Any) -> Deployment:
    values: dict[str, Any] = {
        "vendor": "openai",
        "upstream_model": "gpt-own",
        "credential": {"api_key": CANARY},
        **details,
    }
    return deployments.add_deployment(account=account, llm=llm, actor=TESTS, **values)


def as_the_gateway_sees_it(account: Account) -> dict[str, Llm]:
    return dict(PostgresDirectory().snapshot(account.pk).llms["console"])


def terms(account: Account, **changes: Any) -> None:
    values: dict[str, Any] = {
        "vendors": None,
        "hosts": (),
        "networks": (),
        "allows_http": False,
        "floor_usd": Decimal("0.01"),
        **changes,
    }
    set_own_llm_terms(account=account, actor=TESTS, **values)


def test_own_llm_answers_at_each_of_its_places(acme: Account) -> None:
    with in_account(acme):
        llm = an_llm(acme, fallback="gpt-5", retries=2)
        services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS)
        a_place(acme, llm, weight=3)
        a_place(
            acme,
            llm,
            vendor="azure",
            api_base="https://company.openai.azure.com",
            options={"api_version": "2025-04-01-preview"},
            order=2,
            timeout_seconds=20,
        )

        found = as_the_gateway_sees_it(acme)["company-gpt"]

    assert found.price is not None
    assert (found.price.version, found.price.input) == ("own-1", Decimal(1))
    assert found.price.output == 4
    assert (found.fallbacks, found.retries) == (("gpt-5",), 2)
    first, second = found.targets
    assert (first.provider, first.weight, first.egress) == ("openai", 3, None)
    assert first.api_key is not None
    assert first.api_key.reveal() == CANARY
    assert (second.provider, second.order, second.timeout_seconds) == ("azure", 2, 20)
    assert second.option("api_version") == "2025-04-01-preview"
    # What somebody typed in is checked at each call.
    assert second.egress is not None


def test_every_change_moves_the_policy_and_stands_in_the_audit_log(acme: Account) -> None:
    with in_account(acme):
        llm = an_llm(acme)
        place = a_place(acme, llm)
        acts: list[Callable[[], object]] = [
            lambda: services.change_own_llm(llm=llm, title="Another", actor=TESTS),
            lambda: services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS),
            lambda: deployments.change_deployment(
                account=acme, deployment=place, weight=5, actor=TESTS
            ),
            lambda: deployments.set_deployment_credential(
                deployment=place, credential={"api_key": "sk-another"}, actor=TESTS
            ),
            lambda: deployments.archive_deployment(deployment=place, actor=TESTS),
            lambda: services.archive_own_llm(llm=llm, actor=TESTS),
        ]
        for act in acts:
            version, entries = policy_version(), AuditEntry.objects.count()
            act()
            assert policy_version() > version
            assert AuditEntry.objects.count() > entries


def test_unpriced_llm_is_refused_until_it_is_priced(acme: Account) -> None:
    with in_account(acme):
        llm = an_llm(acme)
        a_place(acme, llm)
        assert as_the_gateway_sees_it(acme)["company-gpt"].price is None

        services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS)

        assert as_the_gateway_sees_it(acme)["company-gpt"].price is not None


def test_own_price_keeps_to_the_platform_s_floor(acme: Account) -> None:
    terms(acme, floor_usd=Decimal(2))
    with in_account(acme):
        llm = an_llm(acme)
        a_place(acme, llm)

        with pytest.raises(InvalidInput) as caught:
            services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS)

        assert caught.value.extensions["errors"][0]["pointer"] == "/input_usd"
        dear = {"input_usd": Decimal(2), "output_usd": Decimal(2)}
        services.set_own_price(account=acme, llm=llm, prices=dear, actor=TESTS)
    # A floor that rises later counts at once.
    terms(acme, floor_usd=Decimal(3))
    with in_account(acme):
        price = as_the_gateway_sees_it(acme)["company-gpt"].price
        assert price is not None
        assert (price.input, price.output) == (Decimal(3), Decimal(3))
        # What its own server calls cached, thought or heard has the same floor.
        assert {price.cache_read, price.cache_write, price.reasoning} == {Decimal(3)}
        assert {price.audio_input, price.audio_output} == {Decimal(3)}


@pytest.mark.parametrize(
    ("kind", "low", "field", "good"),
    [
        ("chat", "input=2 output=1.9", "output_usd", "input=2 output=2"),
        ("chat", "input=2 output=2 cache_read=1", "cache_read_usd", "input=2 output=2"),
        ("chat", "input=2 output=2 audio_output=1", "audio_output_usd", "input=2 output=2"),
        ("embedding", "input=1", "input_usd", "input=2"),
        ("transcription", "audio_input=1", "audio_input_usd", "audio_input=2"),
        ("speech", "request=1", "input_usd", "input=2"),
        ("rerank", "request=0.002", "input_usd", "input=2 request=0.002"),
        ("moderation", "input=0.01", "input_usd", "input=2"),
        ("image", "image_each=0.0019", "image_each_usd", "image_each=0.002"),
    ],
)
def test_every_kind_of_llm_keeps_to_the_floor(
    acme: Account, kind: str, low: str, field: str, good: str
) -> None:
    terms(acme, floor_usd=Decimal(2))
    with in_account(acme):
        llm = an_llm(acme, kind=kind)

        with pytest.raises(InvalidInput) as caught:
            services.set_own_price(account=acme, llm=llm, prices=_decimals(low), actor=TESTS)
        services.set_own_price(account=acme, llm=llm, prices=_decimals(good), actor=TESTS)

    assert [error["pointer"] for error in caught.value.extensions["errors"]] == [f"/{field}"]


@pytest.mark.parametrize("kind", ["rerank", "moderation", "image"])
def test_floor_that_rises_later_counts_for_every_kind(acme: Account, kind: str) -> None:
    low = {"input_usd": Decimal("0.01"), "image_each_usd": Decimal("0.0001")}
    with in_account(acme):
        llm = an_llm(acme, kind=kind)
        a_place(acme, llm)
        services.set_own_price(account=acme, llm=llm, prices=low, actor=TESTS)
    terms(acme, floor_usd=Decimal("0.5"))

    with in_account(acme):
        price = as_the_gateway_sees_it(acme)["company-gpt"].price

    assert price is not None
    found = price.image_each if kind == "image" else price.input
    assert found == (Decimal("0.0005") if kind == "image" else Decimal("0.5"))


def test_kind_of_tokens_that_nobody_has_priced_costs_as_plain_ones(acme: Account) -> None:
    with in_account(acme):
        llm = an_llm(acme)
        a_place(acme, llm)
        free = {**PRICES, "cache_read_usd": Decimal("0.1")}
        services.set_own_price(account=acme, llm=llm, prices=free, actor=TESTS)

        price = as_the_gateway_sees_it(acme)["company-gpt"].price

    assert price is not None
    assert price.cache_read == Decimal("0.1")
    assert {price.cache_write, price.audio_input} == {Decimal(1)}
    assert {price.reasoning, price.audio_output} == {Decimal(4)}
    assert {price.image_each, price.request} == {Decimal(0)}


def test_llm_of_the_catalogue_has_the_platform_s_price(acme: Account) -> None:
    catalogue.create_llm(
        name="gpt-9", title="GPT-9", vendor="OpenAI", provider="openai", upstream_model="gpt-9",
        prices={"input_usd": Decimal(7), "output_usd": Decimal(9)}, actor=TESTS,
    )  # fmt: skip
    with in_account(acme):
        llm = an_llm(acme)
        a_place(acme, llm, upstream_model="gpt-9")
        llm.refresh_from_db()

        price = as_the_gateway_sees_it(acme)["company-gpt"].price
        with pytest.raises(Conflict):
            services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS)

    assert price is not None
    assert (price.version, price.input, price.output) == ("1", Decimal(7), Decimal(9))


def test_name_of_an_offered_llm_is_taken(acme: Account) -> None:
    row = catalogue.create_llm(
        name="gpt-9", title="GPT-9", vendor="OpenAI", provider="openai", upstream_model="gpt-9",
        prices={"input_usd": Decimal(7)}, actor=TESTS,
    )  # fmt: skip
    offers.offer_llm(account=acme, product="console", llm=row, actor=TESTS)
    with in_account(acme):
        with pytest.raises(LlmNameTaken):
            an_llm(acme, name="gpt-9")
        an_llm(acme)
        with pytest.raises(LlmNameTaken):
            an_llm(acme)


def test_vendor_that_the_super_admin_does_not_allow(acme: Account) -> None:
    with in_account(acme):
        llm = an_llm(acme)
        place = a_place(acme, llm)
        services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS)
    terms(acme, vendors=["azure"])
    with in_account(acme):
        with pytest.raises(VendorNotAllowed):
            a_place(acme, llm)
        assert "company-gpt" not in as_the_gateway_sees_it(acme)
        # What runs nowhere any more can still be switched off.
        deployments.change_deployment(account=acme, deployment=place, is_active=False, actor=TESTS)


def test_llm_that_the_super_admin_does_not_allow(acme: Account) -> None:
    with in_account(acme):
        llm = an_llm(acme)
        place = a_place(acme, llm)
        services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS)
    terms(acme, llms=["openai/gpt-5*", "azure/*"])
    with in_account(acme):
        with pytest.raises(InvalidInput) as refused:
            a_place(acme, llm)
        assert refused.value.extensions["errors"][0]["pointer"] == "/upstream_model"
        # What was there before is not asked any more.
        assert "company-gpt" not in as_the_gateway_sees_it(acme)
        deployments.change_deployment(
            account=acme, deployment=place, upstream_model="gpt-5-mini", actor=TESTS
        )
        assert "company-gpt" in as_the_gateway_sees_it(acme)


@pytest.mark.parametrize("pattern", ["gpt-5", "nobody/gpt-5", "openai/gpt 5", "openai/" + "*a" * 9])
def test_pattern_of_llms_that_cannot_be(acme: Account, pattern: str) -> None:
    with pytest.raises(InvalidInput):
        terms(acme, llms=[pattern])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"vendor": "openai_compatible", "api_base": "https://10.0.0.1/v1"}, "api_base"),
        ({"vendor": "openai_compatible", "api_base": "http://llm.example.com/v1"}, "api_base"),
        ({"vendor": "openai_compatible", "api_base": ""}, "api_base"),
        ({"vendor": "openai", "api_base": "https://llm.example.com/v1"}, "api_base"),
        ({"vendor": "nowhere"}, "vendor"),
        ({"upstream_model": "../../v1/files"}, "upstream_model"),
        ({"upstream_model": "gpt 5"}, "upstream_model"),
        ({"credential": {"api_key": ""}}, "api_key"),
        ({"credential": {"api_key": "two words"}}, "api_key"),
        ({"credential": {"api_key": "os.environ/ANTHROPIC_API_KEY"}}, "api_key"),
        ({"credential": {"service_account": "{}"}}, "service_account"),
        ({"options": {"region": "eu-central-1"}}, "region"),
        ({"weight": 100_000}, "weight"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        (
            {
                "vendor": "bedrock",
                "options": {"region": "evil.example.com/"},
                "credential": {"aws_access_key_id": "a", "aws_secret_access_key": "b"},
            },
            "region",
        ),
        (
            {
                "vendor": "vertex_ai",
                "options": {"project": "p", "location": "europe-west4"},
                "credential": {"service_account": '{"type": "external_account"}'},
            },
            "service_account",
        ),
    ],
)
def test_deployment_that_cannot_be(acme: Account, changes: dict[str, Any], field: str) -> None:
    with in_account(acme):
        llm = an_llm(acme)
        with pytest.raises(InvalidInput) as caught:
            a_place(acme, llm, **changes)

    assert {error["pointer"] for error in caught.value.extensions["errors"]} == {f"/{field}"}


def test_address_inside_needs_the_super_admin(acme: Account) -> None:
    place = {"vendor": "vllm", "api_base": "http://10.20.0.5:8000/v1", "credential": {}}
    with in_account(acme):
        llm = an_llm(acme)
        with pytest.raises(InvalidInput):
            a_place(acme, llm, **place)
    terms(acme, networks=["10.20.0.0/16"], allows_http=True)
    with in_account(acme):
        made = a_place(acme, llm, **place)
        deployments.change_deployment(account=acme, deployment=made, weight=2, actor=TESTS)


def test_service_account_keeps_nothing_that_says_where_to_fetch_tokens(acme: Account) -> None:
    given = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "1",
        "private_key": "-----BEGIN PRIVATE KEY-----",
        "client_email": "a@p.iam.gserviceaccount.com",
        "client_id": "2",
        "token_uri": "https://evil.example.com/token",
        "universe_domain": "evil.example.com",
    }
    with in_account(acme):
        llm = an_llm(acme)
        services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS)
        a_place(
            acme,
            llm,
            vendor="vertex_ai",
            upstream_model="gemini-own",
            options={"project": "p", "location": "europe-west4"},
            credential={"service_account": json.dumps(given)},
        )
        key = as_the_gateway_sees_it(acme)["company-gpt"].deployment.api_key

    assert key is not None
    kept = json.loads(key.reveal())
    assert kept["token_uri"] == "https://oauth2.googleapis.com/token"
    assert "evil" not in key.reveal()


def test_credential_is_sealed_and_follows_to_no_other_address(acme: Account) -> None:
    place = {"vendor": "openai_compatible", "api_base": "https://llm.example.com/v1"}
    with in_account(acme):
        llm = an_llm(acme)
        made = a_place(acme, llm, **place)

        rows = [*AuditEntry.objects.all(), *SealedSecret.objects.all(), llm, made]
        assert CANARY not in serializers.serialize("json", rows)
        assert made.pk in selectors.credential_states([made])

        deployments.change_deployment(
            account=acme, deployment=made, api_base="https://mine.example.com/v1", actor=TESTS
        )
        assert selectors.credential_states([made]) == {}


def test_one_account_s_llms_are_not_another_s(acme: Account, globex: Account) -> None:
    with in_account(acme):
        llm = an_llm(acme)
        made = a_place(acme, llm)
        services.set_own_price(account=acme, llm=llm, prices=PRICES, actor=TESTS)
    with in_account(globex):
        assert list(selectors.own_llms()) == []
        for find, which in (
            (selectors.own_llm_named, llm.pk),
            (selectors.deployment_named, made.pk),
        ):
            with pytest.raises(NotFound):
                find(which)
        assert "company-gpt" not in as_the_gateway_sees_it(globex)
        with pytest.raises(NotFound):
            PostgresDirectory().deployment_to_test(globex.pk, made.pk)
        # The same name is free, with a credential of its own.
        theirs = an_llm(globex)
        services.set_own_price(account=globex, llm=theirs, prices=PRICES, actor=TESTS)
        a_place(globex, theirs, credential={"api_key": "sk-globex-1234567890"})
        key = as_the_gateway_sees_it(globex)["company-gpt"].deployment.api_key
    assert key is not None
    assert key.reveal() == "sk-globex-1234567890"
    # Copilot runs on the platform's LLMs alone.
    assert "company-gpt" not in PostgresDirectory().snapshot(acme.pk).llms["copilot"]


def _decimals(prices: str) -> dict[str, Decimal]:
    pairs = (each.split("=") for each in prices.split())
    return {f"{name}_usd": Decimal(value) for name, value in pairs}
