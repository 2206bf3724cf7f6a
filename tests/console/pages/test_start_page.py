"""Quick start: a key, code that names it, and word of the call."""

from collections.abc import Callable

import pytest

from console.models import Membership, VirtualKey
from core.access.services import switch_llm_on
from core.identity.models import User
from core.tenancy.context import in_public
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.factories.credits import call_context, hold, settle
from tests.factories.tenants import LlmFactory

ClientFor = Callable[..., AccountClient]


@pytest.fixture
def mia_client(client_for: ClientFor, mia: User, in_acme: Account) -> AccountClient:
    return client_for(mia, in_acme)


@pytest.fixture
def llm(in_acme: Account) -> str:
    with in_public():
        llm = LlmFactory(name="some-llm", offered_to=in_acme)
    switch_llm_on(product="console", llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    return "some-llm"


def call(user: User) -> None:
    """One call of a user that is answered and settled."""
    place = Membership.objects.filter(member__user=user, team__isnull=False).get()
    context = call_context(product="console", member_id=place.member_id, user_id=user.pk)
    settle(hold(place.wallet, 0, context=context), 0)


def test_the_code_names_the_key_that_was_just_made(mia_client: AccountClient, llm: str) -> None:
    nonce = mia_client.get("/console/start/").context["nonce"]

    answer = mia_client.post("/console/start/", {"nonce": nonce})

    token = answer.context["token"]
    assert token.startswith("ck_acme_")
    assert all(token in row.code and llm in row.code for row in answer.context["snippets"])
    assert answer["Cache-Control"] == "no-store"


def test_sent_twice_it_makes_one_key(mia_client: AccountClient, llm: str) -> None:
    nonce = mia_client.get("/console/start/").context["nonce"]
    for _ in range(2):
        mia_client.post("/console/start/", {"nonce": nonce})

    assert VirtualKey.objects.filter(name="Quick start").count() == 1


def test_without_an_llm_there_is_no_code_that_could_fail(mia_client: AccountClient) -> None:
    page = mia_client.get("/console/start/").content.decode()

    assert "No LLM is switched on yet" in page
    assert "curl" not in page.split("<main")[-1].split("2. The call")[1]


def test_an_llm_that_is_not_on_cannot_be_asked_for(mia_client: AccountClient, llm: str) -> None:
    page = mia_client.get("/console/start/?llm=another")

    assert page.context["llm"].name == llm


def test_who_has_no_seat_is_told_who_can_give_one(
    client_for: ClientFor, ada: User, in_acme: Account
) -> None:
    client = client_for(ada, in_acme)

    assert client.get("/console/start/").status_code == 200
    assert client.post("/console/start/").status_code == 200
    assert not VirtualKey.objects.exists()
    assert client.get("/console/start/call/").status_code == 403


def test_it_says_when_a_call_has_arrived(
    mia_client: AccountClient, mia: User, theo: User, llm: str
) -> None:
    def state() -> str:
        headers = {"HX-Request": "true"}
        page = mia_client.get(f"/console/start/call/?after={after}", headers=headers)
        return page.content.decode()

    after = mia_client.get("/console/start/").context["after"]
    waiting = state()
    call(theo)
    still_waiting = state()
    call(mia)

    assert "Waiting for your first call" in waiting
    assert "Waiting for your first call" in still_waiting
    assert "Your call has arrived" in state()
