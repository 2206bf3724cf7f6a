"""LLM access, features and effective access: what is shown, changed, reverted and explained."""

from collections.abc import Callable
from typing import Any

import pytest

from core.access.rules.llms import LlmPolicy
from core.access.rules.switches import Switch
from core.access.selectors import feature_switches, llm_policies
from core.access.services import switch_llm_on
from core.hierarchy.product import Product
from core.identity.models import User
from core.tenancy.context import in_account, in_public
from tenants.models import Account, Llm
from tenants.services.features import set_features
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of
from tests.core.ui.people import add_members, add_teams, queries_of
from tests.factories.tenants import LlmFactory


@pytest.fixture
def llms(acme: Account) -> tuple[Llm, Llm]:
    """Two LLMs that are on in both products."""
    made = (
        LlmFactory(name="gpt-5", title="GPT-5", offered_to=acme),
        LlmFactory(name="haiku", title="Haiku", offered_to=acme),
    )
    with in_account(acme):
        for llm in made:
            for product in ("copilot", "console"):
                switch_llm_on(product=product, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    return made


@pytest.fixture
def policy_of(acme: Account, product: Product) -> Callable[[Any], LlmPolicy]:
    def policy_of(node: Any) -> LlmPolicy:
        with in_account(acme):
            return llm_policies(product.slug).get(node.pk, LlmPolicy())

    return policy_of


def matrix(client: AccountClient, product: Product, **query: Any) -> dict[str, list[Any]]:
    """Return the cells of each row by the node's name."""
    response = client.get(f"/{product.slug}/llm-access/", query)
    return {line.row.node.label: line.cells for line in response.context["rows"]}


def at(product: Product, kind: str, node: Any, llm: Llm | None = None) -> str:
    path = f"/{product.slug}/llm-access/{kind}/{node.pk}/"
    return path if llm is None else f"{path}{llm.pk}/"


def test_without_policies_everybody_may_use_what_is_on(
    ada_client: AccountClient, branch: ProductBranch, product: Product, llms: tuple[Llm, Llm]
) -> None:
    rows = matrix(ada_client, product)

    assert list(rows) == ["global", "Marketing", "Content"]
    assert all(cell.is_allowed and not cell.own for cells in rows.values() for cell in cells)


def test_a_click_blocks_and_what_is_below_follows(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
) -> None:
    gpt, _haiku = llms

    response = ada_client.post(
        at(product, "organization", branch.organization, gpt), {"act": "block"}
    )

    assert response.status_code == 302
    assert policy_of(branch.organization) == LlmPolicy(block=frozenset({gpt.pk}))
    rows = matrix(ada_client, product)
    assert [(cell.is_allowed, cell.own) for cell in rows["Marketing"]] == [
        (False, "blocked"),
        (True, ""),
    ]
    assert [(cell.is_allowed, cell.own) for cell in rows["Content"]] == [(False, ""), (True, "")]


def test_before_a_click_counts_one_sees_who_loses_what(
    ada_client: AccountClient, branch: ProductBranch, product: Product, llms: tuple[Llm, Llm]
) -> None:
    response = ada_client.get(at(product, "team", branch.team, llms[0]), HTTP_HX_REQUEST="true")

    text = text_of(response)
    # Theo and Mia sit in the team.
    assert "2 places lose GPT-5" in text
    assert "As it is now." in text


def test_a_policy_is_shown_before_it_is_applied(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
) -> None:
    gpt, haiku = llms
    sent = {"has_list": "on", "only": [str(haiku.pk)], "is_locked": "on", "reason": "Costs"}
    path = at(product, "team", branch.team)

    shown = ada_client.post(path, {**sent, "act": "preview"})
    assert policy_of(branch.team) == LlmPolicy()
    assert "This changes 2 places" in text_of(shown)
    ada_client.post(path, {**sent, "act": "apply"})

    assert policy_of(branch.team) == LlmPolicy(only=frozenset({haiku.pk}), is_locked=True)
    assert "gpt-5" not in text_of(ada_client.get(f"/{product.slug}/me/"))
    assert gpt.pk not in policy_of(branch.team).block


def test_a_change_is_reverted_by_one_click(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
) -> None:
    ada_client.post(at(product, "team", branch.team, llms[0]), {"act": "block"})
    assert "You changed Content." in text_of(ada_client.get(f"/{product.slug}/llm-access/"))

    ada_client.post(f"/{product.slug}/llm-access/undo/")

    assert policy_of(branch.team) == LlmPolicy()


def test_nobody_reverts_or_overwrites_what_somebody_else_has_said_since(
    ada_client: AccountClient,
    client_for: Callable[..., AccountClient],
    olga: User,
    acme: Account,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
) -> None:
    gpt, haiku = llms
    olgas = client_for(olga, acme)
    page = at(product, "team", branch.team)
    ada_client.post(at(product, "team", branch.team, gpt), {"act": "block"})
    shown = ada_client.get(page).context["seen"]
    olgas.post(at(product, "team", branch.team, haiku), {"act": "block"})
    both = LlmPolicy(block=frozenset({gpt.pk, haiku.pk}))

    reverted = ada_client.post(f"/{product.slug}/llm-access/undo/", follow=True)
    sent = ada_client.post(page, {"seen": shown, "act": "apply"})

    assert "Somebody has changed Content since." in text_of(reverted)
    assert sent.status_code == 422
    assert "Somebody has changed Content since." in text_of(sent)
    assert "Never: GPT-5, Haiku" in text_of(sent)
    assert policy_of(branch.team) == both
    # Who has seen it by now may save.
    ada_client.post(page, {"seen": sent.context["seen"], "act": "apply"})
    assert policy_of(branch.team) == LlmPolicy()


def test_an_llm_that_is_off_keeps_its_place_in_a_policy(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
) -> None:
    from core.access.services import switch_llm_off

    gpt, haiku = llms
    ada_client.post(at(product, "team", branch.team, gpt), {"act": "block"})
    with in_account(acme):
        switch_llm_off(product=product.slug, llm_id=gpt.pk, llm_name="gpt-5", actor=TESTS)

    ada_client.post(at(product, "team", branch.team), {"block": [str(haiku.pk)], "act": "apply"})

    assert policy_of(branch.team).block == {gpt.pk, haiku.pk}


@pytest.mark.parametrize(
    "path",
    ["llm-access/planet/{team}/", "llm-access/team/{organization}/", "llm-access/member/{team}/"],
)
def test_a_node_of_another_kind_is_not_found(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    path: str,
) -> None:
    known = path.format(team=branch.team.pk, organization=branch.organization.pk)

    assert ada_client.get(f"/{product.slug}/{known}").status_code == 404


def test_the_matrix_takes_a_fixed_number_of_queries(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product,
    llms: tuple[Llm, Llm],
) -> None:  # fmt: skip
    path = f"/{product.slug}/llm-access/?open={branch.team.pk}"
    few = queries_of(ada_client, path)
    with in_account(acme):
        add_teams(product, 5)
        add_members(product, 5)

    assert queries_of(ada_client, path) == few


# -- features --------------------------------------------------------------------------------------


def test_a_feature_is_turned_off_for_a_team(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product
) -> None:
    path = f"/{product.slug}/features/team/{branch.team.pk}/image_generation/"
    assert "2 places lose it." in text_of(ada_client.get(path))

    ada_client.post(path, {"act": "off-locked"})

    with in_account(acme):
        switches = feature_switches(product.slug)["image_generation"]
    assert switches == {branch.team.pk: Switch(is_on=False, is_locked=True)}


def test_what_the_account_does_not_have_cannot_be_switched(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product
) -> None:
    with in_public():
        set_features(account=acme, product=product.slug, features=(), actor=TESTS)

    response = ada_client.get(f"/{product.slug}/features/")

    assert "Not in your plan" in text_of(response)
    cells = [cell for line in response.context["rows"] for cell in line.cells]
    assert cells
    assert not any(cell.is_allowed for cell in cells)
    assert not any("hx-get" in line.html for line in response.context["rows"])


def test_a_feature_that_does_not_exist_is_not_found(
    ada_client: AccountClient, branch: ProductBranch, product: Product
) -> None:
    path = f"/{product.slug}/features/team/{branch.team.pk}/levitation/"

    assert ada_client.get(path).status_code == 404


# -- effective access ------------------------------------------------------------------------------


def test_somebody_is_found_by_name(
    ada_client: AccountClient, branch: ProductBranch, product: Product
) -> None:
    response = ada_client.get(f"/{product.slug}/access/", {"q": "mia"}, HTTP_HX_REQUEST="true")

    assert "Mia Member" in text_of(response)
    assert "Theo" not in text_of(response)


def test_a_refusal_is_explained_with_the_change_that_would_flip_it(
    ada_client: AccountClient, branch: ProductBranch, product: Product, llms: tuple[Llm, Llm]
) -> None:
    gpt, _haiku = llms
    ada_client.post(at(product, "organization", branch.organization, gpt), {"act": "block"})
    asked = {"member": branch.member.pk, "about": f"llm:{gpt.pk}"}

    response = ada_client.get(f"/{product.slug}/access/", asked)

    reasons = response.context["reasons"]
    assert not reasons.is_allowed
    assert [sentence for sentence, _allowed, decisive in reasons.steps if decisive] == [
        "Marketing blocks GPT-5"
    ]
    assert reasons.changes == [
        ("Stop blocking GPT-5 in Marketing", at(product, "organization", branch.organization))
    ]
    assert ada_client.get(reasons.changes[0][1]).status_code == 200


def test_what_is_listed_is_what_is_explained(
    ada_client: AccountClient, branch: ProductBranch, product: Product, llms: tuple[Llm, Llm]
) -> None:
    gpt, _haiku = llms
    ada_client.post(at(product, "member", branch.member, gpt), {"act": "block"})

    response = ada_client.get(f"/{product.slug}/access/", {"member": branch.member.pk})

    answers = {answer.title: answer for answer in response.context["answers"]}
    assert (answers["GPT-5"].is_allowed, answers["Haiku"].is_allowed) == (False, True)
    for answer in answers.values():
        why = ada_client.get(answer.href.split("#")[0]).context["reasons"]
        assert why.is_allowed == answer.is_allowed


@pytest.mark.parametrize("about", ["", "llm:", "llm:nothing", "planet:x", "feature:levitation"])
def test_a_question_about_nothing_has_no_answer(
    ada_client: AccountClient, branch: ProductBranch, product: Product, about: str
) -> None:
    asked = {"member": branch.member.pk, "about": about}

    response = ada_client.get(f"/{product.slug}/access/", asked)

    assert response.status_code == 200
    assert response.context["reasons"] is None


def test_somebody_of_another_account_is_not_found(
    ada_client: AccountClient, globex: Account, product: Product, max_: User
) -> None:
    with in_account(globex):
        stranger = product.member._default_manager.get(user=max_)

    response = ada_client.get(f"/{product.slug}/access/", {"member": str(stranger.pk)})

    assert response.status_code == 404


# -- many at once ----------------------------------------------------------------------------------


def test_what_is_ticked_is_previewed_applied_whole_and_reverted(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
) -> None:
    gpt, haiku = llms
    ada_client.post(at(product, "team", branch.team, gpt), {"act": "block"})
    ticked = {
        "node": [str(branch.organization.pk), str(branch.team.pk)],
        "thing": [str(gpt.pk), str(haiku.pk)],
    }
    path = f"/{product.slug}/llm-access/many/"

    seen = ada_client.get(path, ticked)
    assert "Change 2 nodes" in text_of(seen)
    assert policy_of(branch.organization) == LlmPolicy()
    losing = {shift.title for each in seen.context["choices"] for shift in each.shifts["losses"]}
    assert losing == {"GPT-5", "Haiku"}
    ada_client.post(path, {**ticked, "act": "block", "reason": "Costs"})

    both = frozenset({gpt.pk, haiku.pk})
    assert policy_of(branch.organization).block == policy_of(branch.team).block == both
    assert "You changed 2 nodes." in text_of(ada_client.get(f"/{product.slug}/llm-access/"))

    ada_client.post(f"/{product.slug}/llm-access/undo/")

    assert policy_of(branch.organization) == LlmPolicy()
    assert policy_of(branch.team) == LlmPolicy(block=frozenset({gpt.pk}))


def test_features_of_many_nodes_are_changed_and_reverted(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product
) -> None:
    ticked = {
        "node": [str(branch.organization.pk), str(branch.team.pk)],
        "thing": ["image_generation"],
    }
    path = f"/{product.slug}/features/many/"
    assert "lose Image generation" in text_of(ada_client.get(path, ticked))

    ada_client.post(path, {**ticked, "act": "off-locked"})

    with in_account(acme):
        assert set(feature_switches(product.slug)["image_generation"]) == {
            branch.organization.pk,
            branch.team.pk,
        }
    ada_client.post(f"/{product.slug}/features/undo/")
    with in_account(acme):
        assert feature_switches(product.slug) == {}


def test_a_feature_that_changed_again_is_not_reverted(
    ada_client: AccountClient,
    client_for: Callable[..., AccountClient],
    olga: User,
    acme: Account,
    branch: ProductBranch,
    product: Product,
) -> None:
    path = f"/{product.slug}/features/team/{branch.team.pk}/image_generation/"
    ada_client.post(path, {"act": "on"})
    client_for(olga, acme).post(path, {"act": "off-locked"})

    reverted = ada_client.post(f"/{product.slug}/features/undo/", follow=True)

    assert "Somebody has changed Content since." in text_of(reverted)
    with in_account(acme):
        assert feature_switches(product.slug)["image_generation"] == {
            branch.team.pk: Switch(is_on=False, is_locked=True)
        }


def test_a_click_counts_only_for_what_it_was_shown(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
) -> None:
    gpt, haiku = llms
    of_llm = at(product, "team", branch.team, gpt)
    of_feature = f"/{product.slug}/features/team/{branch.team.pk}/image_generation/"
    stale = {path: ada_client.get(path).context["seen"] for path in (of_llm, of_feature)}
    ada_client.post(at(product, "team", branch.team, haiku), {"act": "block"})
    ada_client.post(of_feature, {"act": "off", "seen": stale[of_feature]})

    answers = [
        ada_client.post(path, {"act": act, "seen": stale[path]}, follow=True)
        for path, act in ((of_llm, "block"), (of_feature, "on"))
    ]

    for answer in answers:
        assert "Somebody has changed Content since." in text_of(answer)
    assert policy_of(branch.team) == LlmPolicy(block=frozenset({haiku.pk}))
    with in_account(acme):
        assert feature_switches(product.slug)["image_generation"] == {
            branch.team.pk: Switch(is_on=False)
        }


@pytest.mark.parametrize("page", ["llm-access", "features"])
def test_many_are_shown_again_when_one_has_changed(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
    page: str,
) -> None:
    gpt, _haiku = llms
    thing = str(gpt.pk) if page == "llm-access" else "image_generation"
    act, other = ("block", "allow") if page == "llm-access" else ("off", "on")
    asked = {"all": "1", "kind": "team", "thing": thing}
    path = f"/{product.slug}/{page}/many/"
    seen = ada_client.get(path, asked).context["seen"]
    one = f"/{product.slug}/{page}/team/{branch.team.pk}/{thing}/"
    ada_client.post(one, {"act": other})

    stale = ada_client.post(path, {**asked, "act": act, "reason": "Costs", "seen": seen})

    assert stale.status_code == 409
    assert "Somebody has changed some of these since." in text_of(stale)
    assert 'value="Costs"' in stale.content.decode()
    fresh = {**asked, "act": act, "seen": stale.context["seen"]}
    assert ada_client.post(path, fresh).status_code == 302


@pytest.mark.parametrize("page", ["llm-access", "features"])
@pytest.mark.parametrize("ticked", [{}, {"node": "x", "thing": "y"}, {"thing": "image_generation"}])
def test_nothing_ticked_changes_nothing(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    page: str,
    ticked: dict[str, str],
) -> None:
    for ask in (ada_client.get, ada_client.post):
        answer = ask(f"/{product.slug}/{page}/many/", {**ticked, "act": "block"})
        assert answer.status_code == 302


def test_a_branch_admin_ticks_within_the_branch_alone(
    client_for: Callable[..., AccountClient],
    acme: Account,
    branch: ProductBranch,
    product: Product,
    llms: tuple[Llm, Llm],
    policy_of: Callable[[Any], LlmPolicy],
    olga: User,
) -> None:
    ticked = {
        "node": [str(branch.organization.pk), str(branch.team.pk)],
        "thing": [str(llms[0].pk)],
    }

    client_for(olga, acme).post(f"/{product.slug}/llm-access/many/", {**ticked, "act": "block"})

    # The organization is the top of her branch: what it has is decided above her.
    assert policy_of(branch.organization) == LlmPolicy()
    assert policy_of(branch.team).block == {llms[0].pk}
