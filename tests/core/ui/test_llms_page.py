"""The LLM page of both products: what is offered, at which price, and switching it on and off."""

from decimal import Decimal
from typing import Any

from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.selectors import active_llm_ids
from core.access.services import set_llm_policy, switch_llm_on
from core.hierarchy.policies import acting_places
from core.hierarchy.product import Product, product_named
from core.tenancy.context import in_account, in_public
from tenants.models import Account, Llm
from tenants.services.credits import set_credit_factor
from tests.cast import TEAM, TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of
from tests.factories.tenants import LlmFactory


def switch(client: AccountClient, product: Product, llm: Llm, on: str) -> Any:
    return client.post(f"/{product.slug}/llms/{llm.pk}/switch/", {"on": on})


def test_prices_are_in_credits_at_the_accounts_factor(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    with in_public():
        set_credit_factor(account=acme, factor=Decimal(120), actor=TESTS)
    prices = {"input_usd": Decimal("0.25"), "output_usd": Decimal("12.5")}
    LlmFactory(offered_to=acme, prices=prices)
    LlmFactory(offered_to=acme, kind="image", prices={"image_each_usd": Decimal("0.042")})

    response = ada_client.get(f"/{product.slug}/llms/")

    rows = {row.llm.kind: row for row in response.context["rows"]}
    assert (rows["chat"].input_credits, rows["chat"].output_credits) == (30, 1500)
    assert (rows["image"].image_credits, rows["image"].output_credits) == (Decimal("5.04"), None)
    text = text_of(response)
    assert "1,500" in text
    assert "5.04" in text


def test_an_llm_is_switched_on_and_off(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    llm = LlmFactory(offered_to=acme)

    # Sent twice by an impatient double click, it is on all the same.
    for _time in range(2):
        assert switch(ada_client, product, llm, "1").status_code == 302
    with in_account(acme):
        assert active_llm_ids(product.slug) == {llm.pk}

    assert "is off." in text_of(ada_client.get(switch(ada_client, product, llm, "0")["Location"]))
    with in_account(acme):
        assert not active_llm_ids(product.slug)


def test_an_llm_that_is_not_offered_cannot_be_switched_on(
    ada_client: AccountClient, globex: Account, acme: Account, product: Product
) -> None:
    assert switch(ada_client, product, LlmFactory(), "1").status_code == 404
    assert switch(ada_client, product, LlmFactory(offered_to=globex), "1").status_code == 404


def test_nothing_offered_says_whom_to_ask(ada_client: AccountClient, product: Product) -> None:
    assert "Ask your platform's super admin." in text_of(ada_client.get(f"/{product.slug}/llms/"))


def test_a_developer_sees_only_what_is_on_and_changes_nothing(
    ada_client: AccountClient, mia_client: AccountClient, acme: Account
) -> None:
    on, off = LlmFactory(offered_to=acme), LlmFactory(offered_to=acme)
    ada_client.post(f"/console/llms/{on.pk}/switch/", {"on": "1"})

    response = mia_client.get("/console/llms/")

    assert [row.llm.pk for row in response.context["rows"]] == [on.pk]
    assert 'role="switch"' not in text_of(response)
    assert mia_client.post(f"/console/llms/{off.pk}/switch/", {"on": "1"}).status_code == 403
    assert mia_client.get("/copilot/llms/").status_code == 403


def test_many_llms_take_as_many_queries_as_few(
    ada_client: AccountClient,
    acme: Account,
    product: Product,
    django_assert_max_num_queries: Any,
) -> None:
    LlmFactory.create_batch(3, offered_to=acme)
    ada_client.get(f"/{product.slug}/llms/")
    with django_assert_max_num_queries(25) as few:
        ada_client.get(f"/{product.slug}/llms/")
    LlmFactory.create_batch(27, offered_to=acme)

    with django_assert_max_num_queries(25) as many:
        ada_client.get(f"/{product.slug}/llms/")

    assert len(many) == len(few)


def test_a_member_sees_only_what_a_policy_leaves(mia_client: AccountClient, acme: Account) -> None:
    kept, taken = LlmFactory(offered_to=acme), LlmFactory(offered_to=acme)
    with in_account(acme):
        for llm in (kept, taken):
            switch_llm_on(product="console", llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
        team = product_named("console").team._default_manager.get(name=TEAM)
        set_llm_policy(
            product="console",
            node=PathNode("team", team.pk, team.name),
            policy=LlmPolicy(block=frozenset({taken.pk})),
            names={},
            actor=TESTS,
        )

    rows = mia_client.get("/console/llms/").context["rows"]

    assert [row.llm.pk for row in rows] == [kept.pk]


def test_before_a_switch_one_sees_who_would_get_it(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product
) -> None:
    llm = LlmFactory(name="gpt-5", title="GPT-5", offered_to=acme)
    with in_account(acme):
        node = PathNode("team", branch.team.pk, branch.team.name)
        policy = LlmPolicy(block=frozenset({llm.pk}))
        set_llm_policy(product=product.slug, node=node, policy=policy, names={}, actor=TESTS)
    path = f"/{product.slug}/llms/{llm.pk}/switch/"

    [offer] = ada_client.get(f"/{product.slug}/llms/").context["rows"]
    before = ada_client.get(path)
    ada_client.post(path, {"on": "1"})
    after = ada_client.get(path)

    # What a policy keeps away is not counted; what is promised is what is taken away again.
    with in_account(acme):
        places = acting_places(product).count()
        blocked = acting_places(product).filter(team=branch.team.pk).count()
    assert blocked > 0
    assert offer.reach == before.context["places"] == after.context["places"] == places - blocked
    assert "gives it to" in text_of(before)
    assert "takes it from" in text_of(after)
