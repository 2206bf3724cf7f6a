"""Eve of Globex asks for everything of Acme, by every route and search there is.

What she is refused, she may do with the same things of Globex: so it is the account that decides.
"""

import re
from collections.abc import Callable, Iterator

import pytest

from core.identity.models import Role, User
from core.identity.services import give_role
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import ADA, MIA, OLGA, TESTS, THEO
from tests.clients import AccountClient
from tests.factories.tenants import LlmFactory
from tests.factories.things import Things, things_in
from tests.permissions.asking import ALLOWED, LOGIN, address, form, outcome, word_for
from tests.permissions.rows import Row
from tests.permissions.table import ACCOUNT_ROWS

# LLMs are the platform's, not an account's; what is offered is another test's matter.
NOT_OF_AN_ACCOUNT = {"llm_id"}
ROWS_WITH_IDS = [
    row
    for row in ACCOUNT_ROWS
    if "ada" in row.who and (set(re.findall(r":(\w+)>", row.path)) - NOT_OF_AN_ACCOUNT)
]
PAGES = [row for row in ACCOUNT_ROWS if "ada" in row.who and row.method == "GET"]


@pytest.fixture
def both(acme: Account, globex: Account) -> tuple[Things, Things]:
    """The same things in Acme and in Globex."""
    return things_in(acme, LlmFactory(offered_to=acme)), things_in(
        globex, LlmFactory(offered_to=globex)
    )


@pytest.fixture
def eve_client(
    client_for: Callable[..., AccountClient], eve: User, globex: Account
) -> AccountClient:
    return client_for(eve, globex)


def _mixtures(row: Row, theirs: Things, ours: Things) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield requests of ours in each of which one id, of the path or the form, is theirs."""
    path, path_of_theirs = address(row, ours).split("/"), address(row, theirs).split("/")
    for place, (part, their_part) in enumerate(zip(path, path_of_theirs, strict=True)):
        if part != their_part:
            yield "/".join([*path[:place], their_part, *path[place + 1 :]]), form(row, ours)
    for name, value in form(row, theirs).items():
        yield address(row, ours), {**form(row, ours), name: value}


@pytest.mark.slow
def test_an_id_of_another_account_is_not_found(
    eve_client: AccountClient, both: tuple[Things, Things]
) -> None:
    theirs, ours = both
    wrong = []
    for row in ROWS_WITH_IDS:
        if (word := outcome(eve_client, row, address(row, ours), form(row, ours))) != ALLOWED:
            wrong.append(f"{row.method} {row.path}: her own is {word}")
        for path, data in _mixtures(row, theirs, ours):
            if (word := outcome(eve_client, row, path, data)) not in {"404", "410"}:
                wrong.append(f"{row.method} {row.path}: Acme's is {word}")

    assert "\n".join(wrong) == ""


@pytest.mark.slow
def test_no_page_shows_anything_of_another_account(
    client_for: Callable[..., AccountClient],
    eve_client: AccountClient,
    ada: User,
    acme: Account,
    both: tuple[Things, Things],
) -> None:
    theirs, ours = both
    canaries = {"acme-canary", "acme.example", *(one.name for one in (ADA, OLGA, THEO, MIA))}
    canaries |= {
        str(value)
        for kind in theirs.values()
        for name, value in kind.items()
        if len(str(value)) > 30
    } - {str(value) for kind in ours.values() for value in kind.values()}
    ada_client = client_for(ada, acme)
    shown, seen_by_ada = [], set()
    for row in PAGES:
        body = eve_client.get(address(row, ours), follow=True).getvalue().decode(errors="replace")
        shown += [f"{row.path} shows {canary}" for canary in canaries if canary in body]
        body = ada_client.get(address(row, theirs), follow=True).getvalue().decode(errors="replace")
        seen_by_ada |= {canary for canary in canaries if canary in body}

    assert shown == []
    # Else the canaries would prove nothing.
    assert {"acme-canary", "acme.example", ADA.name, MIA.name} <= seen_by_ada


def test_searches_of_two_users_with_the_same_id_stay_apart(
    client_for: Callable[..., AccountClient],
    ada: User,
    acme: Account,
    globex: Account,
    both: tuple[Things, Things],
) -> None:
    theirs, ours = both
    with in_account(globex):
        twin = User.objects.create(id=ada.pk, email="twin@globex.example")
        give_role(user=twin, role=Role.ACCOUNT_ADMIN, actor=TESTS)
    in_acme, in_globex = client_for(ada, acme), client_for(twin, globex)

    for term in ("Marketing", "Content"):
        found = [
            client.get("/search/", {"s": term, "extended": "1"}).content.decode()
            for client in (in_acme, in_globex, in_acme)
        ]

        kind = "organization" if term == "Marketing" else "team"
        assert [str(theirs["copilot"][kind]) in body for body in found] == [True, False, True]
        assert [str(ours["copilot"][kind]) in body for body in found] == [False, True, False]


def test_a_search_for_people_of_another_account_finds_nothing(eve_client: AccountClient) -> None:
    for term in ("acme", "Ada", "Mia Member", "@acme.example"):
        body = eve_client.get("/search/", {"s": term, "extended": "1"}).content.decode()

        # What nobody is called comes back as what was asked for.
        assert "acme.example" not in body.replace(term, "")


@pytest.mark.parametrize(
    "path", ["/", "/copilot/", "/console/keys/", "/profile/", "/search/?s=ada"]
)
def test_a_session_means_nothing_elsewhere(
    client_for: Callable[..., AccountClient],
    ada: User,
    eve: User,
    sam: User,
    acme: Account,
    globex: Account,
    path: str,
) -> None:
    homes = {"acme": (ada, acme), "globex": (eve, globex), "public": (sam, None)}
    for home, (user, account) in homes.items():
        for other, (_, elsewhere) in homes.items():
            visitor = client_for(None, elsewhere)
            visitor.cookies = client_for(user, account).cookies

            word = word_for(visitor.get(path))

            assert word == LOGIN if home != other else word in {ALLOWED, "404"}, (home, other, word)


def test_an_llm_that_is_offered_to_another_account_cannot_be_switched_on(
    eve_client: AccountClient, acme: Account, globex: Account
) -> None:
    theirs, ours = LlmFactory(offered_to=acme), LlmFactory(offered_to=globex)

    def switch(llm_id: object) -> str:
        return word_for(eve_client.post(f"/copilot/llms/{llm_id}/switch/", {"on": "1"}))

    assert switch(ours.pk) == ALLOWED
    assert switch(theirs.pk) == "404"


def test_a_new_password_in_one_account_changes_none_elsewhere(
    client_for: Callable[..., AccountClient], acme: Account, globex: Account
) -> None:
    for account in (acme, globex):
        with in_account(account):
            User.objects.create_user("both@example.com", f"password of {account.slug}")
    visitors = {account.slug: client_for(None, account) for account in (acme, globex)}

    def sign_in(at: str, password: str) -> int:
        form_data = {"login": "both@example.com", "password": password}
        return int(visitors[at].post("/login/", form_data).status_code)

    assert sign_in("globex", "password of acme") == 200
    assert sign_in("globex", "password of globex") == 302
    assert sign_in("acme", "password of acme") == 302
