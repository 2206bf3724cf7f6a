"""The token endpoint over HTTP: each grant as it should go, and every way it should not."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt as pyjwt
import pytest
import time_machine

from core.api.auth.grants import CLIENT_CREDENTIALS, TOKEN_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_JWT
from core.hierarchy.product import product_named
from core.hierarchy.services import members, nodes
from core.identity import services as identity
from core.identity.models import User
from core.tenancy.context import in_account, in_public
from core.tokens import services
from core.tokens.issuing import api_audience, gateway_audience, read_token
from core.tokens.jwt import ServiceToken, UserToken
from core.tokens.services import AppWithSecret
from tenants.models import Account
from tenants.services.accounts import suspend_account
from tests.cast import TEAM, TESTS
from tests.clients import AccountClient

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PATH = "/api/auth/v1/token"
URL = f"http://acme.localhost{PATH}"
FORM = "application/x-www-form-urlencoded"

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def _still(db: None) -> Any:
    with time_machine.travel(AT, tick=False):
        yield


@pytest.fixture
def app(acme: Account) -> AppWithSecret:
    with in_account(acme):
        return services.create_client_app(
            product="copilot", name="alchemi-web", act_for_members=True, actor=TESTS
        )


@pytest.fixture
def at_acme(acme: Account) -> AccountClient:
    return AccountClient(acme)


@pytest.fixture
def ask(app: AppWithSecret, at_acme: AccountClient) -> Ask:
    """Ask for a token with the app's credentials; `...` leaves a parameter out."""

    def post(*, client: AccountClient = at_acme, headers: Any = None, **parameters: Any) -> Any:
        form = {"client_id": app.app.client_id, "client_secret": app.secret, **parameters}
        body = urlencode({name: value for name, value in form.items() if value is not ...}, True)
        return client.post(PATH, body, content_type=FORM, headers=headers or {})

    return post


@pytest.fixture
def exchange(app: AppWithSecret, ask: Ask) -> Ask:
    """Exchange an assertion about Mia; keywords in capitals change its claims."""

    def post(*, signed_with: str = app.secret, claims: Any = None, **parameters: Any) -> Any:
        assertion = {
            "iss": app.app.client_id,
            "sub": "mia@acme.example",
            "aud": URL,
            "exp": int(AT.timestamp()) + 60,
            "jti": "one",
            **(claims or {}),
        }
        wanted = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": pyjwt.encode(assertion, signed_with, algorithm="HS256"),
            "subject_token_type": TYPE_JWT,
        }
        return ask(**(wanted | parameters))

    return post


def refusal(response: Any) -> tuple[int, str]:
    """Check OAuth's shape and return status and error."""
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert set(body) == {"error", "error_description"}
    assert body["error_description"].isascii()
    assert '"' not in body["error_description"]
    assert ("WWW-Authenticate" in response) == (response.status_code == 401)
    return response.status_code, body["error"]


def user_token(response: Any) -> UserToken:
    assert response.status_code == 200, response.content
    read = read_token(response.json()["access_token"], audience=gateway_audience())
    assert isinstance(read, UserToken)
    return read


# -- client credentials ----------------------------------------------------------------------------


def test_a_client_obtains_a_token_for_itself(app: AppWithSecret, ask: Ask, acme: Account) -> None:
    response = ask(grant_type=CLIENT_CREDENTIALS)

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert {name: body[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "gateway runtime",
    }
    token = read_token(body["access_token"], audience=api_audience())
    assert isinstance(token, ServiceToken)
    assert (token.account, token.account_id) == ("acme", acme.pk)
    assert (token.client_id, token.product) == (app.app.client_id, "copilot")


def test_basic_authentication_serves_as_well(app: AppWithSecret, ask: Ask) -> None:
    pair = f"{quote_plus(app.app.client_id)}:{quote_plus(app.secret)}"
    header = "Basic " + base64.b64encode(pair.encode()).decode()

    response = ask(
        grant_type=CLIENT_CREDENTIALS,
        client_id=...,
        client_secret=...,
        headers={"Authorization": header},
    )

    assert response.status_code == 200


def test_a_scope_may_be_narrower_and_never_wider(ask: Ask) -> None:
    narrow = ask(grant_type=CLIENT_CREDENTIALS, scope="runtime")
    wide = ask(grant_type=CLIENT_CREDENTIALS, scope="runtime manage")

    assert narrow.json()["scope"] == "runtime"
    assert refusal(wide) == (400, "invalid_scope")


# -- exchange --------------------------------------------------------------------------------------


def test_an_assertion_becomes_a_user_token(
    app: AppWithSecret, exchange: Ask, acme: Account, mia: User
) -> None:
    response = exchange()

    body = response.json()
    token = user_token(response)
    assert body["issued_token_type"] == TYPE_ACCESS_TOKEN
    assert body["expires_in"] == 300
    assert token.user_id == mia.pk
    assert (token.account, token.account_id) == ("acme", acme.pk)
    assert (token.product, token.client_id) == ("copilot", app.app.client_id)
    assert token.scopes == {"gateway", "runtime"}
    assert token.audiences == (gateway_audience(), api_audience())
    assert token.expires_at == AT + timedelta(minutes=5)
    with in_account(acme):
        copilot = product_named("copilot")
        assert token.member_id == copilot.member._default_manager.get(user=mia).pk
        assert token.team_id == copilot.team._default_manager.get(name=TEAM).pk


def test_the_email_address_is_read_without_regard_to_case(exchange: Ask, mia: User) -> None:
    assert user_token(exchange(claims={"sub": "Mia@ACME.example"})).user_id == mia.pk


def test_the_public_host_serves_with_the_account_in_the_header(
    exchange: Ask, public_client: AccountClient
) -> None:
    known = ("http://localhost:8000", "http://localhost", "http://acme.localhost:8000")
    for number, base in enumerate(known):
        response = exchange(
            client=public_client,
            headers={"X-Cockpit-Account": "acme"},
            claims={"aud": f"{base}{PATH}", "jti": str(number)},
        )
        assert user_token(response).account == "acme"


def test_a_token_may_be_for_one_audience_only(exchange: Ask) -> None:
    token = user_token(exchange(audience=gateway_audience()))

    assert token.audiences == (gateway_audience(),)


def test_a_team_may_be_named_by_id_or_name(exchange: Ask, acme: Account) -> None:
    with in_account(acme):
        team = product_named("copilot").team._default_manager.get(name=TEAM)

    by_name = user_token(exchange(team=TEAM, claims={"jti": "a"}))
    by_id = user_token(exchange(team=str(team.pk), claims={"jti": "b"}))

    assert by_name.team_id == by_id.team_id == team.pk


def test_an_assertion_is_good_for_one_token(exchange: Ask) -> None:
    assert exchange().status_code == 200
    assert refusal(exchange()) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "app_other"},
        {"aud": "http://globex.localhost/api/auth/v1/token"},
        {"aud": "https://evil.example/token"},
        {"exp": int(AT.timestamp())},
        {"exp": int(AT.timestamp()) - 3600},
        {"exp": int(AT.timestamp()) + 61},
        {"jti": ""},
        {"sub": "nobody@acme.example"},
        {"sub": "eve@globex.example"},
        # Ada administers Acme, but has no seat in Copilot.
        {"sub": "ada@acme.example"},
        {"sub": "' OR 1=1 --"},
    ],
    ids=str,
)
def test_an_assertion_that_does_not_hold_is_refused(exchange: Ask, claims: Any) -> None:
    assert refusal(exchange(claims=claims)) == (400, "invalid_grant")


def test_an_assertion_signed_by_somebody_else_is_refused(exchange: Ask) -> None:
    assert refusal(exchange(signed_with="x" * 43)) == (400, "invalid_grant")


def test_a_team_that_the_member_is_not_in_is_refused(exchange: Ask, acme: Account) -> None:
    with in_account(acme):
        product = product_named("copilot")
        organization = product.organization._default_manager.get(is_global=False)
        other = nodes.create_team(
            product=product, organization=organization, name="Sales", actor=TESTS
        )

    for team in ("Sales", str(other.pk), "content", "Nowhere"):
        assert refusal(exchange(team=team, claims={"jti": team})) == (400, "invalid_grant")


def test_an_archived_member_is_refused(exchange: Ask, acme: Account, mia: User) -> None:
    with in_account(acme):
        product = product_named("copilot")
        member = product.member._default_manager.get(user=mia)
        members.archive_member(product=product, member=member, actor=TESTS)

    assert refusal(exchange()) == (400, "invalid_grant")


def test_a_deactivated_user_is_refused(exchange: Ask, acme: Account, mia: User) -> None:
    with in_account(acme):
        identity.deactivate_user(user=mia, actor=TESTS)

    assert refusal(exchange()) == (400, "invalid_grant")


def test_a_client_that_may_not_act_for_members_is_refused(
    app: AppWithSecret, exchange: Ask, acme: Account
) -> None:
    with in_account(acme):
        services.set_act_for_members(app=app.app, is_allowed=False, actor=TESTS)

    assert refusal(exchange()) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"subject_token": ...}, "invalid_request"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token": "junk"}, "invalid_grant"),
        ({"subject_token": "a.b.c"}, "invalid_grant"),
        ({"subject_token": "é.é.é"}, "invalid_grant"),
        ({"subject_token": "x" * 8001}, "invalid_request"),
        ({"subject_token_type": ...}, "invalid_request"),
        ({"subject_token_type": "jwt"}, "invalid_request"),
        (
            {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
            "invalid_request",
        ),
        ({"requested_token_type": "saml"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"audience": "https://evil.example"}, "invalid_target"),
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"scope": "gateway root"}, "invalid_scope"),
        ({"scope": " "}, "invalid_scope"),
        ({"team": "a\x00b"}, "invalid_request"),
        ({"grant_type": ...}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": [TOKEN_EXCHANGE, CLIENT_CREDENTIALS]}, "invalid_request"),
        ({"client_id": ["a", "b"]}, "invalid_request"),
        ({"client_secret": "nul\x00"}, "invalid_request"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_named_by_its_error(
    exchange: Ask, parameters: Any, error: str
) -> None:
    assert refusal(exchange(**parameters)) == (400, error)


# -- who the client is -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "credentials",
    [
        {"client_secret": "wrong"},
        {"client_secret": "é" * 43},
        {"client_id": "app_nobody"},
        {"client_id": "x" * 5000},
        {"client_id": ...},
        {"client_secret": ...},
        {"client_id": ..., "client_secret": ...},
        {"client_id": "", "client_secret": ""},
    ],
    ids=str,
)
def test_a_client_that_we_do_not_know_is_refused(ask: Ask, credentials: Any) -> None:
    assert refusal(ask(grant_type=CLIENT_CREDENTIALS, **credentials)) == (401, "invalid_client")


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"a%00b:c").decode(),
        "Basic " + base64.b64encode(b"app_x:wrong").decode(),
        "Bearer abc",
        "Digest x",
        "\u00e9",
    ],
)
def test_a_header_that_is_not_basic_or_not_right_is_refused(ask: Ask, header: str) -> None:
    response = ask(
        grant_type=CLIENT_CREDENTIALS,
        client_id=...,
        client_secret=...,
        headers={"Authorization": header},
    )

    assert refusal(response) == (401, "invalid_client")
    assert response["WWW-Authenticate"].startswith("Basic ")


def test_a_client_authenticates_once(app: AppWithSecret, ask: Ask) -> None:
    pair = base64.b64encode(f"{app.app.client_id}:{app.secret}".encode()).decode()

    response = ask(grant_type=CLIENT_CREDENTIALS, headers={"Authorization": f"Basic {pair}"})

    assert refusal(response) == (400, "invalid_request")


def test_a_revoked_client_is_refused(app: AppWithSecret, ask: Ask, acme: Account) -> None:
    with in_account(acme):
        services.revoke_client_app(app=app.app, actor=TESTS)

    assert refusal(ask(grant_type=CLIENT_CREDENTIALS)) == (401, "invalid_client")


def test_a_client_of_another_account_is_refused(ask: Ask, globex: Account) -> None:
    response = ask(grant_type=CLIENT_CREDENTIALS, client=AccountClient(globex))

    assert refusal(response) == (401, "invalid_client")


# -- where the call goes ---------------------------------------------------------------------------


def test_the_public_host_asks_for_the_account(ask: Ask, public_client: AccountClient) -> None:
    response = ask(grant_type=CLIENT_CREDENTIALS, client=public_client)

    assert refusal(response) == (400, "invalid_request")


@pytest.mark.parametrize("slug", ["globex", "nobody", "../acme", "ACME"])
def test_a_header_that_names_another_account_than_the_host_is_401(ask: Ask, slug: str) -> None:
    response = ask(grant_type=CLIENT_CREDENTIALS, headers={"X-Cockpit-Account": slug})

    assert refusal(response) == (401, "invalid_client")


def test_a_header_that_names_no_account_is_401(ask: Ask, public_client: AccountClient) -> None:
    response = ask(
        grant_type=CLIENT_CREDENTIALS,
        client=public_client,
        headers={"X-Cockpit-Account": "nobody"},
    )

    assert refusal(response) == (401, "invalid_client")


def test_a_suspended_account_issues_no_tokens(ask: Ask, exchange: Ask, acme: Account) -> None:
    with in_public():
        suspend_account(account=acme, reason="Unpaid", actor=TESTS)

    for response in (ask(grant_type=CLIENT_CREDENTIALS), exchange()):
        assert refusal(response) == (403, "access_denied")


# -- what is sent ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", FORM, 400),
        (b"\xff\xfe\x00", FORM, 400),
        (b"%ff%fe=%00", FORM, 400),
        (b"grant_type=%80", FORM, 400),
        (b"&&&===", FORM, 400),
        (b"a=1&" * 6000, FORM, 400),
        (b"x=" + b"y" * 70_000, FORM, 400),
        (b"x=" + b"y" * 6_000_000, FORM, 400),
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data; boundary=x", 415),
        (b"x", "", 415),
    ],
)
def test_junk_is_refused_in_the_same_shape(
    at_acme: AccountClient, body: bytes, content_type: str, status: int
) -> None:
    response = at_acme.generic("POST", PATH, body, content_type=content_type)

    assert refusal(response) == (status, "invalid_request")


def test_no_body_and_no_type_at_all_is_refused(at_acme: AccountClient) -> None:
    assert refusal(at_acme.generic("POST", PATH, b"", content_type="")) == (400, "invalid_request")


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_the_endpoint_takes_posts_only(at_acme: AccountClient, method: str) -> None:
    response = getattr(at_acme, method)(PATH)

    assert refusal(response) == (405, "invalid_request")
    assert "POST" in response["Allow"]


def test_a_bug_is_a_server_error_in_the_same_shape(
    ask: Ask, at_acme: AccountClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("inner words")

    monkeypatch.setattr("core.api.auth.grants.service_token", broken)
    at_acme.raise_request_exception = False

    response = ask(grant_type=CLIENT_CREDENTIALS)

    assert refusal(response) == (500, "server_error")
    assert "inner" not in response.content.decode()


# -- public keys -----------------------------------------------------------------------------------


def test_anybody_may_read_the_public_keys_at_both_hosts(
    exchange: Ask, at_acme: AccountClient, public_client: AccountClient
) -> None:
    token = exchange().json()["access_token"]

    there = at_acme.get("/api/auth/v1/jwks.json")
    here = public_client.get("/api/auth/v1/jwks.json")

    assert there.json() == here.json()
    assert "max-age" in there["Cache-Control"]
    key = pyjwt.PyJWKSet.from_dict(there.json())[pyjwt.get_unverified_header(token)["kid"]]
    claims = pyjwt.decode(
        token,
        key,
        algorithms=["EdDSA"],
        audience=gateway_audience(),
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert claims["account"] == "acme"


def test_an_app_is_no_use_to_whom_it_is_not_shared_with(
    exchange: Ask, app: AppWithSecret, acme: Account
) -> None:
    with in_account(acme):
        services.set_client_app_open(app=app.app, is_open=False, actor=TESTS)

    assert refusal(exchange()) == (400, "invalid_grant")
