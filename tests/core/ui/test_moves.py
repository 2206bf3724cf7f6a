"""Moving teams and places, over HTTP, in both products."""

from collections.abc import Callable
from typing import Any

import pytest

from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from core.identity.models import User
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import branch_of, text_of
from tests.core.ui.people import member_of, organization_of, team_of

Clients = Callable[..., AccountClient]


@pytest.fixture
def ada_client(client_for: Clients, ada: User, in_acme: Account) -> AccountClient:
    return client_for(ada, in_acme)


@pytest.fixture
def sales(in_acme: Account, product: Product) -> Any:
    branch_of(product)
    return nodes.create_organization(product=product, name="Sales", actor=TESTS)


def address(product: Product) -> str:
    return f"/{product.slug}/team/{team_of(product).pk}/move/"


def test_a_team_s_move_is_previewed_and_then_done(
    ada_client: AccountClient, product: Product, sales: Any
) -> None:
    path = address(product)

    page = text_of(ada_client.get(f"{path}?target={sales.pk}"))
    before = team_of(product).organization
    response = ada_client.post(path, {"target": str(sales.pk), "reason": "New line"})

    assert "400 free credits travel with the team." in page
    assert "from the next cycle on Sales provides it, not Marketing." in page
    assert "Olga Organizer will not administer it any more." in page
    assert before == organization_of(product)
    assert response["Location"] == f"/{product.slug}/team/{team_of(product).pk}/change/"
    assert team_of(product).organization == sales


def test_a_place_s_move_is_previewed_and_then_done(
    ada_client: AccountClient, product: Product, sales: Any, mia: User
) -> None:
    member = member_of(product, mia)
    place = member.memberships.get(team=team_of(product))
    path = f"/{product.slug}/member/{member.pk}/places/{place.pk}/move/"

    page = text_of(ada_client.get(f"{path}?target={sales.pk}"))
    ada_client.post(path, {"target": str(sales.pk)})

    place.refresh_from_db()
    assert "Nothing above the new place has an allocation" in page
    assert (place.organization, place.team) == (sales, None)


def test_what_cannot_be_done_comes_back_with_the_reason(
    ada_client: AccountClient, product: Product, sales: Any
) -> None:
    nodes.create_team(product=product, organization=sales, name="Content", actor=TESTS)

    response = ada_client.post(
        address_of(product, organization_of(product)), {"target": str(sales.pk)}
    )

    assert response.status_code == 422
    assert "There is already one called Content." in text_of(response)


def address_of(product: Product, organization: Any) -> str:
    team: Any = product.team._default_manager
    return f"/{product.slug}/team/{team.get(name='Content', organization=organization).pk}/move/"


@pytest.mark.parametrize("target", ["", "nonsense", "11111111-1111-1111-1111-111111111111"])
def test_a_target_that_is_not_there_is_refused(
    ada_client: AccountClient, product: Product, sales: Any, target: str
) -> None:
    assert ada_client.post(address(product), {"target": target}).status_code == 422
    assert ada_client.get(f"{address(product)}?target={target}").status_code == 422


def test_nothing_is_moved_into_or_out_of_another_branch(
    client_for: Clients, in_acme: Account, product: Product, sales: Any, olga: User, mia: User
) -> None:
    olgas = client_for(olga, in_acme)
    elsewhere = nodes.create_team(product=product, organization=sales, name="Europe", actor=TESTS)
    member = member_of(product, mia)
    place = member.memberships.get(team=team_of(product))
    place_path = f"/{product.slug}/member/{member.pk}/places/{place.pk}/move/"

    out = olgas.post(address(product), {"target": str(sales.pk)})
    person_out = olgas.post(place_path, {"target": str(elsewhere.pk)})
    into = olgas.post(
        f"/{product.slug}/team/{elsewhere.pk}/move/", {"target": str(organization_of(product).pk)}
    )

    assert (out.status_code, person_out.status_code, into.status_code) == (422, 422, 404)
    assert "Sales" not in text_of(olgas.get(address(product)))
