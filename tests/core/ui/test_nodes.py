"""The pages of organizations and teams, in both products."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from core.audit.models import AuditEntry
from core.hierarchy.product import Product
from core.hierarchy.services import members
from core.identity.models import User
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.people import (
    add_members,
    add_teams,
    member_of,
    organization_of,
    queries_of,
    team_of,
)


@pytest.fixture
def ada_client(
    client_for: Callable[..., AccountClient], ada: User, in_acme: Account
) -> AccountClient:
    return client_for(ada, in_acme)


def path_of(product: Product, noun: str, node_id: object, act: str = "change") -> str:
    return f"/{product.slug}/{noun}/{node_id}/{act}/"


def test_an_organization_is_created_and_shown(ada_client: AccountClient, product: Product) -> None:
    answer = ada_client.post(f"/{product.slug}/organization/add/", {"name": "  Sales  Europe "})

    created = organization_of(product, "Sales Europe")
    assert answer["Location"] == path_of(product, "organization", created.pk)
    assert AuditEntry.objects.filter(target_id=str(created.pk)).get().actor_label == "Ada Admin"
    assert "Sales Europe" in ada_client.get(answer["Location"]).content.decode()


def test_a_team_is_created_in_the_organization_that_was_chosen(
    ada_client: AccountClient, product: Product
) -> None:
    organization = organization_of(product)
    path = f"/{product.slug}/team/add/?organization={organization.pk}"

    form = ada_client.get(path).content.decode()
    ada_client.post(path, {"organization": organization.pk, "name": "Events"})

    assert f'<option value="{organization.pk}" selected>' in form
    assert team_of(product, "Events").organization == organization


def test_a_team_needs_an_organization_first(
    client_for: Callable[..., AccountClient], globex: Account, eve: User, product: Product
) -> None:
    client = client_for(eve, globex)
    organization = client.get(f"/{product.slug}/team/add/")

    assert b"<form" in organization.content


def test_a_name_that_is_taken_comes_back_with_the_input(
    ada_client: AccountClient, product: Product
) -> None:
    answer = ada_client.post(f"/{product.slug}/organization/add/", {"name": "marketing"})

    assert answer.status_code == 422
    assert b"There is already one called marketing." in answer.content
    assert b'value="marketing"' in answer.content


def test_a_team_is_renamed(ada_client: AccountClient, product: Product) -> None:
    team = team_of(product)

    ada_client.post(path_of(product, "team", team.pk, "rename"), {"name": "Editorial"})

    team.refresh_from_db()
    assert team.name == "Editorial"


def test_a_refused_name_opens_the_dialog_again(ada_client: AccountClient, product: Product) -> None:
    add_teams(product, 1)
    team = team_of(product)

    answer = ada_client.post(path_of(product, "team", team.pk, "rename"), {"name": "squad 0"})

    assert answer.status_code == 422
    assert b"data-shown" in answer.content
    team.refresh_from_db()
    assert team.name == "Content"


def test_a_team_with_members_is_not_archived_and_the_page_says_why(
    ada_client: AccountClient, product: Product
) -> None:
    team = team_of(product)

    answer = ada_client.post(path_of(product, "team", team.pk, "archive"), {}, follow=True)

    assert b"Remove its members first." in answer.content
    team.refresh_from_db()
    assert team.archived_at is None


def test_before_archiving_a_page_says_what_has_to_leave_and_what_stops(
    ada_client: AccountClient, product: Product
) -> None:
    add_teams(product, 1)
    full, empty = team_of(product), team_of(product, "Squad 0")

    refused = ada_client.get(path_of(product, "team", full.pk, "archive")).content.decode()
    asked = ada_client.get(path_of(product, "team", empty.pk, "archive")).content.decode()

    full.refresh_from_db()
    assert "members: move or remove them." in refused
    assert f"/{product.slug}/member/?place={full.pk}" in refused
    assert 'name="archive-reason"' not in refused
    assert "There are no free credits to give back." in asked
    assert 'name="archive-reason"' in asked
    assert not full.is_archived


def test_who_is_archived_already_is_not_asked_about(
    ada_client: AccountClient, product: Product
) -> None:
    add_teams(product, 1)
    at = path_of(product, "team", team_of(product, "Squad 0").pk, "archive")
    ada_client.post(at)

    assert ada_client.get(at).status_code == 302


def test_an_empty_team_is_archived_with_a_reason_and_restored(
    ada_client: AccountClient, product: Product
) -> None:
    add_teams(product, 1)
    team = team_of(product, "Squad 0")

    ada_client.post(
        path_of(product, "team", team.pk, "archive"), {"archive-reason": "merged"}, follow=True
    )
    team.refresh_from_db()
    was_archived = team.is_archived
    page = ada_client.post(path_of(product, "team", team.pk, "restore"), follow=True)

    team.refresh_from_db()
    assert was_archived
    assert not team.is_archived
    assert b"is back in use" in page.content
    entry = AuditEntry.objects.get(target_id=str(team.pk), verb="team.archived")
    assert entry.reason == "merged"


def test_people_are_found_and_put_into_a_team(
    ada_client: AccountClient, product: Product, olga: User
) -> None:
    team = team_of(product)
    path = path_of(product, "team", team.pk, "candidates")

    found = ada_client.get(f"{path}?q=olg", headers={"HX-Request": "true"}).content.decode()
    ada_client.post(
        path_of(product, "team", team.pk, "members"), {"member": member_of(product, olga).pk}
    )

    assert "olga@acme.example" in found
    assert "mia@acme.example" not in found
    assert "<html" not in found
    assert b"olga@acme.example" in ada_client.get(path_of(product, "team", team.pk)).content
    assert "Every member is in here already." not in found


def test_the_search_for_people_is_a_page_of_its_own_without_htmx(
    ada_client: AccountClient, product: Product
) -> None:
    path = path_of(product, "organization", organization_of(product).pk, "candidates")

    page = ada_client.get(f"{path}?q=zzz").content

    assert b"<html" in page
    assert b"No other member is called that." in page


def test_global_is_shown_but_not_changed(ada_client: AccountClient, product: Product) -> None:
    everyone = organization_of(product, "global")
    path = path_of(product, "organization", everyone.pk)

    page = ada_client.get(path).content.decode()
    answer = ada_client.post(
        path_of(product, "organization", everyone.pk, "rename"), {"name": "all"}
    )

    assert "Everyone with a seat is in global." in page
    assert 'data-open="rename"' not in page
    assert answer.status_code == 422


@pytest.mark.parametrize("noun", ["organization", "team"])
def test_a_page_takes_as_many_queries_for_3_members_as_for_30(
    ada_client: AccountClient, product: Product, noun: str
) -> None:
    node = organization_of(product) if noun == "organization" else team_of(product)
    path = path_of(product, noun, node.pk)
    add_members(product, 3)
    few = queries_of(ada_client, path)

    add_members(product, 27)

    assert queries_of(ada_client, path) == few
    assert few <= 14


@pytest.mark.parametrize("noun", ["organization", "team", "member"])
def test_what_does_not_exist_is_not_found(
    ada_client: AccountClient, product: Product, noun: str
) -> None:
    answer = ada_client.get(path_of(product, noun, uuid4()))

    assert answer.status_code == 404
    assert b"There is no such" in answer.content


def test_another_account_s_team_is_not_found(
    client_for: Callable[..., AccountClient],
    globex: Account,
    eve: User,
    in_acme: Account,
    product: Product,
) -> None:
    team = team_of(product)

    answer = client_for(eve, globex).get(path_of(product, "team", team.pk))

    assert answer.status_code == 404


def test_the_address_of_a_button_is_not_a_page(ada_client: AccountClient, product: Product) -> None:
    answer = ada_client.get(path_of(product, "team", team_of(product).pk, "rename"))

    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    assert b"what a button of another page sends" in answer.content


def test_an_archived_member_does_not_keep_a_team_from_being_archived(
    ada_client: AccountClient, product: Product, mia: User, theo: User
) -> None:
    team = team_of(product)
    for user in (mia, theo):
        members.archive_member(product=product, member=member_of(product, user), actor=TESTS)

    ada_client.post(path_of(product, "team", team.pk, "archive"))

    team.refresh_from_db()
    assert team.is_archived
