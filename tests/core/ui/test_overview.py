"""The overview of a product: figures, activity, and the first steps of a new account."""

from collections.abc import Callable

import pytest

from core.access.services import switch_llm_on
from core.credits.models import Book
from core.credits.services import allocating
from core.hierarchy.product import Product
from core.identity.models import User
from core.tenancy.context import in_account
from core.tokens.services import create_client_app
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.people import add_members, organization_of, queries_of
from tests.factories.credits import a_key, call_context, hold, settle
from tests.factories.tenants import LlmFactory
from tests.factories.things import things_in

Clients = Callable[..., AccountClient]


@pytest.fixture
def ada_client(client_for: Clients, ada: User, in_acme: Account) -> AccountClient:
    return client_for(ada, in_acme)


def steps_left(client: AccountClient, product: Product) -> list[str]:
    steps = client.get(f"/{product.slug}/").context["steps"]
    return [step.icon for step in steps if not step.is_done]


def call(product: Product, wallet: object, name: str) -> None:
    context = call_context(product=product.slug, llm=name)
    settle(hold(wallet, 5_000_000, context=context), 2_500_000)  # type: ignore[arg-type]


def test_a_new_account_is_led_to_its_first_call(
    ada_client: AccountClient, in_acme: Account, product: Product
) -> None:
    connect = "key" if product.slug == "console" else "apps"

    assert steps_left(ada_client, product) == [
        "account_balance_wallet",
        "neurology",
        connect,
        "bolt",
    ]


def test_each_step_is_ticked_off_by_what_is_really_there(
    ada_client: AccountClient, in_acme: Account, product: Product
) -> None:
    llm = LlmFactory(offered_to=in_acme)
    organization = organization_of(product)
    book = Book.objects.get(product=product.slug)
    allocating.grant_credits(book=book, amount=9_000_000, actor=TESTS, idempotency_key=a_key())
    allocating.allocate_credits(
        wallet=organization.wallet, amount=8_000_000, actor=TESTS, idempotency_key=a_key()
    )
    switch_llm_on(product=product.slug, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    call(product, organization.wallet, llm.name)

    assert steps_left(ada_client, product) == ["key" if product.slug == "console" else "apps"]


def test_the_checklist_goes_when_all_is_done(
    ada_client: AccountClient, in_acme: Account, product: Product
) -> None:
    things_in(in_acme, LlmFactory(offered_to=in_acme))

    page = ada_client.get(f"/{product.slug}/")

    assert page.context["steps"] == []
    assert b"First steps" not in page.content


def test_an_llm_that_is_no_longer_offered_does_not_count(
    ada_client: AccountClient, product: Product
) -> None:
    llm = LlmFactory()
    switch_llm_on(product=product.slug, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)

    assert "neurology" in steps_left(ada_client, product)


def test_one_product_s_client_app_is_none_of_the_other_s(
    ada_client: AccountClient, in_acme: Account
) -> None:
    create_client_app(product="console", name="App", actor=TESTS)

    page = ada_client.get("/copilot/")

    assert "apps" in [step.icon for step in page.context["steps"] if not step.is_done]


def test_figures_agree_with_the_wallets(
    ada_client: AccountClient, in_acme: Account, product: Product
) -> None:
    book = Book.objects.get(product=product.slug)
    organization = organization_of(product)
    allocating.grant_credits(book=book, amount=90_000_000, actor=TESTS, idempotency_key=a_key())
    allocating.allocate_credits(
        wallet=organization.wallet, amount=60_000_000, actor=TESTS, idempotency_key=a_key()
    )
    call(product, organization.wallet, "gpt-5")

    page = ada_client.get(f"/{product.slug}/")

    assert page.context["left"] == 87_500_000
    assert page.context["totals"].credits == 2_500_000
    assert page.context["top_llms"][0].label == "gpt-5"
    text = page.content.decode()
    for shown in ("87.50", "of 90 granted", "2.50", "30"):
        assert shown in text


def test_the_period_can_be_changed_without_the_rest(
    ada_client: AccountClient, product: Product
) -> None:
    part = ada_client.get(f"/{product.slug}/?days=30", headers={"HX-Request": "true"})
    nonsense = ada_client.get(f"/{product.slug}/?days=999999")

    assert part.content.strip().startswith(b'<div id="period"')
    assert part["Vary"].count("HX-Request") == 1
    assert nonsense.context["days"] == 7


def test_it_takes_as_many_queries_for_30_members_as_for_3(
    ada_client: AccountClient, product: Product
) -> None:
    add_members(product, 3)
    few = queries_of(ada_client, f"/{product.slug}/")

    add_members(product, 27)

    assert queries_of(ada_client, f"/{product.slug}/") == few
    assert few <= 32


def test_another_account_s_calls_are_not_counted(
    client_for: Clients, globex: Account, eve: User, acme: Account, product: Product
) -> None:
    with in_account(acme):
        things_in(acme, LlmFactory(offered_to=acme))

    page = client_for(eve, globex).get(f"/{product.slug}/")

    assert page.context["totals"].calls == 0
    assert page.context["top_llms"] == []


def test_each_person_can_put_the_first_steps_away_and_take_them_back(
    ada_client: AccountClient, product: Product
) -> None:
    def page() -> str:
        return ada_client.get(f"/{product.slug}/").content.decode()

    before = page()
    ada_client.post(f"/{product.slug}/first-steps/")
    away = page()
    ada_client.post(f"/{product.slug}/first-steps/", {"show": "1"})

    assert "ck-steps" in before
    assert "ck-steps" not in away
    assert "Show the first steps" in away
    assert "ck-steps" in page()
