"""For whom a client app may act: decided by grants in the gateway, also when they end."""

from datetime import timedelta

import pytest
import time_machine

from cockpit.gateway_directory import PostgresDirectory
from core.access.errors import NotGranted
from core.access.granting import set_grants
from core.access.rules import grants as rules
from core.access.rules.paths import PathNode
from core.access.services import switch_llm_on
from core.gateway.bodies import read_chat
from core.gateway.entitlement import llm_for, rights_end, usable_llms
from core.gateway.ports import Principal
from core.gateway.principals import principal_at
from core.hierarchy.product import Product
from core.hierarchy.seats import seat_of_user
from core.hierarchy.sharing import CLIENT_APP, resource_named
from core.identity.models import User
from core.kit.clock import now
from core.kit.problems import NotFound
from core.tenancy.context import AccountRef, in_account
from core.tokens.models import ClientApp
from core.tokens.services import create_client_app, revoke_client_app, set_client_app_open
from tenants.models import Account
from tests.cast import TESTS
from tests.factories.tenants import LlmFactory

directory = PostgresDirectory()
ASKED = read_chat(b'{"model": "gpt-5", "messages": [{"role": "user", "content": "Hello"}]}')


@pytest.fixture
def app(in_acme: Account, product: Product, monkeypatch: pytest.MonkeyPatch) -> ClientApp:
    """A client app, and an LLM that everyone may use."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-vendor-key")
    llm = LlmFactory(name="gpt-5", offered_to=in_acme)
    switch_llm_on(product=product.slug, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    return create_client_app(
        product=product.slug, name="alchemi-web", act_for_members=True, actor=TESTS
    ).app


def caller(acme: Account, product: Product, user: User, app: ClientApp) -> Principal:
    account = AccountRef(acme.pk, acme.slug, acme.schema_name)
    with in_account(acme):
        seat = seat_of_user(product, user.pk)
    return principal_at(seat, account=account, policy_version=1, client_app_id=app.pk)


def admitted(acme: Account, principal: Principal) -> bool:
    """Whether the gateway admits a call, which is whether it lists the LLM."""
    snapshot = directory.snapshot(acme.pk)
    listed = {llm.name for llm in usable_llms(snapshot, principal)}
    try:
        llm = llm_for(snapshot, principal, ASKED)
    except NotGranted:
        return bool(listed)
    assert listed == {llm.name}
    return True


def say(product: Product, app: ClientApp, kind: str, node: object, grant: rules.Grant) -> None:
    set_grants(
        product=product.slug,
        resource=resource_named(product, CLIENT_APP, app.pk),
        grants={PathNode(kind, node, "A node"): grant},  # type: ignore[arg-type]
        actor=TESTS,
    )


def test_an_open_app_acts_for_everyone_but_whom_it_is_denied(
    acme: Account, product: Product, app: ClientApp, mia: User, olga: User
) -> None:
    mias = caller(acme, product, mia, app)
    assert admitted(acme, mias)

    say(product, app, "member", mias.member_id, rules.Grant(is_denial=True))

    assert not admitted(acme, caller(acme, product, mia, app))
    assert admitted(acme, caller(acme, product, olga, app))


def test_a_closed_app_acts_for_whom_it_is_shared_with(
    acme: Account, product: Product, app: ClientApp, mia: User, olga: User
) -> None:
    mias = caller(acme, product, mia, app)
    set_client_app_open(app=app, is_open=False, actor=TESTS)
    assert not admitted(acme, mias)

    say(product, app, "team", mias.team_id, rules.Grant())

    assert admitted(acme, caller(acme, product, mia, app))
    # Olga sits in the organization, above the team.
    assert not admitted(acme, caller(acme, product, olga, app))


def test_a_grant_ends_without_any_job(
    acme: Account, product: Product, app: ClientApp, mia: User
) -> None:
    mias = caller(acme, product, mia, app)
    set_client_app_open(app=app, is_open=False, actor=TESTS)
    end = now() + timedelta(hours=1)
    say(product, app, "team", mias.team_id, rules.Grant(ends_at=end))
    snapshot, mias = directory.snapshot(acme.pk), caller(acme, product, mia, app)

    assert rights_end(mias) == end
    assert usable_llms(snapshot, mias)
    with time_machine.travel(end, tick=False):
        # The very same caller and snapshot, as a process keeps them.
        assert rights_end(mias) is None
        assert not usable_llms(snapshot, mias)


def test_an_own_key_needs_no_grant(
    acme: Account, product: Product, app: ClientApp, mia: User
) -> None:
    account = AccountRef(acme.pk, acme.slug, acme.schema_name)
    set_client_app_open(app=app, is_open=False, actor=TESTS)

    seat = seat_of_user(product, mia.pk)

    assert admitted(acme, principal_at(seat, account=account, policy_version=1))


def test_a_revoked_app_cannot_be_shared(product: Product, app: ClientApp) -> None:
    revoke_client_app(app=app, actor=TESTS)

    with pytest.raises(NotFound):
        resource_named(product, CLIENT_APP, app.pk)
