"""Who may call which LLM, from the account admin's policies to what the gateway admits."""

from collections.abc import Callable
from typing import Any

import pytest

from cockpit.gateway_directory import PostgresDirectory
from core.access.reading import read_said
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.services import set_llm_policy, switch_llm_on
from core.gateway.entitlement import usable_llms
from core.gateway.principals import principal_at
from core.hierarchy.product import Product
from core.hierarchy.seats import seat_of_user
from core.hierarchy.services import memberships, nodes
from core.identity.models import User
from core.tenancy.context import AccountRef, in_account, in_public
from tenants.models import Account, Llm
from tenants.services.features import set_features
from tests.cast import TESTS
from tests.core.ui.people import member_of, organization_of, team_of
from tests.factories.tenants import LlmFactory

directory = PostgresDirectory()
Names = set[str]


@pytest.fixture
def llms(acme: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, Llm]:
    """Four LLMs that are offered, on in both products, and can be answered."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-vendor-key")
    made: dict[str, Llm] = {
        name: LlmFactory(name=name, offered_to=acme)
        for name in ("gpt-5", "claude", "gemini", "haiku")
    }
    with in_account(acme):
        for llm in made.values():
            for product in ("copilot", "console"):
                switch_llm_on(product=product, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    return made


@pytest.fixture
def say(
    in_acme: Account, llms: dict[str, Llm], product: Product
) -> Callable[[str, Any, LlmPolicy], None]:
    def say(kind: Any, node: Any, policy: LlmPolicy) -> None:
        names = {llm.pk: llm.name for llm in llms.values()}
        set_llm_policy(
            product=product.slug,
            node=PathNode(kind, node.pk, str(node)),
            policy=policy,
            names=names,
            actor=TESTS,
        )

    return say


@pytest.fixture
def admitted(acme: Account, product: Product) -> Callable[..., Names]:
    """Return the names that the gateway admits for a user who acts from a team."""

    def names(user: User, team: str | None = None) -> Names:
        account = AccountRef(acme.pk, acme.slug, acme.schema_name)
        with in_account(acme):
            seat = seat_of_user(product, user.pk, team=team)
        principal = principal_at(seat, account=account, policy_version=1)
        return {llm.name for llm in usable_llms(directory.snapshot(acme.pk), principal)}

    return names


def only(llms: dict[str, Llm], *names: str) -> LlmPolicy:
    return LlmPolicy(only=frozenset(llms[name].pk for name in names))


def test_an_organization_chooses_and_a_team_in_it_replaces(
    say: Callable[..., None],
    admitted: Callable[..., Names],
    llms: dict[str, Llm],
    product: Product,
    mia: User,
    olga: User,
) -> None:
    marketing, content = organization_of(product), team_of(product)
    press = nodes.create_team(product=product, organization=marketing, name="Press", actor=TESTS)
    memberships.place_member(
        product=product,
        member=member_of(product, mia),
        organization=marketing,
        team=press,
        actor=TESTS,
    )
    say("organization", marketing, only(llms, "gpt-5", "claude"))
    say("team", content, only(llms, "haiku"))

    assert admitted(olga) == {"gpt-5", "claude"}
    assert admitted(mia, "Content") == {"haiku"}
    assert admitted(mia, "Press") == {"gpt-5", "claude"}


def test_a_block_in_the_organization_holds_for_every_team(
    say: Callable[..., None],
    admitted: Callable[..., Names],
    llms: dict[str, Llm],
    product: Product,
    mia: User,
) -> None:
    say("organization", organization_of(product), LlmPolicy(block=frozenset({llms["gemini"].pk})))
    say("team", team_of(product), only(llms, "gemini", "haiku"))
    say("member", member_of(product, mia), LlmPolicy(add=frozenset({llms["gemini"].pk})))

    assert admitted(mia) == {"haiku"}


def test_no_policy_of_one_product_touches_the_other(
    say: Callable[..., None], admitted: Callable[..., Names], product: Product, mia: User
) -> None:
    organization = organization_of(product)
    say("organization", organization, LlmPolicy(only=frozenset()))

    other = "console" if product.slug == "copilot" else "copilot"
    assert read_said(product.slug, [organization.pk]).policies
    assert not read_said(other, [organization.pk]).policies
    assert admitted(mia) == set()


def test_a_withheld_feature_reaches_the_gateway(acme: Account) -> None:
    with in_public():
        set_features(account=acme, product="copilot", features=(), actor=TESTS)

    snapshot = directory.snapshot(acme.pk)

    assert snapshot.access["copilot"].withheld == {"image_generation"}
    assert snapshot.access["console"].withheld == frozenset()
