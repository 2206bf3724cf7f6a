"""Olga and Theo ask for everything of another branch of their company, by every route and search.

What they are refused, they may do with the same things of their own branch where the table of
permissions says so: it is the branch that decides.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction

from core.hierarchy.product import products
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import MIA
from tests.clients import AccountClient
from tests.factories.branches import FIELD, MARK, SALES, another_branch, place_in_field
from tests.factories.tenants import LlmFactory
from tests.factories.things import Things, things_in
from tests.permissions.asking import ALLOWED, FORM, address, expected, form, outcome
from tests.permissions.rows import Row
from tests.permissions.table import ACCOUNT_ROWS

ROWS_WITH_IDS = [row for row in ACCOUNT_ROWS if re.search(r"<uuid:", row.path) or row.fields]
REFUSED = {"401", "403", "404"}
# Less than the mark, so that an answer that repeats the question has no mark in it.
TERM = MARK[:4]
SEARCHES = (
    "/search/?s={term}",
    "/{product}/organization/?q={term}&state=all",
    "/{product}/team/?q={term}&state=all",
    "/{product}/team/?organization={organization}&state=all",
    "/{product}/team/add/?organization={organization}",
    "/{product}/member/?q={term}&state=all",
    "/{product}/member/?place={team}&state=all",
    "/{product}/member/export.csv?q={term}&state=all",
    "/{product}/member/export.csv?place={team}&state=all",
    "/{product}/member/places/?q={term}",
    "/{product}/member/jobs/",
    "/{product}/member/add/?place={team}",
    "/{product}/team/{own_team}/candidates/?q={term}",
    "/{product}/organization/{own_organization}/candidates/?q={term}",
    "/{product}/credits/?q={term}",
    "/{product}/credits/?open={team}",
    "/{product}/credits/allocations.csv",
    "/api/{product}/v1/credits/wallets",
    "/api/{product}/v1/credits/allocations.csv",
    "/api/{product}/v1/credits/effective/memberships",
    "/api/{product}/v1/credits/acts",
    "/{product}/usage/?days=90&member={member_id}",
    "/{product}/usage/?days=90&team={team}",
    "/{product}/usage/calls/?days=90&before={own_call}",
    "/{product}/usage/export.csv?days=90",
    "/{product}/usage/export.csv?days=90&team={team}",
    "/{product}/access/?q={term}",
    "/{product}/access/refused/",
    "/{product}/audit/?q={term}",
    "/{product}/audit/?verb=team.",
    "/{product}/audit/?verb=membership.",
    "/{product}/audit/?verb=key.created",
    # ADM    "/{product}/administrators/?q={term}",
)


@pytest.fixture(params=["olga", "theo"])
def person(request: pytest.FixtureRequest) -> str:
    """Who asks."""
    return str(request.param)


@pytest.fixture
def client(
    request: pytest.FixtureRequest,
    client_for: Callable[..., AccountClient],
    acme: Account,
    person: str,
) -> AccountClient:
    return client_for(request.getfixturevalue(person), acme)


@pytest.fixture
def both(acme: Account) -> tuple[Things, Things]:
    """The same things in another branch and in the cast's own."""
    llm = LlmFactory(offered_to=acme)
    theirs = another_branch(acme, llm)
    ours = things_in(acme, llm)
    return {**theirs, "": ours[""]}, ours


def _mixtures(row: Row, theirs: Things, ours: Things) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield requests of ours in each of which one id, of the path or the form, is theirs."""
    path, path_of_theirs = address(row, ours).split("/"), address(row, theirs).split("/")
    for place, (part, their_part) in enumerate(zip(path, path_of_theirs, strict=True)):
        if part != their_part:
            yield "/".join([*path[:place], their_part, *path[place + 1 :]]), form(row, ours)
    for name, value in form(row, theirs).items():
        if value != form(row, ours)[name]:
            yield address(row, ours), {**form(row, ours), name: value}


def _needed(row: Row, ours: Things) -> dict[str, str]:
    """Return what a body must name before what it is about is looked for at all."""
    if not row.path.endswith("/move") or not row.path.startswith("/api/"):
        return {}
    kind = "organization" if "/teams/" in row.path else "team"
    return {kind: str(ours[row.path.split("/")[2]][kind])}


def _body(client: AccountClient, method: str, path: str, data: dict[str, str]) -> str:
    """Return what is answered, as text in lower case, and undo what it did."""
    with transaction.atomic():
        response: Any = (
            client.get(path)
            if method == "GET"
            else client.post(path, urlencode(data), content_type=FORM)
        )
        transaction.set_rollback(True)
    raw = b"".join(response.streaming_content) if response.streaming else response.content
    return str(raw.decode(errors="replace").lower())


@pytest.mark.slow
def test_an_id_of_another_branch_is_refused(
    client: AccountClient, person: str, both: tuple[Things, Things]
) -> None:
    theirs, ours = both
    wrong, tried = [], 0
    for row in ROWS_WITH_IDS:
        own = outcome(client, row, address(row, ours), form(row, ours))
        if own != expected(row, person):
            wrong.append(f"{row.method} {row.path}: their own is {own}")
        for path, data in _mixtures(row, theirs, ours):
            tried += 1
            sent = {**data, **_needed(row, ours)}
            if (word := outcome(client, row, path, sent)) not in REFUSED:
                wrong.append(f"{row.method} {row.path}: another branch's is {word}")

    assert "\n".join(wrong) == ""
    assert tried > 60


@pytest.mark.slow
def test_no_page_shows_anything_of_another_branch(
    client: AccountClient,
    client_for: Callable[..., AccountClient],
    ada: User,
    acme: Account,
    person: str,
    both: tuple[Things, Things],
) -> None:
    theirs, ours = both
    with in_account(acme):
        # She is in both: each branch sees of her what is its own.
        mia = User.objects.get(email=MIA.email)
        for product in products():
            place_in_field(product, mia)
    known = {str(value) for kind in ours.values() for value in kind.values()}
    ids = {str(value) for kind in theirs.values() for value in kind.values()} - known
    canaries = {MARK, *(value for value in ids if len(value) > 30)}
    shown, seen_by_ada = [], set()
    ada_client = client_for(ada, acme)
    for row in ACCOUNT_ROWS:
        if row.method not in {"GET", "POST"} or row.path in {"/logout/", "/signup/"}:
            continue
        path, data = address(row, ours), form(row, ours)
        body = _body(client, row.method, path, data)
        shown += [f"{row.method} {row.path}: {found}" for found in canaries if found in body]
        if row.method == "GET":
            body = _body(ada_client, "GET", path, data)
            seen_by_ada |= {found for found in canaries if found in body}

    assert shown == []
    # Else the canaries would prove nothing.
    assert {MARK, str(theirs["copilot"]["team"]), str(theirs["console"]["call_id"])} <= seen_by_ada


@pytest.mark.slow
def test_no_search_finds_anything_of_another_branch(
    client: AccountClient,
    client_for: Callable[..., AccountClient],
    ada: User,
    acme: Account,
    both: tuple[Things, Things],
) -> None:
    theirs, ours = both
    ada_client = client_for(ada, acme)
    shown, seen_by_ada = [], set()
    for product in ("copilot", "console"):
        names = {
            "term": TERM,
            "product": product,
            "own_team": ours[product]["team"],
            "own_organization": ours[product]["organization"],
            # Newer than theirs.
            "own_call": ours[product]["call_id"],
            **theirs[product],
        }
        for search in SEARCHES:
            path = search.format(**names)
            shown += [path] if MARK in _body(client, "GET", path, {}) else []
            seen_by_ada |= {search} if MARK in _body(ada_client, "GET", path, {}) else set()

    assert shown == []
    assert set(SEARCHES) - seen_by_ada == set()


def test_counts_are_of_ones_own_branch(
    client: AccountClient, person: str, both: tuple[Things, Things]
) -> None:
    def count(path: str) -> int:
        return int(client.get(path).context["cl"].result_count)

    # One of them is invited only.
    people = {"olga": 4, "theo": 3}[person]
    if person == "olga":
        assert count("/copilot/organization/?state=all") == 1
    assert count("/copilot/team/?state=all") == 1
    assert client.get("/copilot/member/?state=all").context["count"] == people
    overview = client.get("/console/").context
    assert (overview["teams"], overview["people"], overview["totals"].calls) == (1, people, 1)


def test_a_person_of_another_branch_is_found_by_the_exact_address_alone(
    client: AccountClient, acme: Account, both: tuple[Things, Things]
) -> None:
    team = both[1]["copilot"]["team"]

    def found(term: str) -> bool:
        answer = client.get(f"/copilot/team/{team}/candidates/", {"q": term})
        return "Zirkon agent" in answer.content.decode()

    assert [found(term) for term in ("Zirkon", "agent@", "zirkon.example")] == [False] * 3
    assert found("Agent@Zirkon.example")
    theirs = {"member": str(both[0]["copilot"]["member_id"])}
    assert client.post(f"/copilot/team/{team}/members/", theirs).status_code == 404
    invited = {"member": "agent@zirkon.example"}
    assert client.post(f"/copilot/team/{team}/members/", invited).status_code == 302
    assert "Zirkon agent" in client.get("/copilot/member/").content.decode()
    for name in (SALES, FIELD):
        assert name not in client.get("/copilot/member/").content.decode()


def test_what_two_branches_share_shows_each_its_own_part(
    client: AccountClient,
    acme: Account,
    mia: User,
    both: tuple[Things, Things],
) -> None:
    _theirs, ours = both
    with in_account(acme):
        elsewhere = {product.slug: place_in_field(product, mia) for product in products()}
    for product, place in elsewhere.items():
        page = f"/{product}/member/{ours[product]['member_id']}"

        body = client.get(f"{page}/change/").content.decode()

        assert MARK not in body.lower()
        assert "Has more than you administer" in body
        for act in ("remove", "primary"):
            path = f"{page}/places/{place.pk}/{act}/"
            assert client.post(path).status_code == 404, path
        # The seat as a whole is not theirs alone.
        assert client.post(f"{page}/archive/").status_code == 403
        own = f"{page}/places/{ours[product]['place_id']}"
        assert client.post(f"{own}/primary/").status_code == 403
        assert client.post(f"{own}/remove/").status_code == 302
        assert client.get(f"{page}/change/").status_code == 404


def test_somebody_can_be_invited_into_ones_own_places_alone(
    client: AccountClient, both: tuple[Things, Things]
) -> None:
    theirs, ours = both
    new = {"email": "new@acme.example", "name": "Nora New"}

    for place in ("", str(theirs["copilot"]["team"]), str(theirs["copilot"]["organization"])):
        refused = client.post("/copilot/member/add/", {**new, "place": place})
        assert refused.status_code == 422, place

    done = client.post("/copilot/member/add/", {**new, "place": str(ours["copilot"]["team"])})
    assert done.status_code == 302
    # The link would let them in as the person they invited.
    assert "/invitations/" not in client.get(done["Location"]).content.decode()


def test_words_of_the_table(person: str) -> None:
    assert sum(expected(row, person) == ALLOWED for row in ROWS_WITH_IDS) > 15
