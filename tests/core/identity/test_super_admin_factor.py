"""Super admins need a second factor; account admins may have one."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from core.identity.models import User
from core.tenancy.context import in_public
from tenants.models import Account
from tests.cast import PASSWORD
from tests.clients import AccountClient
from tests.core.identity.codes import give_second_factor

ClientFor = Callable[..., AccountClient]


@pytest.fixture(autouse=True)
def enforced(settings: Settings) -> None:
    """As outside the demo."""
    settings.SUPER_ADMIN_NEEDS_TOTP = True


@pytest.mark.parametrize("path", ["/", "/profile/", "/password/change/", "/tenants/account/"])
def test_a_super_admin_without_one_is_sent_to_set_it_up(
    sam_client: AccountClient, path: str
) -> None:
    assert sam_client.get(path)["Location"] == "/two-factor/totp/activate/"


def test_nothing_is_changed_on_the_way(sam_client: AccountClient, sam: User) -> None:
    answer = sam_client.post("/profile/", {"name": "Changed"})

    assert answer["Location"] == "/two-factor/totp/activate/"
    with in_public():
        assert User.objects.get(pk=sam.pk).name == "Sam Super"


def test_an_api_call_gets_a_problem_document(sam_client: AccountClient) -> None:
    answer = sam_client.get("/api/anything/")

    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")


def test_the_way_to_one_stays_open(sam_client: AccountClient) -> None:
    assert sam_client.get("/two-factor/totp/activate/")["Location"].startswith("/confirm/")
    assert sam_client.get("/confirm/").status_code == 200
    assert sam_client.post("/confirm/", {"password": PASSWORD}).status_code == 302
    assert sam_client.get("/two-factor/totp/activate/").status_code == 200
    assert sam_client.get("/logout/").status_code == 200
    assert sam_client.get("/invitations/unknown/").status_code == 410


def test_with_one_everything_is_open(sam_client: AccountClient, sam: User) -> None:
    with in_public():
        give_second_factor(sam)

    assert sam_client.get("/profile/").status_code == 200


def test_nobody_is_not_asked(public_client: AccountClient) -> None:
    assert public_client.get("/login/").status_code == 200


def test_account_admins_are_not_asked(client_for: ClientFor, acme: Account, ada: User) -> None:
    assert client_for(ada, acme).get("/profile/").status_code == 200


def test_the_demo_waives_it(sam_client: AccountClient, settings: Settings) -> None:
    settings.SUPER_ADMIN_NEEDS_TOTP = False

    assert sam_client.get("/profile/").status_code == 200
