"""A page's token for the gateway: with a session and its CSRF token, for the member alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from core.hierarchy.product import Product
from core.hierarchy.services import members
from core.identity import services as identity
from core.identity.models import User
from core.tenancy.context import in_account
from core.tokens.errors import InvalidToken
from core.tokens.issuing import api_audience, gateway_audience, read_token
from core.tokens.jwt import UserToken
from tenants.models import Account
from tests.cast import TEAM, TESTS
from tests.clients import AccountClient

ClientFor = Callable[..., AccountClient]


def path_of(product: Product) -> str:
    return f"/api/{product.slug}/v1/session-token"


def ask(client: AccountClient, product: Product, body: Any = None, **headers: str) -> Any:
    return client.post(
        path_of(product), body or {}, content_type="application/json", headers=headers
    )


def test_a_member_gets_a_token_for_the_gateway_only(
    client_for: ClientFor, acme: Account, mia: User, product: Product
) -> None:
    response = ask(client_for(mia, acme), product)

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert body["expires_in"] == 300
    assert body["gateway_url"] == "http://localhost:8001"
    token = read_token(body["access_token"], audience=gateway_audience())
    assert isinstance(token, UserToken)
    assert (token.user_id, token.product, token.account) == (mia.pk, product.slug, "acme")
    assert (token.client_id, sorted(token.scopes)) == ("", ["gateway"])
    with pytest.raises(InvalidToken):
        read_token(body["access_token"], audience=api_audience())


def test_a_member_may_choose_the_team(
    client_for: ClientFor, acme: Account, mia: User, product: Product
) -> None:
    response = ask(client_for(mia, acme), product, {"team": TEAM})

    token = read_token(response.json()["access_token"], audience=gateway_audience())
    assert isinstance(token, UserToken)
    with in_account(acme):
        assert token.team_id == product.team._default_manager.get(name=TEAM).pk


def problem(response: Any) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


def test_nobody_gets_none(client_for: ClientFor, acme: Account, product: Product) -> None:
    assert problem(ask(client_for(None, acme), product)) == (401, "unauthenticated")


def test_an_admin_without_a_seat_gets_none(
    client_for: ClientFor, acme: Account, ada: User, product: Product
) -> None:
    assert problem(ask(client_for(ada, acme), product)) == (403, "not_allowed")


def test_a_team_of_others_is_refused(
    client_for: ClientFor, acme: Account, mia: User, product: Product
) -> None:
    response = ask(client_for(mia, acme), product, {"team": "Sales"})

    assert problem(response) == (403, "not_allowed")


def test_an_archived_member_gets_none(
    client_for: ClientFor, acme: Account, mia: User, product: Product
) -> None:
    client = client_for(mia, acme)
    with in_account(acme):
        member = product.member._default_manager.get(user=mia)
        members.archive_member(product=product, member=member, actor=TESTS)

    assert problem(ask(client, product)) == (403, "not_allowed")


def test_a_deactivated_user_gets_none(
    client_for: ClientFor, acme: Account, mia: User, product: Product
) -> None:
    client = client_for(mia, acme)
    with in_account(acme):
        identity.deactivate_user(user=mia, actor=TESTS)

    assert ask(client, product).status_code in {401, 403}


def test_a_session_of_one_account_means_nothing_in_another(
    client_for: ClientFor, acme: Account, globex: Account, mia: User, product: Product
) -> None:
    stranger = AccountClient(globex)
    stranger.cookies = client_for(mia, acme).cookies

    assert problem(ask(stranger, product)) == (401, "unauthenticated")


def test_another_site_cannot_ask_in_the_members_name(
    acme: Account, mia: User, product: Product
) -> None:
    client = AccountClient(acme, enforce_csrf_checks=True)
    client.sign_in(mia)

    assert problem(ask(client, product)) == (403, "not_allowed")


def test_a_token_does_not_beget_tokens(
    client_for: ClientFor, acme: Account, mia: User, product: Product
) -> None:
    token = ask(client_for(mia, acme), product).json()["access_token"]

    response = ask(AccountClient(acme), product, Authorization=f"Bearer {token}")

    assert problem(response) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "body", [{"team": 5.5, "x": 1}, {"team": ""}, {"team": None}, {"team": "x" * 121}, [], "x"]
)
def test_wrong_input_is_422(
    client_for: ClientFor, acme: Account, mia: User, product: Product, body: Any
) -> None:
    response = client_for(mia, acme).post(
        path_of(product), json.dumps(body), content_type="application/json"
    )

    assert problem(response) == (422, "invalid_input")


def test_the_public_host_has_no_such_endpoint(
    public_client: AccountClient, product: Product
) -> None:
    assert problem(ask(public_client, product)) == (404, "not_found")
