"""The page of virtual keys: a developer's own, and for account admins everybody's."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from console.models import Membership, VirtualKey
from console.selectors.keys import place_for_key, places_for_key
from console.services.keys import create_key, hash_of
from core.access.services import switch_llm_on
from core.identity.models import User
from core.kit.clock import now
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import text_of
from tests.factories.tenants import LlmFactory

HOME = "/console/keys/"


@pytest.fixture
def ada_client(client_for: Callable[..., AccountClient], ada: User, acme: Account) -> AccountClient:
    return client_for(ada, acme)


@pytest.fixture
def mia_client(client_for: Callable[..., AccountClient], mia: User, acme: Account) -> AccountClient:
    return client_for(mia, acme)


def place_of(acme: Account, user: User) -> Membership:
    with in_account(acme):
        return Membership.objects.get(member__user=user, is_primary=True)


def key_of(acme: Account, user: User, name: str = "report", **fields: Any) -> VirtualKey:
    with in_account(acme):
        place = Membership.objects.get(member__user=user, is_primary=True)
        return create_key(account=acme, membership=place, name=name, actor=TESTS, **fields).key


def form(place: Membership, **fields: str) -> dict[str, str]:
    return {"name": "report", "place": str(place.pk), "nonce": str(uuid7()), **fields}


def keys(acme: Account) -> list[VirtualKey]:
    with in_account(acme):
        return list(VirtualKey.objects.all())


def test_a_developer_makes_a_key_that_is_shown_once(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    response = mia_client.post(HOME, form(place_of(acme, mia)))

    token = response.context["made"].token
    [key] = keys(acme)
    assert key.token_hash == hash_of(token)
    assert response["Cache-Control"] == "no-store"
    assert token in response.content.decode()
    assert token not in mia_client.get(HOME).content.decode()


def test_the_snippet_names_an_llm_that_is_on(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    LlmFactory(offered_to=acme, name="not-on")
    llm = LlmFactory(offered_to=acme, name="some-llm")
    with in_account(acme):
        switch_llm_on(product="console", llm_id=llm.pk, llm_name=llm.name, actor=TESTS)

    response = mia_client.post(HOME, form(place_of(acme, mia)))

    snippet = response.context["snippets"][0].code
    assert '"model": "some-llm"' in snippet
    assert f"Bearer {response.context['made'].token}" in snippet
    assert "/v1/chat/completions" in snippet


def test_reloading_the_answer_makes_no_second_key(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    sent = form(place_of(acme, mia))
    mia_client.post(HOME, sent)

    response = mia_client.post(HOME, sent)

    assert response.status_code == 302
    assert len(keys(acme)) == 1


def test_a_key_works_to_the_end_of_its_last_day(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    year = now().year + 1

    mia_client.post(HOME, form(place_of(acme, mia), expires_at=f"{year}-03-31"))

    [key] = keys(acme)
    assert key.expires_at == datetime(year, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert f"until 31 Mar {year}" in text_of(mia_client.get(HOME))


def test_a_day_in_the_past_is_refused_on_its_field_with_the_input_kept(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    response = mia_client.post(HOME, form(place_of(acme, mia), expires_at="2020-01-01"))

    assert response.status_code == 422
    assert response.context["form"].errors["expires_at"] == ["The expiry must be in the future."]
    assert 'value="report"' in text_of(response)
    assert "data-shown" in text_of(response)
    assert keys(acme) == []


def test_a_developer_makes_no_key_for_somebody_else(
    mia_client: AccountClient, acme: Account, theo: User
) -> None:
    response = mia_client.post(HOME, form(place_of(acme, theo)))

    assert response.status_code == 422
    assert keys(acme) == []


def test_developers_see_their_own_keys_and_admins_all(
    ada_client: AccountClient, mia_client: AccountClient, acme: Account, mia: User, theo: User
) -> None:
    key_of(acme, mia, "hers")
    key_of(acme, theo, "his")

    def seen_by(client: AccountClient) -> set[str]:
        return {key.name for key in client.get(HOME).context["page"].object_list}

    assert seen_by(mia_client) == {"hers"}
    assert seen_by(ada_client) == {"hers", "his"}


def test_an_admin_makes_a_key_for_a_member(
    ada_client: AccountClient, acme: Account, mia: User
) -> None:
    place = place_of(acme, mia)

    response = ada_client.post(HOME, form(place))

    assert response.status_code == 200
    assert [key.membership_id for key in keys(acme)] == [place.pk]


def test_an_expired_key_says_so(mia_client: AccountClient, acme: Account, mia: User) -> None:
    key = key_of(acme, mia)
    with in_account(acme):
        VirtualKey.objects.filter(pk=key.pk).update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert "Expired" in text_of(mia_client.get(HOME))


def test_a_key_is_revoked_after_asking_and_stands_last(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    key = key_of(acme, mia, "old")
    page = text_of(mia_client.get(HOME))
    assert "Revoke old? It is refused at once" in page

    response = mia_client.post(f"{HOME}{key.pk}/revoke/")
    key_of(acme, mia, "new")

    assert response.status_code == 302
    page_of_keys = mia_client.get(HOME)
    assert "old is refused from now on." in text_of(page_of_keys)
    assert [row.name for row in page_of_keys.context["page"].object_list] == ["new", "old"]
    assert "Revoked" in text_of(page_of_keys)


def test_somebody_elses_key_is_not_there(
    mia_client: AccountClient, acme: Account, theo: User
) -> None:
    key = key_of(acme, theo)

    assert mia_client.post(f"{HOME}{key.pk}/revoke/").status_code == 404


def test_an_admin_can_choose_every_active_place_and_a_member_their_own(
    acme: Account, ada: User, mia: User, theo: User
) -> None:
    hers, his = place_of(acme, mia), place_of(acme, theo)
    with in_account(acme):
        assert {hers, his} <= set(places_for_key(ada))
        assert {place.member.user_id for place in places_for_key(mia)} == {mia.pk}
        assert place_for_key(ada, his.pk) == his


def test_without_keys_the_page_says_what_they_are_for(mia_client: AccountClient) -> None:
    assert "No keys yet" in text_of(mia_client.get(HOME))


def test_many_keys_take_as_many_queries_as_few(
    ada_client: AccountClient, acme: Account, mia: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        key_of(acme, mia, f"key {number}")
    ada_client.get(HOME)
    with django_assert_max_num_queries(25) as few:
        ada_client.get(HOME)
    for number in range(27):
        key_of(acme, mia, f"more {number}")

    with django_assert_max_num_queries(25) as many:
        response = ada_client.get(HOME)

    assert len(response.context["page"].object_list) == 30
    assert len(many) == len(few)


# -- one key ---------------------------------------------------------------------------------------


def page_of_key(key: VirtualKey, rest: str = "") -> str:
    return f"{HOME}{key.pk}/{rest}"


def settings_of(key: VirtualKey, **fields: Any) -> dict[str, Any]:
    return {"name": key.name, "budget_window": "month", **fields}


def test_limits_are_set_and_shown(mia_client: AccountClient, acme: Account, mia: User) -> None:
    key = key_of(acme, mia)

    response = mia_client.post(
        page_of_key(key),
        settings_of(
            key, requests_per_minute="60", addresses="203.0.113.7, 10.0.0.0/8", budget="12.5",
            tags="nightly, eu",
        ),
    )  # fmt: skip

    assert response.status_code == 302
    [changed] = keys(acme)
    assert changed.addresses == ["203.0.113.7/32", "10.0.0.0/8"]
    assert (changed.requests_per_minute, changed.tags) == (60, ["nightly", "eu"])
    shown = text_of(mia_client.get(page_of_key(key)))
    assert "of 12.50 a month" in shown
    assert "203.0.113.7/32" in shown
    listed = text_of(mia_client.get(HOME))
    assert "12.50 credits a month" in listed
    assert "60 requests/min" in listed


def test_a_limit_that_cannot_be_stands_at_its_field(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    key = key_of(acme, mia)

    response = mia_client.post(page_of_key(key), settings_of(key, addresses="nowhere"))

    assert response.status_code == 422
    assert "nowhere is no address" in text_of(response)
    assert keys(acme)[0].addresses is None


def test_rotating_shows_the_new_token_once(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    key = key_of(acme, mia)
    sent = {"overlap": "24", "nonce": str(uuid7())}

    response = mia_client.post(page_of_key(key, "rotate/"), sent)

    assert response["Cache-Control"] == "no-store"
    token = response.context["token"]
    assert keys(acme)[0].token_hash == hash_of(token)
    shown = text_of(mia_client.get(page_of_key(key)))
    assert f"The old token ck_…{key.last_four} still works" in shown
    assert token not in shown
    # A reload rotates nothing again.
    assert mia_client.post(page_of_key(key, "rotate/"), sent).status_code == 302
    assert keys(acme)[0].token_hash == hash_of(token)
    mia_client.post(page_of_key(key, "end-overlap/"))
    assert keys(acme)[0].previous_hash is None


def test_an_admin_makes_a_service_key(ada_client: AccountClient, acme: Account, mia: User) -> None:
    team_id = place_of(acme, mia).team_id

    response = ada_client.post(HOME, {"name": "robot", "team": str(team_id), "nonce": str(uuid7())})

    assert response.status_code == 200
    [key] = keys(acme)
    assert (key.team_id, key.membership_id) == (team_id, None)
    assert "Service key" in text_of(ada_client.get(HOME))


def test_a_developer_is_not_offered_service_keys(
    mia_client: AccountClient, acme: Account, mia: User
) -> None:
    team_id = place_of(acme, mia).team_id
    assert "team" not in mia_client.get(HOME).context["form"].fields

    mia_client.post(HOME, {"name": "robot", "team": str(team_id), "nonce": str(uuid7())})

    assert keys(acme) == []


def test_keys_are_searched(mia_client: AccountClient, acme: Account, mia: User) -> None:
    key_of(acme, mia, "nightly report")
    key_of(acme, mia, "laptop")

    found = mia_client.get(HOME, {"q": "night", "state": "active"})

    assert [key.name for key in found.context["page"].object_list] == ["nightly report"]
    assert "No such keys" in text_of(mia_client.get(HOME, {"q": "absent"}))
