"""schemathesis against the running API, as everybody: no 500, and nothing undocumented.

`COCKPIT_FUZZ_EXAMPLES` says how many examples each operation gets; `make fuzz` sends many.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from schemathesis.checks import not_a_server_error

from core.identity.models import User
from core.ui.reference.openapi import text_of
from tenants.models import Account
from tests.api_fuzz.fuzzing import Caller, fuzz, keep_connections_again, undoing_app
from tests.clients import AccountClient
from tests.factories.tenants import LlmFactory
from tests.factories.things import Things, things_in, things_of_platform

EXAMPLES = int(os.environ.get("COCKPIT_FUZZ_EXAMPLES", "3"))
CSRF = "f" * 32

pytestmark = [pytest.mark.slow, pytest.mark.django_db]


@pytest.fixture(params=["copilot", "console"])
def slug(request: pytest.FixtureRequest) -> str:
    """Each product in turn."""
    return str(request.param)


@pytest.fixture
def document(slug: str) -> dict[str, Any]:
    """The product's OpenAPI document, as it stands in the repository."""
    read: dict[str, Any] = yaml.load(
        text_of(f"{slug}-v1", of_platform=False), Loader=yaml.CSafeLoader
    )
    return read


@pytest.fixture
def app(settings: Any) -> Iterator[Any]:
    settings.API_LIMITS = dict.fromkeys(settings.API_LIMITS, 10**9)
    yield undoing_app()
    keep_connections_again()


@pytest.fixture
def things(acme: Account) -> Things:
    """One of everything in Acme."""
    return things_in(acme, LlmFactory(offered_to=acme))


@pytest.fixture
def caller(
    client_for: Callable[..., AccountClient], things: Things, slug: str
) -> Callable[..., Caller]:
    """Make somebody who asks with a session; all know the ids of Acme."""

    def make(user: User | None, account: Account | None, **more: Any) -> Caller:
        host = f"{account.slug}.localhost" if account else "localhost"
        headers = {}
        if user is not None:
            session = client_for(user, account).cookies["sessionid"].value
            cookie = f"sessionid={session}; csrftoken={CSRF}"
            headers = {"X-Test-Cookie": cookie, "X-CSRFToken": CSRF}
        return Caller(f"http://{host}", headers, things[slug], **more)

    return make


# A token of one's own, what is kept of calls, LLMs, and one's own keys and calls.
_FOR_EVERYBODY = {"session-token", "content-policy", "llms", "keys", "logs"}


def never(case: Any, response: Any) -> None:
    """Refuse every success, but for what everybody may ask."""
    if case.operation.path.split("/")[4] in _FOR_EVERYBODY:
        return
    assert response.status_code >= 400, (case.method, case.path, response.status_code)


def test_an_account_admin_finds_what_is_documented(
    document: dict[str, Any], app: Any, caller: Callable[..., Caller], ada: User, acme: Account
) -> None:
    seen = fuzz(document, app=app, caller=caller(ada, acme), examples=2 * EXAMPLES)

    assert {200, 422} <= seen.keys()


def test_a_branch_admin_finds_what_is_documented(
    document: dict[str, Any], app: Any, caller: Callable[..., Caller], olga: User, acme: Account
) -> None:
    seen = fuzz(document, app=app, caller=caller(olga, acme), examples=EXAMPLES)

    assert {200, 403} <= seen.keys()


def test_a_member_is_refused_everything(
    document: dict[str, Any], app: Any, caller: Callable[..., Caller], mia: User, acme: Account
) -> None:
    seen = fuzz(document, app=app, caller=caller(mia, acme), examples=EXAMPLES, watch=never)

    assert 403 in seen


def test_nobody_is_refused_everything(
    document: dict[str, Any], app: Any, caller: Callable[..., Caller], acme: Account
) -> None:
    seen = fuzz(document, app=app, caller=caller(None, acme), examples=EXAMPLES, watch=never)

    # 400 is what Django itself says to a header that is none.
    assert seen.keys() <= {400, 401, 404}


def test_another_account_finds_nothing_of_ours(
    document: dict[str, Any],
    app: Any,
    caller: Callable[..., Caller],
    things: Things,
    slug: str,
    eve: User,
    globex: Account,
) -> None:
    ours = {str(value) for value in things[slug].values()}

    def watch(case: Any, response: Any) -> None:
        asked = set((case.path_parameters or {}).values())
        assert not (asked & ours and response.status_code < 400), case.path
        assert "acme.example" not in response.text

    seen = fuzz(document, app=app, caller=caller(eve, globex), examples=EXAMPLES, watch=watch)

    assert {200, 404} <= seen.keys()


def test_a_super_admin_has_no_account_to_manage(
    document: dict[str, Any], app: Any, caller: Callable[..., Caller], sam: User
) -> None:
    who = caller(sam, None, checks=(not_a_server_error,))

    seen = fuzz(document, app=app, caller=who, examples=EXAMPLES, watch=never)

    assert seen.keys() <= {400, 404}


def test_the_token_endpoints_answer_as_documented(
    app: Any, caller: Callable[..., Caller], mia: User, acme: Account
) -> None:
    document = yaml.load(text_of("auth-v1", of_platform=False), Loader=yaml.CSafeLoader)

    seen = fuzz(document, app=app, caller=caller(mia, acme), examples=5 * EXAMPLES)

    assert {200, 400} <= seen.keys()


def platform_caller(client: AccountClient | None, account: Account) -> Caller:
    """Make somebody at the platform's own host, who knows an account and all that it has."""
    things = things_of_platform(account, LlmFactory(offered_to=account))[""]
    headers = {}
    if client is not None:
        cookie = f"sessionid={client.cookies['sessionid'].value}; csrftoken={CSRF}"
        headers = {"X-Test-Cookie": cookie, "X-CSRFToken": CSRF}
    return Caller("http://localhost", headers, {**things, "user_id": things["admin_id"]})


@pytest.fixture
def platform_document() -> dict[str, Any]:
    """The platform's OpenAPI document."""
    text = text_of("superadmin-v1", of_platform=True)
    read: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return read


def test_a_super_admin_finds_what_is_documented(
    platform_document: dict[str, Any],
    app: Any,
    client_for: Callable[..., AccountClient],
    sam: User,
    acme: Account,
) -> None:
    sams = platform_caller(client_for(sam, None), acme)

    seen = fuzz(platform_document, app=app, caller=sams, examples=2 * EXAMPLES)

    assert {200, 422} <= seen.keys()


def test_nobody_finds_the_platform(
    platform_document: dict[str, Any], app: Any, acme: Account
) -> None:
    caller = platform_caller(None, acme)

    seen = fuzz(platform_document, app=app, caller=caller, examples=EXAMPLES, watch=never)

    assert seen.keys() <= {400, 401, 404}
