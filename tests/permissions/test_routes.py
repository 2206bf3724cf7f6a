"""Every route of both hosts, asked by everybody."""

from collections.abc import Callable

import pytest

from core.identity.models import User
from tenants.models import Account
from tests.clients import AccountClient
from tests.factories.tenants import LlmFactory
from tests.factories.things import Things, things_in, things_of_platform
from tests.permissions.asking import address, differences, outcome
from tests.permissions.listing import routes_of
from tests.permissions.rows import ANYONE, EVERYBODY, Row
from tests.permissions.table import ACCOUNT_ROWS, PUBLIC_ROWS

# Only reads, whatever it is sent; and a page that says no to everything.
ANY_METHOD = {"/search/", "/signup/"}


@pytest.fixture
def things(acme: Account) -> Things:
    return things_in(acme, LlmFactory(offered_to=acme))


@pytest.fixture
def things_of_sam(acme: Account) -> Things:
    return things_of_platform(acme, LlmFactory(offered_to=acme))


@pytest.mark.parametrize(
    ("urlconf", "rows"),
    [("cockpit.urls_account", ACCOUNT_ROWS), ("cockpit.urls_public", PUBLIC_ROWS)],
)
def test_every_route_has_a_row_and_every_row_a_route(urlconf: str, rows: list[object]) -> None:
    routes = {route.path for route in routes_of(urlconf)}
    table = {row.path for row in rows}  # type: ignore[attr-defined]

    assert routes - table == set()
    assert table - routes == set()


@pytest.mark.slow
@pytest.mark.parametrize("person", sorted(ANYONE))
def test_who_may_do_what_in_an_account(
    request: pytest.FixtureRequest,
    client_for: Callable[..., AccountClient],
    acme: Account,
    things: Things,
    person: str,
) -> None:
    user = None if person == "nobody" else request.getfixturevalue(person)

    assert differences(ACCOUNT_ROWS, person, client_for(user, acme), things) == ""


@pytest.mark.slow
@pytest.mark.parametrize("person", sorted(EVERYBODY))
def test_who_may_do_what_on_the_platform(
    request: pytest.FixtureRequest,
    client_for: Callable[..., AccountClient],
    things_of_sam: Things,
    person: str,
) -> None:
    user = None if person == "nobody" else request.getfixturevalue(person)

    assert differences(PUBLIC_ROWS, person, client_for(user, None), things_of_sam) == ""


@pytest.mark.slow
@pytest.mark.parametrize("host", ["account", "public"])
def test_no_form_is_taken_without_its_csrf_token(
    client_for: Callable[..., AccountClient],
    ada: User,
    sam: User,
    acme: Account,
    things_of_sam: Things,
    host: str,
) -> None:
    user, account, rows = {
        "account": (ada, acme, ACCOUNT_ROWS),
        "public": (sam, None, PUBLIC_ROWS),
    }[host]
    client = client_for(user, account)
    client.handler.enforce_csrf_checks = True

    answers = {
        row.path: outcome(client, row, address(row, things_of_sam), {})
        for row in rows
        # A token is asked for by programs, with a secret and without cookies.
        if row.method == "POST" and not row.path.endswith("/token")
    }

    assert {path: word for path, word in answers.items() if word != "403"} == {}


@pytest.mark.slow
@pytest.mark.parametrize("host", ["account", "public"])
def test_our_views_take_no_method_without_a_row(
    client_for: Callable[..., AccountClient],
    ada: User,
    sam: User,
    acme: Account,
    things_of_sam: Things,
    host: str,
) -> None:
    user, account, rows = {
        "account": (ada, acme, ACCOUNT_ROWS),
        "public": (sam, None, PUBLIC_ROWS),
    }[host]
    client = client_for(user, account)
    known = {(row.path, row.method) for row in rows}
    # Views of Django and allauth answer what they do not know as if it were a GET.
    ours = {route.path for route in routes_of(f"cockpit.urls_{host}") if route.is_ours}
    wrong = []
    for path in sorted(ours - ANY_METHOD):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            row = Row(path, method, frozenset())
            if (path, method) not in known:
                word = outcome(client, row, address(row, things_of_sam), {})
                wrong += [f"{method} {path}: {word}"] if word not in {"403", "404", "405"} else []

    assert "\n".join(wrong) == ""
