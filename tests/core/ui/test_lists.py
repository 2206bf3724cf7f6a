"""The lists of organizations, teams and members, in both products."""

from collections.abc import Callable

import pytest

from core.hierarchy.product import Product
from core.hierarchy.services import members, memberships, nodes
from core.identity import services as identity
from core.identity.models import User
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.people import (
    Adding,
    add_members,
    add_organizations,
    add_teams,
    member_of,
    organization_of,
    queries_of,
    team_of,
)
from tests.factories.identity import UserFactory

Clients = Callable[..., AccountClient]


@pytest.fixture
def ada_client(client_for: Clients, ada: User, in_acme: Account) -> AccountClient:
    return client_for(ada, in_acme)


@pytest.mark.parametrize(
    ("noun", "add"),
    [("organization", add_organizations), ("team", add_teams), ("member", add_members)],
)
def test_a_list_takes_as_many_queries_for_3_rows_as_for_30(
    ada_client: AccountClient, product: Product, noun: str, add: Adding
) -> None:
    path = f"/{product.slug}/{noun}/"
    add(product, 3)
    few = queries_of(ada_client, path)

    add(product, 27)

    assert queries_of(ada_client, path) == few
    assert few <= 14


def test_organizations_show_what_is_in_them(ada_client: AccountClient, product: Product) -> None:
    page = ada_client.get(f"/{product.slug}/organization/").content.decode()

    assert "Marketing" in page
    assert "global" in page
    assert "inherits" in page


def test_archived_teams_are_out_of_sight_until_asked_for(
    ada_client: AccountClient, product: Product
) -> None:
    team = nodes.create_team(
        product=product, organization=organization_of(product), name="Old guard", actor=TESTS
    )
    nodes.archive_node(product=product, node=team, actor=TESTS)
    path = f"/{product.slug}/team/"

    assert b"Old guard" not in ada_client.get(path).content
    assert b"Old guard" in ada_client.get(f"{path}?state=archived").content
    assert b"Old guard" in ada_client.get(f"{path}?state=all").content
    assert b'name">Content' not in ada_client.get(f"{path}?state=archived").content


def test_teams_can_be_narrowed_to_one_organization(
    ada_client: AccountClient, product: Product
) -> None:
    sales = nodes.create_organization(product=product, name="Sales", actor=TESTS)
    nodes.create_team(product=product, organization=sales, name="Europe", actor=TESTS)

    page = ada_client.get(f"/{product.slug}/team/?organization={sales.pk}").content

    assert b"Europe" in page
    assert b'name">Content' not in page


def test_members_can_be_narrowed_to_a_team_and_to_an_organization(
    ada_client: AccountClient, product: Product
) -> None:
    path = f"/{product.slug}/member/"

    in_team = ada_client.get(f"{path}?place={team_of(product).pk}").content
    in_organization = ada_client.get(f"{path}?place={organization_of(product).pk}").content

    assert b"mia@acme.example" in in_team
    assert b"olga@acme.example" not in in_team
    assert b"olga@acme.example" in in_organization


@pytest.mark.parametrize("state", ["current", "invited", "deactivated", "archived"])
def test_members_can_be_narrowed_by_state(
    ada_client: AccountClient, product: Product, mia: User, theo: User, state: str
) -> None:
    members.invite_member(product=product, email="new@acme.example", actor=TESTS)
    identity.deactivate_user(user=theo, actor=TESTS)
    members.archive_member(product=product, member=member_of(product, mia), actor=TESTS)
    shown = {
        "current": {"new", "theo", "olga"},
        "invited": {"new"},
        "deactivated": {"theo"},
        "archived": {"mia"},
    }[state]

    page = ada_client.get(f"/{product.slug}/member/?state={state}").content.decode()

    everybody = {"new", "theo", "olga", "mia"}
    assert {name for name in everybody if f"{name}@acme.example" in page} == shown


def test_a_filter_that_nobody_offers_shows_what_is_shown_by_default(
    ada_client: AccountClient, product: Product
) -> None:
    response = ada_client.get(f"/{product.slug}/member/?state=nonsense&place=neither")

    assert response.status_code == 200
    assert b"mia@acme.example" in response.content


def test_a_name_is_text_and_never_markup(ada_client: AccountClient, product: Product) -> None:
    user = UserFactory(name="<script>alert(1)</script>")
    members.create_member(product=product, user=user, actor=TESTS)
    nodes.create_organization(product=product, name="<b>bold</b>", actor=TESTS)

    people = ada_client.get(f"/{product.slug}/member/").content
    organizations = ada_client.get(f"/{product.slug}/organization/").content

    assert b"<script>alert(1)" not in people
    assert b"<b>bold</b>" not in organizations


def test_an_empty_list_says_what_to_do(
    client_for: Clients, globex: Account, eve: User, product: Product
) -> None:
    page = client_for(eve, globex).get(f"/{product.slug}/team/?q=nothing-is-called-that").content

    assert b"Nothing matches" in page


def test_a_long_list_of_places_is_cut_short(
    ada_client: AccountClient, product: Product, mia: User
) -> None:
    for name in ("One", "Two", "Three"):
        team = nodes.create_team(
            product=product, organization=organization_of(product), name=name, actor=TESTS
        )
        memberships.place_member(
            product=product,
            member=member_of(product, mia),
            organization=organization_of(product),
            team=team,
            actor=TESTS,
        )

    page = ada_client.get(f"/{product.slug}/member/").content.decode()

    assert "2 more" in page


def test_nothing_is_deleted_here(ada_client: AccountClient, product: Product) -> None:
    team = team_of(product)

    assert ada_client.get(f"/{product.slug}/team/{team.pk}/delete/").status_code == 404
