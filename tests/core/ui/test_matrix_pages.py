"""The matrix of a large account: what is shown at once, found, opened, ticked and changed."""

from collections.abc import Callable
from typing import Any

import pytest

from core.access.selectors import feature_switches, llm_policies
from core.access.services import switch_llm_on
from core.hierarchy import matrix as rows_of_matrix
from core.hierarchy.product import Product
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account, Llm
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of
from tests.core.ui.people import add_members, add_teams, queries_of
from tests.factories.tenants import LlmFactory

PAGES = ["llm-access", "features"]


@pytest.fixture
def llm(acme: Account) -> Llm:
    """One LLM that is on in both products."""
    made: Llm = LlmFactory(name="gpt-5", title="GPT-5", offered_to=acme)
    with in_account(acme):
        for product in ("copilot", "console"):
            switch_llm_on(product=product, llm_id=made.pk, llm_name=made.name, actor=TESTS)
    return made


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, acme: Account, product: Product) -> None:
    """An account whose teams are too many to be shown at once: pages of five, few are three."""
    monkeypatch.setattr(rows_of_matrix, "PAGE", 5)
    monkeypatch.setattr(rows_of_matrix, "FEW_TEAMS", 3)
    with in_account(acme):
        add_teams(product, 12)


def shown(client: AccountClient, product: Product, where: str, **query: Any) -> list[str]:
    response = client.get(f"/{product.slug}/{where}/", query)
    assert response.status_code == 200
    return [line.row.node.label for line in response.context["rows"]]


@pytest.mark.parametrize("page", PAGES)
def test_a_large_account_begins_with_its_organizations(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llm: Llm,
    large: None,
    page: str,
) -> None:
    assert shown(ada_client, product, page) == ["global", "Marketing"]


@pytest.mark.parametrize("page", PAGES)
def test_the_teams_of_one_come_by_opening_it(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llm: Llm,
    large: None,
    page: str,
) -> None:
    response = ada_client.get(f"/{product.slug}/{page}/", {"open": branch.organization.pk})

    lines = response.context["rows"]
    assert [line.row.node.label for line in lines][:5] == [
        "global", "Marketing", "Content", "Squad 0", "Squad 1",
    ]  # fmt: skip
    more = [each for line in lines for each in line.more]
    assert [words for words, _href in more] == ["8 more teams"]
    [(_words, href)] = more
    listed = ada_client.get(href)
    assert [line.row.node.label for line in listed.context["rows"]][:2] == ["Content", "Squad 0"]
    assert "In Marketing" in text_of(listed)


def test_the_members_of_a_team_come_by_opening_it_and_its_organization_stays_open(
    ada_client: AccountClient, branch: ProductBranch, product: Product, llm: Llm, large: None
) -> None:
    response = ada_client.get(f"/{product.slug}/llm-access/", {"open": branch.team.pk})

    lines = {line.row.node.label: line for line in response.context["rows"]}
    assert lines["Marketing"].row.is_open
    assert lines["Content"].row.is_open
    assert {"Mia Member", "Theo Team"} & lines.keys()
    # To close the team is to open its organization.
    assert str(branch.organization.pk) in lines["Content"].open_href


def test_a_name_finds_organizations_teams_and_members(
    ada_client: AccountClient, branch: ProductBranch, product: Product, llm: Llm, large: None
) -> None:
    assert shown(ada_client, product, "llm-access", q="squad 11") == ["Squad 11"]
    assert shown(ada_client, product, "llm-access", q="mia") == ["Mia Member"]
    assert shown(ada_client, product, "llm-access", q="mark") == ["Marketing"]
    assert shown(ada_client, product, "llm-access", q="nobody at all") == []


def test_a_list_goes_on_over_pages_and_kinds(
    ada_client: AccountClient, branch: ProductBranch, product: Product, llm: Llm, large: None
) -> None:
    pages = [
        shown(ada_client, product, "llm-access", kind="team", page=number) for number in (1, 2, 3)
    ]

    assert [len(page) for page in pages] == [5, 5, 3]
    assert len({name for page in pages for name in page}) == 13
    everything = [
        name
        for number in range(1, 6)
        for name in shown(ada_client, product, "llm-access", q=" a ", page=number)
    ]
    assert everything[0] == "Marketing"
    assert everything.index("Squad 0") < everything.index("Mia Member")


@pytest.mark.parametrize("page", PAGES)
def test_the_queries_of_a_page_do_not_grow_with_the_account(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    product: Product,
    llm: Llm,
    large: None,
    page: str,
) -> None:
    paths = [
        f"/{product.slug}/{page}/",
        f"/{product.slug}/{page}/?open={branch.team.pk}",
        f"/{product.slug}/{page}/?q=squad",
    ]
    with in_account(acme):
        # More than a page of everything, so that what is left out is counted.
        add_members(product, 6)
    before = [queries_of(ada_client, path) for path in paths]
    with in_account(acme):
        add_teams(product, 10)
        add_members(product, 10)

    assert [queries_of(ada_client, path) for path in paths] == before


def test_what_is_ticked_stays_ticked_while_one_moves_about(
    ada_client: AccountClient, branch: ProductBranch, product: Product, llm: Llm, large: None
) -> None:
    ids = [str(branch.team.pk), str(branch.organization.pk)]
    ticked: dict[str, Any] = {"node": ids, "thing": [str(llm.pk)]}

    answer = ada_client.get(f"/{product.slug}/llm-access/", ticked, HTTP_HX_REQUEST="true")

    assert answer.context["ticked_elsewhere"] == [branch.team.pk]
    assert [line.row.node.label for line in answer.context["rows"] if line.is_ticked] == [
        "Marketing"
    ]
    assert "1 more row ticked elsewhere" in text_of(answer)
    assert b"<html" not in answer.content


def test_all_that_match_are_previewed_changed_and_reverted_as_one(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    product: Product,
    llm: Llm,
    large: None,
) -> None:
    path = f"/{product.slug}/llm-access/many/"
    asked: dict[str, Any] = {"all": "1", "q": "squad", "kind": "team", "thing": [llm.pk]}

    preview = ada_client.get(path, asked)
    ada_client.post(path, {**asked, "act": "block"})

    assert "12 nodes" in text_of(preview)
    with in_account(acme):
        said = llm_policies(product.slug)
        assert len(said) == 12
        assert branch.team.pk not in said
        assert {policy.block for policy in said.values()} == {frozenset({llm.pk})}
    ada_client.post(f"/{product.slug}/llm-access/undo/")
    with in_account(acme):
        assert llm_policies(product.slug) == {}


def test_all_of_a_tree_are_its_organizations_and_teams(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, product: Product, large: None
) -> None:
    path = f"/{product.slug}/features/many/"

    ada_client.post(path, {"all": "1", "thing": ["image_generation"], "act": "off"})

    with in_account(acme):
        # Twelve squads, Content and Marketing.
        assert len(feature_switches(product.slug)["image_generation"]) == 14
    ada_client.post(f"/{product.slug}/features/undo/")
    with in_account(acme):
        assert feature_switches(product.slug) == {}


def test_all_are_those_of_ones_own_branch(
    acme: Account,
    branch: ProductBranch,
    product: Product,
    llm: Llm,
    large: None,
    olga: User,
    client_for: Callable[..., AccountClient],
) -> None:
    other = f"/{product.slug}/llm-access/many/"

    client_for(olga, acme).post(other, {"all": "1", "thing": [llm.pk], "act": "block"})

    with in_account(acme):
        # Her organization itself is decided above her.
        said: dict[Any, Any] = dict(llm_policies(product.slug))
        assert len(said) == 13
        assert branch.organization.pk not in said


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=999999999999", "page=x", "open=x", "in=x", "kind=planet", "q=%00", "node=x"],
)
def test_a_query_that_makes_no_sense_is_as_if_it_were_not_there(
    ada_client: AccountClient,
    branch: ProductBranch,
    product: Product,
    llm: Llm,
    query: str,
) -> None:
    for page in PAGES:
        assert ada_client.get(f"/{product.slug}/{page}/?{query}").status_code == 200
