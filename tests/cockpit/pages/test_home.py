"""Where somebody lands who opens the account's address."""

from collections.abc import Callable

from core.hierarchy.product import product_named
from core.hierarchy.services import members
from core.identity.models import User
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.factories.identity import UserFactory

Clients = Callable[..., AccountClient]


def test_nobody_is_asked_to_log_in(client_for: Clients, acme: Account) -> None:
    assert client_for(None, acme).get("/")["Location"] == "/login/?next=/"


def test_an_admin_lands_on_the_overview_of_the_product_that_was_last_in_view(
    client_for: Clients, ada: User, acme: Account
) -> None:
    client = client_for(ada, acme)

    first = client.get("/")["Location"]
    client.get("/console/")
    then = client.get("/")["Location"]

    assert (first, then) == ("/copilot/", "/console/")


def test_a_member_lands_on_the_own_page(client_for: Clients, mia: User, acme: Account) -> None:
    assert client_for(mia, acme).get("/")["Location"] == "/copilot/me/"


def test_a_developer_lands_in_console(client_for: Clients, in_acme: Account) -> None:
    developer = UserFactory()
    members.create_member(product=product_named("console"), user=developer, actor=TESTS)

    assert client_for(developer, in_acme).get("/")["Location"] == "/console/start/"


def test_a_change_is_not_sent_here(client_for: Clients, ada: User, acme: Account) -> None:
    assert client_for(ada, acme).post("/").status_code == 405
