"""Refused calls on pages: listed, explained as of then and as of now, within one's branch."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from core.access.refusals import Refusal, RefusedCaller, keep_refusal
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.access.selectors import access_of
from core.access.services import set_llm_policy, switch_llm_on
from core.hierarchy.policies import path_of
from core.hierarchy.product import Product
from core.kit.clock import now
from core.tenancy.context import in_account
from core.tokens.services import create_client_app, revoke_client_app
from tenants.models import Account, Llm
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of
from tests.factories.tenants import LlmFactory


def refused(product: Product, branch: ProductBranch, llm: Llm) -> UUID:
    """Block an LLM for the team, and keep what its member runs into."""
    switch_llm_on(product=product.slug, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    block(product, branch, LlmPolicy(block=frozenset({llm.pk})))
    place = product.membership._default_manager.get(  # type: ignore[misc]
        member=branch.member, team=branch.team
    )
    path = path_of(product, place)
    decision = access_of(product.slug, offered=[llm.pk]).why_llm(llm.pk, path)
    caller = RefusedCaller(
        product=product.slug,
        user_id=uuid4(),
        member_id=branch.member.pk,
        path=path,
        label="Mia Member",
        team_id=branch.team.pk,
        organization_id=branch.organization.pk,
    )
    refusal = Refusal("llm", str(llm.pk), llm.title, decision)
    return keep_refusal(caller=caller, refusal=refusal, policy_version=1)


def block(product: Product, branch: ProductBranch, policy: LlmPolicy) -> None:
    node = PathNode("team", branch.team.pk, branch.team.name)
    set_llm_policy(product=product.slug, node=node, policy=policy, names={}, actor=TESTS)


def test_a_refused_call_shows_then_and_now(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product
) -> None:
    llm = LlmFactory(name="gpt-5", title="GPT-5", offered_to=acme)
    with in_account(acme):
        refusal_id = refused(product, branch, llm)
    path = f"/{product.slug}/access/refused/{refusal_id}/"

    before = text_of(ada_client.get(path))
    with in_account(acme):
        block(product, branch, LlmPolicy())
    after = text_of(ada_client.get(path))

    assert "Content blocks GPT-5" in before
    assert "Stop blocking GPT-5 in Content" in before
    assert "It is still refused." in before
    assert "Content blocks GPT-5" in after
    assert "Now it is allowed." in after
    assert str(refusal_id) in text_of(ada_client.get(f"/{product.slug}/access/refused/"))


def test_only_who_administers_the_place_sees_it(
    client_for: Callable[..., AccountClient],
    acme: Account,
    branch: ProductBranch,
    product: Product,
    theo: Any,
    olga: Any,
    mia: Any,
) -> None:
    llm = LlmFactory(name="gpt-5", title="GPT-5", offered_to=acme)
    with in_account(acme):
        refusal_id = refused(product, branch, llm)
    path = f"/{product.slug}/access/refused/{refusal_id}/"

    answers = [client_for(person, acme).get(path).status_code for person in (theo, olga, mia)]

    assert answers == [200, 200, 403]


def test_who_is_told_an_id_finds_the_call_by_it(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product
) -> None:
    llm = LlmFactory(name="gpt-5", title="GPT-5", offered_to=acme)
    with in_account(acme):
        refusal_id = refused(product, branch, llm)
    home = f"/{product.slug}/access/refused/"

    found = ada_client.get(home, {"q": f" {refusal_id} "})

    assert found.headers["Location"] == f"{home}{refusal_id}/"
    for term in (str(uuid4()), "gpt-5\x00"):
        missed = ada_client.get(home, {"q": term})
        assert missed.status_code == 200
        assert "There is no refused call of this id here" in text_of(missed)


def test_the_fix_is_a_button_beside_the_refusal(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product
) -> None:
    llm = LlmFactory(name="gpt-5", title="GPT-5", offered_to=acme)
    with in_account(acme):
        refusal_id = refused(product, branch, llm)
    path = f"/{product.slug}/access/refused/{refusal_id}/"
    shown = ada_client.get(path).context

    answer = ada_client.post(
        shown["fix_href"],
        {
            "member": str(branch.member.pk),
            "place": str(shown["place_id"]),
            "about": shown["about"],
            "seen": shown["seen"],
        },
        follow=True,
    )

    assert shown["fix"].gains == 2
    assert "may use GPT-5 here" in text_of(answer)
    assert "Now it is allowed." in text_of(ada_client.get(path))


def test_a_thing_that_is_gone_still_shows_what_was_refused(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product
) -> None:
    with in_account(acme):
        app = create_client_app(product=product.slug, name="alchemi-web", actor=TESTS).app
        place = product.membership._default_manager.get(  # type: ignore[misc]
            member=branch.member, team=branch.team
        )
        path = path_of(product, place)
        thing = ("client_app", app.pk)
        decision = ProductAccess(product.slug).why_thing(thing, path, at=now())
        caller = RefusedCaller(
            product=product.slug,
            user_id=uuid4(),
            member_id=branch.member.pk,
            path=path,
            team_id=branch.team.pk,
            organization_id=branch.organization.pk,
        )
        refusal = Refusal("client_app", str(app.pk), app.name, decision)
        refusal_id = keep_refusal(caller=caller, refusal=refusal, policy_version=1)
        with transaction.atomic():
            revoke_client_app(app=app, actor=TESTS)

    page = ada_client.get(f"/{product.slug}/access/refused/{refusal_id}/")

    assert "is for those to whom it is granted" in text_of(page)
    assert "It does not exist any more." in text_of(page)
    assert page.context["fix"] is None
