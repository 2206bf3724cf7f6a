"""Who may open the super admin's pages, and how."""

from collections.abc import Callable

import pytest

from core.identity.models import User
from tenants.models import Account, Llm
from tests.clients import AccountClient
from tests.factories.tenants import LlmFactory

PAGES = (
    "/",
    "/audit/",
    "/accounts/new/",
    "/accounts/acme/",
    "/accounts/acme/credits/",
    "/accounts/acme/llms/",
    "/accounts/acme/admins/",
    "/accounts/acme/credits/copilot/refund/",
    "/accounts/acme/audit/",
    "/llms/new/",
    "/super-admins/new/",
    "/tenants/account/",
    "/tenants/llm/",
    "/identity/user/",
)
ACTS = (
    "/accounts/acme/rename/",
    "/accounts/acme/suspend/",
    "/accounts/acme/archive/",
    "/accounts/acme/restore/",
    "/accounts/acme/credits/factor/",
    "/accounts/acme/credits/copilot/terms/",
    "/accounts/acme/credits/copilot/top-up/",
    "/accounts/acme/credits/copilot/take-back/",
    "/accounts/acme/llms/save/",
    "/accounts/acme/admins/appoint/",
)


@pytest.fixture
def llm(acme: Account) -> Llm:
    return LlmFactory(offered_to=acme)


@pytest.mark.parametrize("path", PAGES)
def test_a_super_admin_sees_each_page(sam_client: AccountClient, llm: Llm, path: str) -> None:
    assert sam_client.get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_nobody_is_sent_to_the_login(public_client: AccountClient, path: str) -> None:
    answer = public_client.get(path)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


@pytest.mark.parametrize("path", ACTS)
def test_nobody_changes_anything(public_client: AccountClient, acme: Account, path: str) -> None:
    answer = public_client.post(path, {"reason": "x"})

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")
    acme.refresh_from_db()
    assert acme.state == "active"


@pytest.mark.parametrize("path", ACTS)
def test_a_change_is_no_link(sam_client: AccountClient, acme: Account, path: str) -> None:
    assert sam_client.get(path).status_code == 405


@pytest.mark.parametrize("path", ACTS)
def test_a_change_needs_the_forms_token(sam: User, acme: Account, path: str) -> None:
    client = AccountClient(None, enforce_csrf_checks=True)
    client.sign_in(sam)

    assert client.post(path, {"reason": "x"}).status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_an_accounts_host_has_none_of_them(
    client_for: Callable[..., AccountClient], ada: User, acme: Account, path: str
) -> None:
    client = client_for(ada, acme)

    answer = client.get(path)

    # An account has an overview of its own; everything else is not there.
    assert answer.status_code == 404 or (path == "/" and answer.status_code == 302)


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/unknown/",
        "/accounts/unknown/credits/",
        "/llms/00000000-0000-7000-8000-000000000000/",
        "/super-admins/00000000-0000-7000-8000-000000000000/",
        "/tenants/account/00000000-0000-7000-8000-000000000000/change/",
        "/tenants/account/nonsense/change/",
        "/accounts/acme/credits/lunch/terms/",
    ],
)
def test_what_does_not_exist_is_not_found(
    sam_client: AccountClient, acme: Account, path: str
) -> None:
    answer = sam_client.post(path) if path.endswith("terms/") else sam_client.get(path)

    assert answer.status_code == 404
