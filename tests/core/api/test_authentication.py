"""Who is let in by a bearer token, to what, and who stands in the audit entries for it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.authentication import BearerAuthentication, SessionAuthentication
from core.api.credentials import actor_of
from core.api.permissions import HasCodename
from core.hierarchy.product import product_named
from core.hierarchy.seats import seat_of_user
from core.hierarchy.services import members
from core.identity import services as identity
from core.identity.models import Role, User
from core.tenancy.context import in_account
from core.tokens import services
from core.tokens.issuing import (
    api_audience,
    gateway_audience,
    issue_service_token,
    issue_user_token,
)
from core.tokens.scopes import MANAGE, RUNTIME
from core.tokens.services import AppWithSecret
from tenants.models import Account
from tests.cast import TESTS

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


class WhoAmI(APIView):
    """Says who is calling."""

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    permission_classes = (HasCodename,)
    read_permission = "copilot.use"
    write_permission = "copilot.manage_hierarchy"

    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        return Response([actor.kind, actor.label, actor.on_behalf_of])

    def post(self, request: Request) -> Response:
        return Response("changed")


class Running(WhoAmI):
    """Asks for less than the right to manage."""

    token_scope = RUNTIME


@pytest.fixture
def app(in_acme: Account) -> AppWithSecret:
    return services.create_client_app(
        product="copilot",
        name="alchemi-ai",
        act_for_members=True,
        scopes=("gateway", "runtime", "manage"),
        actor=TESTS,
    )


def token_for(
    user: User, account: Account, app: AppWithSecret | None = None, **changes: Any
) -> str:
    seat = seat_of_user(product_named("copilot"), user.pk)
    claims: dict[str, Any] = {
        "account": account,
        "product": "copilot",
        "user_id": user.pk,
        "member_id": seat.member_id,
        "team_id": seat.team_id,
        "scopes": frozenset({MANAGE, RUNTIME}),
        "policy_version": 1,
        "client_id": app.app.client_id if app else "",
        "meant_for": (api_audience(),),
    }
    return issue_user_token(**(claims | changes)).value


def call(
    token: str | None,
    account: Account | None,
    *,
    method: str = "GET",
    view: type[APIView] = WhoAmI,
    scheme: str = "Bearer",
) -> Any:
    headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
    request = RequestFactory().generic(
        method, "/x", b"{}", content_type="application/json", headers=headers
    )
    request.account = account  # type: ignore[attr-defined]
    request.user = None  # type: ignore[assignment]
    response: Any = view.as_view()(request)
    return response.render()


def refused(response: Any) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    assert ("WWW-Authenticate" in response) == (response.status_code == 401)
    return response.status_code, json.loads(response.content)["code"]


def test_an_app_acts_on_behalf_of_a_member(app: AppWithSecret, in_acme: Account, mia: User) -> None:
    response = call(token_for(mia, in_acme, app), in_acme)

    assert json.loads(response.content) == ["client_app", "alchemi-ai", "Mia Member"]


def test_a_page_of_ours_acts_as_the_member(in_acme: Account, mia: User) -> None:
    response = call(token_for(mia, in_acme), in_acme)

    assert json.loads(response.content) == ["user", "Mia Member", ""]


def test_nobody_is_asked_for_a_token(in_acme: Account) -> None:
    for token, scheme in ((None, ""), ("abc", "Basic")):
        assert refused(call(token, in_acme, scheme=scheme)) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "token", ["", "junk", "a.b.c", "ck_acme_" + "x" * 40, "\u00e9", "x" * 9000]
)
def test_a_token_that_is_none_of_ours_is_401(in_acme: Account, token: str) -> None:
    assert refused(call(token, in_acme)) == (401, "invalid_token")


def test_token_and_host_must_name_the_same_account(
    in_acme: Account, globex: Account, mia: User
) -> None:
    token = token_for(mia, in_acme)

    with in_account(globex):
        assert refused(call(token, globex)) == (401, "invalid_token")
    assert refused(call(token, None)) == (401, "invalid_token")


def test_a_token_for_the_gateway_alone_is_refused(in_acme: Account, mia: User) -> None:
    token = token_for(mia, in_acme, meant_for=(gateway_audience(),))

    assert refused(call(token, in_acme)) == (401, "invalid_token")


def test_an_expired_token_is_refused(in_acme: Account, mia: User) -> None:
    with time_machine.travel(AT, tick=False):
        token = token_for(mia, in_acme)
        assert call(token, in_acme).status_code == 200
    with time_machine.travel(AT + timedelta(minutes=5), tick=False):
        assert refused(call(token, in_acme)) == (401, "invalid_token")


def test_a_token_of_somebody_unknown_is_refused(in_acme: Account, mia: User) -> None:
    token = token_for(mia, in_acme, user_id=UUID(int=9))

    assert refused(call(token, in_acme)) == (401, "unauthenticated")


def test_what_stops_a_member_stops_their_token(in_acme: Account, mia: User, theo: User) -> None:
    mias, theos = token_for(mia, in_acme), token_for(theo, in_acme)
    product = product_named("copilot")

    identity.deactivate_user(user=mia, actor=TESTS)
    members.archive_member(
        product=product, member=product.member._default_manager.get(user=theo), actor=TESTS
    )

    assert refused(call(mias, in_acme)) == (401, "unauthenticated")
    assert refused(call(theos, in_acme)) == (401, "unauthenticated")


def test_what_stops_an_app_stops_its_tokens(
    app: AppWithSecret, in_acme: Account, mia: User
) -> None:
    token = token_for(mia, in_acme, app)
    version = 1
    own = issue_service_token(
        account=in_acme, app=app.app, scopes=frozenset({RUNTIME}), policy_version=version
    ).value

    services.set_act_for_members(app=app.app, is_allowed=False, actor=TESTS)
    assert refused(call(token, in_acme)) == (401, "invalid_token")
    assert refused(call(own, in_acme)) == (403, "not_allowed")

    services.revoke_client_app(app=app.app, actor=TESTS)
    assert refused(call(own, in_acme)) == (401, "invalid_token")


def test_a_token_does_what_its_bearer_may_and_no_more(
    app: AppWithSecret, in_acme: Account, mia: User
) -> None:
    mias = token_for(mia, in_acme, app)
    assert refused(call(mias, in_acme, method="POST")) == (403, "not_allowed")

    identity.give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=TESTS)
    assert call(mias, in_acme, method="POST").status_code == 200


def test_managing_needs_its_scope(in_acme: Account, mia: User) -> None:
    token = token_for(mia, in_acme, scopes=frozenset({RUNTIME}))

    assert refused(call(token, in_acme)) == (403, "not_allowed")
    assert call(token, in_acme, view=Running).status_code == 200


def test_a_token_of_one_product_does_nothing_in_the_other(in_acme: Account, mia: User) -> None:
    token = token_for(mia, in_acme, product="console")

    assert refused(call(token, in_acme)) == (403, "not_allowed")
