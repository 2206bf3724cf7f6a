"""The lists of accounts, LLMs and super admins."""

import re
from typing import Any

import pytest

from core.identity.models import User
from core.kit.ids import uuid7
from core.tenancy.context import schema_name_of
from tenants.models import Account
from tests.clients import AccountClient
from tests.factories.identity import UserFactory
from tests.factories.tenants import LlmFactory


def _accounts(count: int) -> None:
    """Accounts as the public schema knows them; no list may look into their schemas."""
    for number in range(count):
        id_ = uuid7()
        Account.objects.bulk_create(
            [
                Account(
                    id=id_,
                    name=f"Company {number}",
                    slug=f"company-{id_.hex[-6:]}",
                    schema_name=schema_name_of(id_),
                )
            ]
        )


def _listed(client: AccountClient, query: str) -> set[str]:
    page = client.get(f"/tenants/account/{query}").content.decode()
    return set(re.findall(r'href="/accounts/([a-z0-9-]+)/"', page)) - {"new"}


def test_accounts_are_found_by_name_and_state(sam_client: AccountClient, acme: Account) -> None:
    found = sam_client.get("/tenants/account/?q=acm").content.decode()
    assert 'href="/accounts/acme/"' in found
    assert "/accounts/globex/" not in found

    Account.objects.filter(pk=acme.pk).update(state="suspended")
    assert "/accounts/acme/" in sam_client.get("/tenants/account/?state=suspended").content.decode()
    assert (
        "/accounts/acme/" not in sam_client.get("/tenants/account/?state=active").content.decode()
    )


def test_archived_accounts_are_out_of_sight(sam_client: AccountClient, acme: Account) -> None:
    Account.objects.filter(pk=acme.pk).update(state="archived")

    assert _listed(sam_client, "") == {"globex"}
    assert _listed(sam_client, "?state=all") == {"acme", "globex"}


def test_a_nonsense_filter_shows_the_list(sam_client: AccountClient, acme: Account) -> None:
    assert sam_client.get("/tenants/account/?state=lunch").status_code == 200


def test_a_list_answers_no_questions_about_other_columns(sam_client: AccountClient) -> None:
    for query in ("password__startswith=argon2", "email=%00"):
        assert sam_client.get(f"/identity/user/?{query}").status_code == 400


def test_the_palette_leads_to_an_account(sam_client: AccountClient, acme: Account) -> None:
    answer = sam_client.get(f"/tenants/account/{acme.pk}/change/")

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/acme/")


@pytest.mark.parametrize("path", ["/tenants/account/", "/tenants/llm/", "/identity/user/"])
def test_a_list_costs_the_same_however_long_it_is(
    sam_client: AccountClient, acme: Account, path: str, django_assert_max_num_queries: Any
) -> None:
    _accounts(3)
    LlmFactory.create_batch(3, offered_to=acme)
    sam_client.get(path)
    with django_assert_max_num_queries(20) as few:
        sam_client.get(path)

    _accounts(20)
    LlmFactory.create_batch(5, offered_to=acme)
    UserFactory.create_batch(3)
    with django_assert_max_num_queries(20) as many:
        sam_client.get(path)

    assert len(many) == len(few)


# -- super admins ----------------------------------------------------------------------------------


def test_a_super_admin_is_invited_and_the_link_shown_once(
    sam_client: AccountClient, sam: User
) -> None:
    answer = sam_client.post(
        "/super-admins/new/", {"email": "tara@cockpit.example", "name": "Tara Two"}
    )

    assert answer.status_code == 201
    assert "/invitations/" in answer.content.decode()
    tara = User.objects.get(email="tara@cockpit.example")
    page = sam_client.get(f"/super-admins/{tara.pk}/").content.decode()
    assert "/invitations/" not in page
    assert "Invited" in page


def test_a_login_of_before_is_an_error_of_the_form(sam_client: AccountClient, sam: User) -> None:
    answer = sam_client.post("/super-admins/new/", {"email": sam.email, "name": "Again"})

    assert answer.status_code == 422
    assert "already has a login here" in answer.content.decode()
    assert 'value="Again"' in answer.content.decode()


def test_the_last_super_admin_stays(sam_client: AccountClient, sam: User) -> None:
    answer = sam_client.post(f"/super-admins/{sam.pk}/deactivate/", {"reason": "Bored"})

    assert answer.status_code == 422
    assert "Add another super admin first" in answer.content.decode()
    sam.refresh_from_db()
    assert sam.is_active


def test_a_deactivated_super_admins_session_has_ended(
    sam_client: AccountClient, client_for: Any
) -> None:
    tara = UserFactory(name="Tara Two")
    her_client = client_for(tara, None)
    assert her_client.get("/").status_code == 200

    sam_client.post(f"/super-admins/{tara.pk}/deactivate/", {"reason": "Left"})

    assert her_client.get("/").status_code == 302
    sam_client.post(f"/super-admins/{tara.pk}/reactivate/")
    tara.refresh_from_db()
    assert tara.is_active
