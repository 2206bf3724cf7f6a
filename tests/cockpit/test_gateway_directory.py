"""What the gateway is told of callers and accounts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from cockpit.gateway_directory import PostgresDirectory
from console.models import VirtualKey
from console.services.keys import NewKey, revoke_key
from core.gateway.errors import AccountSuspended
from core.gateway.ports import Principal
from core.hierarchy.product import Product, product_named
from core.hierarchy.seats import seat_of_user
from core.hierarchy.services import members, memberships, nodes
from core.identity import services as identity
from core.identity.models import User
from core.kit.problems import NotAllowed, Unauthenticated
from core.tenancy.context import AccountRef, in_account, in_public
from core.tenancy.policy import policy_version
from core.tokens import services as tokens
from core.tokens.errors import InvalidToken
from core.tokens.issuing import (
    api_audience,
    gateway_audience,
    issue_service_token,
    issue_user_token,
)
from core.tokens.scopes import GATEWAY, RUNTIME
from core.tokens.services import AppWithSecret
from tenants.models import Account
from tenants.services.accounts import archive_account, suspend_account
from tests.cast import TEAM, TESTS

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
directory = PostgresDirectory()


# -- virtual keys ----------------------------------------------------------------------------------


def test_a_key_is_its_members_place(acme: Account, mia: User, key: NewKey) -> None:
    principal = directory.principal_for_key(key.token)

    with in_account(acme):
        seat = seat_of_user(product_named("console"), mia.pk)
        version = policy_version()
    assert principal == Principal(
        account=AccountRef(acme.pk, "acme", acme.schema_name),
        product="console",
        user_id=mia.pk,
        member_id=seat.member_id,
        membership_id=seat.membership_id,
        wallet_id=seat.wallet_id,
        team_id=seat.team_id,
        organization_id=seat.organization_id,
        key_id=key.key.pk,
        label="Mia Member",
        labels={
            str(seat.member_id): "Mia Member",
            str(seat.team_id): "Content",
            str(seat.organization_id): "Marketing",
            str(key.key.pk): "laptop",
        },
        path=seat.nodes,
        cap_subjects=(key.key.pk, *seat.path),
        policy_version=version,
    )


def test_the_use_of_a_key_is_noted(acme: Account, key: NewKey) -> None:
    with time_machine.travel(AT, tick=False):
        directory.principal_for_key(key.token)

    with in_account(acme):
        assert VirtualKey.objects.get().last_used_at == AT


@pytest.mark.parametrize(
    "token",
    [
        "",
        "ck_",
        "ck_acme_",
        "ck_acme_short",
        "ck_acme_" + "x" * 40,
        "ck_acme_" + "x" * 4000,
        "ck_nobody_" + "x" * 40,
        "ck_ACME_" + "x" * 40,
        "ck_acme_" + "\u00e9" * 40,
        "ck_acme_" + "x" * 39 + "\n",
        "ck_acme_" + "x" * 39 + "\x00",
        "ck_a'; --_" + "x" * 40,
        "sk-openai",
    ],
)
def test_a_key_that_is_none_is_refused(acme: Account, token: str) -> None:
    with pytest.raises(Unauthenticated):
        directory.principal_for_key(token)


def test_a_key_counts_in_its_own_account_only(key: NewKey, globex: Account) -> None:
    with pytest.raises(Unauthenticated):
        directory.principal_for_key(key.token.replace("ck_acme_", "ck_globex_"))


def test_a_revoked_key_is_refused(acme: Account, key: NewKey) -> None:
    with in_account(acme):
        revoke_key(key=key.key, actor=TESTS)

    with pytest.raises(Unauthenticated, match="revoked"):
        directory.principal_for_key(key.token)


def test_a_key_ends_at_its_expiry(acme: Account, key: NewKey) -> None:
    with in_account(acme):
        VirtualKey.objects.update(expires_at=AT)

    with time_machine.travel(AT - timedelta(seconds=1), tick=False):
        assert directory.principal_for_key(key.token).expires_at == AT
    with time_machine.travel(AT, tick=False), pytest.raises(Unauthenticated, match="expired"):
        directory.principal_for_key(key.token)


def test_a_key_ends_with_its_members_seat(acme: Account, mia: User, key: NewKey) -> None:
    product = product_named("console")
    with in_account(acme):
        member = product.member._default_manager.get(user=mia)
        members.archive_member(product=product, member=member, actor=TESTS)

    with pytest.raises(NotAllowed):
        directory.principal_for_key(key.token)


def test_a_key_ends_with_its_users_login(acme: Account, mia: User, key: NewKey) -> None:
    with in_account(acme):
        identity.deactivate_user(user=mia, actor=TESTS)

    with pytest.raises(NotAllowed):
        directory.principal_for_key(key.token)


@pytest.mark.parametrize("close", [suspend_account, archive_account])
def test_a_closed_account_admits_no_key(
    acme: Account, key: NewKey, close: Callable[..., Any]
) -> None:
    with in_public():
        close(account=acme, reason="Unpaid", actor=TESTS)

    with pytest.raises(AccountSuspended):
        directory.principal_for_key(key.token)


# -- user tokens -----------------------------------------------------------------------------------


def token_for(where: Account, user: User, product: str = "copilot", **changes: Any) -> str:
    with in_account(where):
        seat = seat_of_user(product_named(product), user.pk)
        claims: dict[str, Any] = {
            "account": where,
            "product": product,
            "user_id": user.pk,
            "member_id": seat.member_id,
            "team_id": seat.team_id,
            "scopes": frozenset({GATEWAY}),
            "policy_version": 1,
            "meant_for": (gateway_audience(),),
        }
        return issue_user_token(**(claims | changes)).value


@pytest.fixture
def app(acme: Account) -> AppWithSecret:
    with in_account(acme):
        return tokens.create_client_app(
            product="copilot", name="alchemi-web", act_for_members=True, actor=TESTS
        )


def test_a_user_token_is_its_members_place_in_either_product(
    acme: Account, mia: User, product: Product
) -> None:
    with time_machine.travel(AT, tick=False):
        token = token_for(acme, mia, product.slug)
        principal = directory.principal_for_user_token(token, None)

    with in_account(acme):
        seat = seat_of_user(product, mia.pk)
    assert (principal.product, principal.user_id) == (product.slug, mia.pk)
    assert (principal.wallet_id, principal.team_id) == (seat.wallet_id, seat.team_id)
    assert principal.cap_subjects == seat.path
    assert (principal.key_id, principal.client_id) == (None, None)
    assert principal.expires_at == AT + timedelta(minutes=5)


def test_a_token_of_a_client_app_names_the_app(
    acme: Account, mia: User, app: AppWithSecret
) -> None:
    token = token_for(acme, mia, client_id=app.app.client_id)

    assert directory.principal_for_user_token(token, None).client_id == app.app.pk


def test_the_call_may_name_another_team_of_the_member(acme: Account, mia: User) -> None:
    product = product_named("copilot")
    with in_account(acme):
        organization = product.organization._default_manager.get(is_global=False)
        video = nodes.create_team(
            product=product, organization=organization, name="Video", actor=TESTS
        )
        nodes.create_team(product=product, organization=organization, name="Sales", actor=TESTS)
        memberships.place_member(
            product=product,
            member=product.member._default_manager.get(user=mia),
            organization=organization,
            team=video,
            actor=TESTS,
        )
    token = token_for(acme, mia)

    for name in ("Video", str(video.pk)):
        assert directory.principal_for_user_token(token, name).team_id == video.pk
    assert directory.principal_for_user_token(token, TEAM).team_id != video.pk
    for other in ("Sales", "video", "", "\x00", str(UUID(int=0))):
        with pytest.raises(NotAllowed):
            directory.principal_for_user_token(token, other)


def test_the_team_of_the_token_holds_where_the_call_names_none(acme: Account, mia: User) -> None:
    elsewhere = token_for(acme, mia, team_id=UUID(int=5))

    with pytest.raises(NotAllowed):
        directory.principal_for_user_token(elsewhere, None)


def test_a_token_that_is_not_for_the_gateway_is_refused(
    acme: Account, mia: User, app: AppWithSecret
) -> None:
    with in_account(acme):
        service = issue_service_token(
            account=acme, app=app.app, scopes=frozenset({GATEWAY}), policy_version=1
        ).value

    for token in (
        "",
        "junk",
        service,
        token_for(acme, mia, meant_for=(api_audience(),)),
    ):
        with pytest.raises(InvalidToken):
            directory.principal_for_user_token(token, None)
    with pytest.raises(NotAllowed, match="scope"):
        directory.principal_for_user_token(token_for(acme, mia, scopes=frozenset({RUNTIME})), None)


def test_a_token_whose_account_does_not_fit_is_refused(acme: Account, mia: User) -> None:
    mixed = AccountRef(acme.pk, "globex", acme.schema_name)
    nobody = AccountRef(UUID(int=7), "acme", acme.schema_name)

    for account in (mixed, nobody):
        with pytest.raises(Unauthenticated):
            directory.principal_for_user_token(token_for(acme, mia, account=account), None)


def test_what_stops_an_app_stops_the_tokens_it_obtained(
    acme: Account, mia: User, app: AppWithSecret
) -> None:
    token = token_for(acme, mia, client_id=app.app.client_id)
    with in_account(acme):
        tokens.set_act_for_members(app=app.app, is_allowed=False, actor=TESTS)

    with pytest.raises(InvalidToken):
        directory.principal_for_user_token(token, None)


def test_an_app_of_one_product_does_not_act_in_the_other(
    acme: Account, mia: User, app: AppWithSecret
) -> None:
    token = token_for(acme, mia, "console", client_id=app.app.client_id)

    with pytest.raises(InvalidToken):
        directory.principal_for_user_token(token, None)


def test_a_suspended_account_admits_no_token(acme: Account, mia: User) -> None:
    token = token_for(acme, mia)
    with in_public():
        suspend_account(account=acme, reason="Unpaid", actor=TESTS)

    with pytest.raises(AccountSuspended):
        directory.principal_for_user_token(token, None)
