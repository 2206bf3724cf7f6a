"""The palette (Ctrl+K): what it finds, and for whom."""

from collections.abc import Callable

import pytest

from console.models import Membership
from console.services.keys import create_key
from core.hierarchy.product import product_named
from core.hierarchy.services import members
from core.identity.models import User
from core.tenancy.context import in_public
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.people import add_members, queries_of
from tests.factories.identity import UserFactory
from tests.factories.tenants import LlmFactory


@pytest.fixture
def ada_client(
    client_for: Callable[..., AccountClient], ada: User, in_acme: Account
) -> AccountClient:
    return client_for(ada, in_acme)


def found(client: AccountClient, term: str) -> list[str]:
    page = client.get("/search/", {"s": term})
    return [result.link for result in page.context["results"]] if page.content else []


def test_it_finds_pages_by_title_and_by_other_words(ada_client: AccountClient) -> None:
    assert "/copilot/llms/" in found(ada_client, "LLM")
    assert "/console/llms/" in found(ada_client, "models")
    assert found(ada_client, "account admins") == ["/admins/"]


def test_it_finds_people_and_teams_in_both_products(ada_client: AccountClient) -> None:
    people = found(ada_client, "mia@acme")

    assert [link.split("/")[1:3] for link in people] == [
        ["copilot", "member"],
        ["console", "member"],
    ]
    assert len(found(ada_client, "marketing")) >= 2


def test_the_product_in_view_comes_first(ada_client: AccountClient) -> None:
    ada_client.get("/console/")

    assert found(ada_client, "mia@acme")[0].startswith("/console/")


def test_a_member_finds_own_pages_and_nobody(
    client_for: Callable[..., AccountClient], mia: User, in_acme: Account
) -> None:
    client = client_for(mia, in_acme)

    assert found(client, "olga") == []
    assert found(client, "credits") == ["/copilot/me/", "/console/me/"]


def test_another_account_is_never_found(
    client_for: Callable[..., AccountClient],
    ada_client: AccountClient,
    globex: Account,
    eve: User,
) -> None:
    assert found(ada_client, "max@globex") == []
    assert found(client_for(eve, globex), "mia@acme") == []


def test_nothing_is_remembered_after_the_right_is_gone(
    ada_client: AccountClient, ada: User
) -> None:
    before = found(ada_client, "mia@acme")

    ada.roles.all().delete()

    assert before
    assert ada_client.get("/search/", {"s": "mia@acme"}).status_code == 403


def test_a_single_letter_is_not_searched_for(ada_client: AccountClient) -> None:
    assert ada_client.get("/search/", {"s": "m"}).content == b""


def test_it_shows_the_nearest_few_with_a_fixed_number_of_queries(
    ada_client: AccountClient,
) -> None:
    add_members(product_named("copilot"), 3)
    few = queries_of(ada_client, "/search/?s=person")

    add_members(product_named("copilot"), 27)

    assert queries_of(ada_client, "/search/?s=person") == few
    assert len(found(ada_client, "person")) == 8


def test_before_anything_is_typed_it_offers_what_can_be_done(ada_client: AccountClient) -> None:
    links = found(ada_client, "")

    assert "/copilot/member/add/" in links
    assert "/copilot/credits/" in links
    assert not [link for link in links if link.startswith("/console/llms")]


def test_a_member_is_offered_no_more_than_a_member_may_do(
    client_for: Callable[..., AccountClient], mia: User, in_acme: Account
) -> None:
    client = client_for(mia, in_acme)

    assert "/console/keys/#new-key" in found(client, "new key")
    assert found(client, "invite") == []
    assert found(client, "marketing") == []


def test_a_key_is_found_by_name_by_its_owner_and_admins_only(
    client_for: Callable[..., AccountClient],
    ada_client: AccountClient,
    mia: User,
    in_acme: Account,
) -> None:
    another = UserFactory()
    members.create_member(product=product_named("console"), user=another, actor=TESTS)
    place = Membership.objects.filter(member__user=mia).first()
    assert place is not None
    made = create_key(account=in_acme, membership=place, name="Nightly report", actor=TESTS)
    asked = [ada_client, client_for(mia, in_acme), client_for(another, in_acme)]

    page = f"/console/keys/{made.key.pk}/"
    assert [page in found(client, "nightly") for client in asked] == [True, True, False]


def test_an_llm_is_found_while_it_is_offered(ada_client: AccountClient, in_acme: Account) -> None:
    with in_public():
        llm = LlmFactory(offered_to=in_acme)

    assert "/copilot/llms/" in found(ada_client, llm.name)


@pytest.mark.parametrize("term", ["' | 'a':*", "!!", "\\", "\x00\x00", "a" * 500, "ä ö"])
def test_odd_letters_break_nothing(ada_client: AccountClient, term: str) -> None:
    assert ada_client.get("/search/", {"s": term}).status_code == 200
