"""schemathesis against the running API, as everybody: no 500, and nothing undocumented.

`COCKPIT_FUZZ_EXAMPLES` says how many examples each operation gets; `make fuzz` sends many.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from schemathesis.checks import not_a_server_error

from core.hierarchy.product import product_named
from core.hierarchy.services.members import invite_member
from core.identity.models import User
from core.tenancy.context import in_account
from core.ui.reference.openapi import text_of
from tenants.models import Account
from tests.api_fuzz.fuzzing import Caller, fuzz, keep_connections_again, undoing_app
from tests.cast import TEAM, TESTS
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


# What everybody may ask without naming anything: a token of one's own, what is kept of calls, the
# LLMs, and lists of one's own keys and calls, which are empty for who has none.
_FOR_EVERYBODY = {
    ("POST", "session-token"),
    ("GET", "content-policy"),
    ("GET", "llms"),
    ("GET", "keys"),
    ("POST", "keys"),
    ("GET", "logs"),
    ("GET", "logs/tail"),
}


def never(case: Any, response: Any) -> None:
    """Refuse every success, but for what everybody may ask; and of that, all that is not theirs."""
    if response.status_code >= 400:
        return
    asked = (case.method.upper(), "/".join(case.operation.path.split("/")[4:]))
    assert asked in _FOR_EVERYBODY, (*asked, case.path, response.status_code)


def nothing_of(things: dict[str, Any], *names: str) -> Callable[[Any, Any], None]:
    """Do as `never` does, and find what others have in no answer, whatever it was asked by."""
    theirs = {str(things[name]) for name in names if name in things}
    assert theirs

    def watch(case: Any, response: Any) -> None:
        never(case, response)
        shown = response.text if response.status_code < 400 else ""
        assert not [each for each in theirs if each in shown], (case.method, case.path)

    return watch


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


@pytest.fixture
def colleague(acme: Account) -> User:
    """A member of the team to whom the one of everything belongs, with nothing of their own."""
    with in_account(acme):
        for slug in ("copilot", "console"):
            product = product_named(slug)
            team: Any = product.team._default_manager.get(name=TEAM)
            invite_member(
                product=product,
                email="colleague@acme.example",
                organization=team.organization,
                team=team,
                actor=TESTS,
            )
        user = User.objects.get(email="colleague@acme.example")
        user.is_active = True
        user.save()
    return user


def test_a_member_is_refused_everything_and_so_another_members_key_and_calls(
    document: dict[str, Any],
    app: Any,
    caller: Callable[..., Caller],
    things: Things,
    slug: str,
    colleague: User,
    acme: Account,
) -> None:
    watch = nothing_of(things[slug], "key_id", "call_id", "refusal_id")

    seen = fuzz(document, app=app, caller=caller(colleague, acme), examples=EXAMPLES, watch=watch)

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
