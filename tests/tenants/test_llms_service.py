"""The catalogue: LLMs, price versions, credentials that nobody reads, offers."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.core import serializers

from core.audit.models import AuditEntry
from core.kit.problems import Conflict, InvalidInput
from core.tenancy.context import in_account
from core.tenancy.policy import policy_version
from core.vault.models import SealedSecret
from core.vault.services import open_secret
from tenants.credentials import DEPLOYMENT_COLUMN, DEPLOYMENT_TABLE, credential_states
from tenants.errors import LlmRetired
from tenants.models import Account, Llm, LlmOffer, PriceRow
from tenants.selectors import catalogue, llm_by_id, offered_llms
from tenants.services import llms as services, offers
from tests.cast import TESTS
from tests.factories.tenants import LlmFactory

CANARY = "sk-canary-0123456789abcdef-wxyz"


def _create(**changes: Any) -> Llm:
    values: dict[str, Any] = {
        "name": "gpt-9",
        "title": "GPT-9",
        "vendor": "OpenAI",
        "provider": "openai",
        "upstream_model": "gpt-9",
        "prices": {"input_usd": Decimal("1.25")},
        **changes,
    }
    return services.create_llm(**values, actor=TESTS)


def test_an_llm_starts_with_a_price_and_a_place_to_run(any_database: None) -> None:
    llm = _create(kind="embedding", context_window=8_000, api_base="https://llm.example.com/v1")

    row = llm_by_id(llm.pk)
    assert (row.kind, row.deployment.provider, row.deployment.api_base) == (
        "embedding",
        "openai",
        "https://llm.example.com/v1",
    )
    [price] = row.prices.all()
    assert (price.version, price.input_usd, price.output_usd) == (1, Decimal("1.25"), Decimal(0))


def test_a_name_in_calls_is_used_once(any_database: None) -> None:
    _create()

    with pytest.raises(Conflict) as caught:
        _create()

    assert caught.value.extensions["errors"][0]["pointer"] == "/name"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "two words"),
        ("title", ""),
        ("title", "x" * 121),
        ("vendor", " "),
        ("kind", "video"),
        ("context_window", -1),
        ("provider", ""),
        ("upstream_model", ""),
        ("api_base", "nonsense"),
    ],
)
def test_a_detail_that_cannot_be_is_named(any_database: None, field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        _create(**{field: value})

    assert [error["pointer"] for error in caught.value.extensions["errors"]] == [f"/{field}"]


@pytest.mark.parametrize(
    "prices",
    [{}, {"input_usd": Decimal(0)}, {"input_usd": Decimal(-1)}, {"input_usd": Decimal("NaN")},
     {"input_usd": Decimal("0.0000001")}, {"input_usd": Decimal(10**9)}, {"lunch": Decimal(1)}],
)  # fmt: skip
def test_a_price_that_cannot_be_is_refused(any_database: None, prices: dict[str, Decimal]) -> None:
    with pytest.raises(InvalidInput):
        _create(prices=prices)

    assert not Llm.objects.filter(name="gpt-9").exists()


def test_a_new_price_is_a_new_version_and_the_old_one_stays(acme: Account) -> None:
    llm = LlmFactory(offered_to=acme)
    with in_account(acme):
        version = policy_version()

    services.set_price(llm=llm, prices={"input_usd": Decimal(3)}, actor=TESTS)

    assert list(PriceRow.objects.filter(llm=llm).values_list("version", "input_usd")) == [
        (2, Decimal(3)),
        (1, Decimal(1)),
    ]
    with in_account(acme):
        assert policy_version() > version


def test_the_price_in_force_starts_no_version(any_database: None) -> None:
    llm = _create()

    row = services.set_price(llm=llm, prices={"input_usd": Decimal("1.250")}, actor=TESTS)

    assert row.version == 1


def test_an_entry_names_the_price_before_and_after(any_database: None) -> None:
    llm = _create()

    services.set_price(llm=llm, prices={"output_usd": Decimal(10)}, actor=TESTS)

    entry = AuditEntry.objects.first()
    assert entry is not None
    # Kinds of tokens that nobody has priced cost as plain ones.
    read = ("input_usd", "cache_read_usd", "cache_write_usd", "audio_input_usd")
    written = ("output_usd", "reasoning_usd", "audio_output_usd")
    assert entry.before == {"version": 1, **dict.fromkeys(read, "1.25")}
    assert entry.after == {"version": 2, **dict.fromkeys(written, "10")}


def test_a_change_records_only_what_changed(any_database: None) -> None:
    llm = _create()

    services.change_llm(llm=llm, title="GPT-9 Turbo", vendor="OpenAI", actor=TESTS)

    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.before, entry.after) == ({"title": "GPT-9"}, {"title": "GPT-9 Turbo"})


def test_a_retired_llm_can_be_neither_called_nor_offered(acme: Account) -> None:
    llm = LlmFactory(offered_to=acme)

    retired = services.retire_llm(llm=llm, reason="End of life", actor=TESTS)

    assert offered_llms(acme.pk, "copilot") == []
    with pytest.raises(LlmRetired):
        offers.set_offers(account=acme, product="copilot", llms=[retired], actor=TESTS)


def test_a_retired_llm_comes_back_where_it_was_offered(acme: Account) -> None:
    llm = LlmFactory(offered_to=acme)
    services.retire_llm(llm=llm, actor=TESTS)

    services.restore_llm(llm=llm, actor=TESTS)

    assert offered_llms(acme.pk, "copilot") == [llm]


# -- credentials -----------------------------------------------------------------------------------


def _sealed(llm: Llm) -> Any:
    return open_secret(table=DEPLOYMENT_TABLE, row=llm.deployment.pk, column=DEPLOYMENT_COLUMN)


def test_a_credential_shows_its_last_four_and_who_stored_it(any_database: None) -> None:
    llm = _create()

    services.set_credential(
        deployment=llm.deployment, credential={"api_key": f"  {CANARY}\n"}, actor=TESTS
    )

    state = credential_states([llm.deployment])[llm.deployment.pk]
    assert (state.source, state.last_four, state.sealed_by) == ("sealed", "wxyz", "The tests")
    assert _sealed(llm).value == CANARY


def test_a_credential_is_nowhere_to_be_read(any_database: None) -> None:
    llm = _create()

    services.set_credential(deployment=llm.deployment, credential={"api_key": CANARY}, actor=TESTS)

    rows = [*AuditEntry.objects.all(), *SealedSecret.objects.all(), llm, llm.deployment]
    written = serializers.serialize("json", rows) + json.dumps(
        [str(row) + repr(row) for row in rows]
    )
    assert CANARY not in written
    assert CANARY not in repr(credential_states([llm.deployment]))
    assert CANARY not in repr(_sealed(llm))


@pytest.mark.parametrize("key", ["", "   ", "two words", "line\nbreak", "x" * 5_000, "schlüssel"])
def test_a_credential_is_one_word(any_database: None, key: str) -> None:
    llm = _create()

    with pytest.raises(InvalidInput) as caught:
        services.set_credential(deployment=llm.deployment, credential={"api_key": key}, actor=TESTS)

    assert not key.strip() or key not in str(caught.value)


def test_a_credential_does_not_follow_to_another_address(any_database: None) -> None:
    llm = _create()
    services.set_credential(deployment=llm.deployment, credential={"api_key": CANARY}, actor=TESTS)

    services.change_deployment(
        llm=llm,
        provider="openai",
        upstream_model="gpt-9",
        api_base="https://elsewhere.example.com",
        actor=TESTS,
    )

    assert _sealed(llm) is None
    assert AuditEntry.objects.filter(verb="llm.credential_removed").count() == 1


def test_a_credential_stays_for_another_model_at_the_same_place(any_database: None) -> None:
    llm = _create()
    services.set_credential(deployment=llm.deployment, credential={"api_key": CANARY}, actor=TESTS)

    services.change_deployment(llm=llm, provider="openai", upstream_model="gpt-9-2026", actor=TESTS)

    assert _sealed(llm).value == CANARY


def test_a_removed_credential_is_gone(any_database: None) -> None:
    llm = _create()
    services.set_credential(deployment=llm.deployment, credential={"api_key": CANARY}, actor=TESTS)

    assert services.remove_credential(deployment=llm.deployment, actor=TESTS)
    assert not services.remove_credential(deployment=llm.deployment, actor=TESTS)
    assert _sealed(llm) is None


def test_the_vendors_key_counts_unless_there_is_an_own_address(
    any_database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    direct = _create()
    own = _create(name="own", api_base="https://llm.example.com")

    states = credential_states([direct.deployment, own.deployment])

    assert states[direct.deployment.pk].source == "environment"
    assert states[direct.deployment.pk].variable == "OPENAI_API_KEY"
    assert states[own.deployment.pk].source != "environment"


# -- offers ----------------------------------------------------------------------------------------


def test_offers_are_set_by_product(acme: Account) -> None:
    first, second = LlmFactory(), LlmFactory()
    offers.set_offers(account=acme, product="copilot", llms=[first], actor=TESTS)

    changed = offers.set_offers(account=acme, product="copilot", llms=[second], actor=TESTS)

    assert changed == (1, 1)
    assert offered_llms(acme.pk, "copilot") == [second]
    assert offered_llms(acme.pk, "console") == []


def test_one_save_is_one_entry_that_names_both_ways(acme: Account) -> None:
    first, second = LlmFactory(title="Alpha"), LlmFactory(title="Beta")
    offers.set_offers(account=acme, product="copilot", llms=[first], actor=TESTS)

    offers.set_offers(account=acme, product="copilot", llms=[second], actor=TESTS)

    entry = AuditEntry.objects.first()
    assert entry is not None
    assert entry.sentence == (
        "The tests changed which LLMs Acme is offered in Copilot: added Beta; withdrew Alpha"
    )


def test_the_same_offers_again_change_nothing(acme: Account) -> None:
    llm = LlmFactory()
    offers.set_offers(account=acme, product="copilot", llms=[llm], actor=TESTS)
    with in_account(acme):
        version = policy_version()

    assert offers.set_offers(account=acme, product="copilot", llms=[llm], actor=TESTS) == (0, 0)
    with in_account(acme):
        assert policy_version() == version


def test_a_withdrawn_llm_is_no_longer_offered(acme: Account) -> None:
    llm = LlmFactory()
    offer = offers.offer_llm(account=acme, product="copilot", llm=llm, actor=TESTS)

    offers.withdraw_llm(offer=offer, actor=TESTS)

    assert offered_llms(acme.pk, "copilot") == []
    assert not LlmOffer.objects.exists()


def test_the_catalogue_counts_accounts_not_offers(acme: Account, globex: Account) -> None:
    llm = LlmFactory(offered_to=acme)
    offers.offer_llm(account=globex, product="console", llm=llm, actor=TESTS)

    row: Any = catalogue().get(pk=llm.pk)
    assert row.offered_to == 2


VERTEX: dict[str, Any] = {
    "provider": "vertex_ai",
    "upstream_model": "gemini-2.5-flash",
    "options": {"project": "company-project", "location": "europe-west4"},
}


def _key_file(**changes: str) -> str:
    file = {
        "type": "service_account",
        "project_id": "company-project",
        "private_key_id": "0123456789abcdef0123456789abcdef0123beef",
        "private_key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n",
        "client_email": "gateway@company-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://tokens.attacker.example/",
        **changes,
    }
    return json.dumps(file, indent=2)


def test_a_key_file_of_google_is_sealed_with_what_signs_and_nothing_else(
    any_database: None,
) -> None:
    llm = _create(**VERTEX)

    services.set_credential(
        deployment=llm.deployment, credential={"service_account": _key_file()}, actor=TESTS
    )

    kept = json.loads(_sealed(llm).value)
    assert kept["token_uri"] == "https://oauth2.googleapis.com/token"
    assert CANARY in kept["private_key"]
    state = credential_states([llm.deployment])[llm.deployment.pk]
    # The end of the key's own name: that of the file would be a brace.
    assert (state.source, state.last_four) == ("sealed", "beef")


@pytest.mark.parametrize(
    "file", ["", "nonsense", "[]", _key_file(type="external_account"), _key_file(private_key="")]
)
def test_what_is_no_key_file_is_refused_and_not_repeated(any_database: None, file: str) -> None:
    llm = _create(**VERTEX)

    with pytest.raises(InvalidInput) as caught:
        services.set_credential(
            deployment=llm.deployment, credential={"service_account": file}, actor=TESTS
        )

    assert caught.value.extensions["errors"][0]["pointer"] == "/service_account"
    assert CANARY not in str(caught.value)


def test_a_credential_of_another_kind_is_refused(any_database: None) -> None:
    llm = _create(**VERTEX)

    with pytest.raises(InvalidInput) as caught:
        services.set_credential(
            deployment=llm.deployment, credential={"api_key": CANARY}, actor=TESTS
        )

    assert caught.value.extensions["errors"][0]["pointer"] == "/api_key"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({**VERTEX, "options": {"location": "europe-west4"}}, "project"),
        ({**VERTEX, "options": {**VERTEX["options"], "project": "../other"}}, "project"),
        ({**VERTEX, "options": {**VERTEX["options"], "region": "x"}}, "region"),
        ({"provider": "bedrock"}, "region"),
        ({"options": {"region": "eu-central-1"}}, "region"),
    ],
)
def test_an_option_that_is_missing_or_unknown_is_named(
    any_database: None, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        _create(**changes)

    assert caught.value.extensions["errors"][0]["pointer"] == f"/{field}"


def test_another_project_keeps_the_credential(any_database: None) -> None:
    llm = _create(**VERTEX)
    services.set_credential(
        deployment=llm.deployment, credential={"service_account": _key_file()}, actor=TESTS
    )

    services.change_deployment(
        llm=llm, actor=TESTS, **{**VERTEX, "options": {"project": "other", "location": "us"}}
    )

    assert _sealed(llm) is not None
    assert llm_by_id(llm.pk).deployment.options == {"project": "other", "location": "us"}


@pytest.mark.parametrize(("provider", "source"), [("ollama", "unneeded"), ("openai", "none")])
def test_a_server_that_asks_for_no_key_needs_none(
    any_database: None, settings: Any, provider: str, source: str
) -> None:
    settings.DEMO = False
    llm = _create(provider=provider, api_base="https://ollama.example.com")

    assert credential_states([llm.deployment])[llm.deployment.pk].source == source


def test_a_part_that_costs_as_plain_tokens_goes_without_saying(any_database: None) -> None:
    llm = _create(prices={"input_usd": Decimal(10), "cache_read_usd": Decimal(0)})

    price = PriceRow.objects.get(llm=llm)

    assert price.audio_input_usd == 10
    assert price.typed() == {"input_usd": "10", "cache_read_usd": "0"}
    assert [(str(label), amount) for label, amount in price.special()] == [
        ("input read from cache", Decimal(0))
    ]
