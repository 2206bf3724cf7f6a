"""The member list, acts on a selection, imports and exports, over HTTP, in both products."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.hierarchy.product import Product
from core.hierarchy.services import members, memberships, nodes
from core.identity.models import Invitation, User
from core.people.models import PeopleJob
from core.people.services import jobs
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import text_of
from tests.core.ui.people import add_members, member_of, organization_of, queries_of, team_of
from tests.factories.identity import UserFactory

Clients = Callable[..., AccountClient]


@pytest.fixture
def ada_client(client_for: Clients, ada: User, in_acme: Account) -> AccountClient:
    return client_for(ada, in_acme)


@pytest.fixture
def worker() -> Callable[[], None]:
    """Work off what is queued, as the worker would."""

    def run() -> None:
        for job in PeopleJob.objects.filter(state__in=("checking", "running")):
            jobs.work_off(job.pk)

    return run


def upload(client: AccountClient, product: Product, text: str) -> Any:
    file = SimpleUploadedFile("people.csv", text.encode(), content_type="text/csv")
    return client.post(f"/{product.slug}/member/import/", {"file": file})


def words_of(response: Any) -> str:
    """Return what a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text_of(response)).split())


def read(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


# -- the list --------------------------------------------------------------------------------------


def test_the_list_reads_on_by_key_and_shows_everybody_once(
    ada_client: AccountClient, product: Product
) -> None:
    add_members(product, 108)
    home = f"/{product.slug}/member/"
    seen: list[str] = []

    path = home
    for _page in range(5):
        response = ada_client.get(path)
        seen += [str(row["member"].pk) for row in response.context["members"]]
        if response.context["further"] is None:
            break
        path = f"{home}?after={response.context['further']}"

    assert len(seen) == len(set(seen)) == 111
    assert "111 members" in text_of(ada_client.get(home))


def test_a_list_page_takes_as_many_queries_for_3_as_for_60(
    ada_client: AccountClient, product: Product
) -> None:
    home = f"/{product.slug}/member/"
    few = queries_of(ada_client, home)

    add_members(product, 57)

    # A cache of the shell may run out in between.
    assert queries_of(ada_client, home) <= few + 1
    assert few <= 14


def test_words_are_found_in_names_and_addresses(
    ada_client: AccountClient, product: Product
) -> None:
    page = text_of(ada_client.get(f"/{product.slug}/member/?q=LEAD+theo@"))

    assert "Theo Teamlead" in page
    assert "Mia Member" not in page


@pytest.mark.parametrize("query", ["after=nonsense", "after=0", "q=%00", "place=1&state=2"])
def test_nonsense_in_the_address_is_no_error(
    ada_client: AccountClient, product: Product, query: str
) -> None:
    assert ada_client.get(f"/{product.slug}/member/?{query}").status_code == 200


def test_the_picker_finds_teams_by_their_organization(
    ada_client: AccountClient, product: Product
) -> None:
    page = text_of(ada_client.get(f"/{product.slug}/member/places/?q=mark+cont"))

    assert "Marketing / Content" in page


@pytest.mark.parametrize(
    ("kind", "is_there"), [("team", (False, True)), ("organization", (True, False))]
)
def test_the_picker_finds_one_kind_alone_where_a_form_takes_no_other(
    ada_client: AccountClient, product: Product, kind: str, is_there: tuple[bool, bool]
) -> None:
    page = text_of(ada_client.get(f"/{product.slug}/member/places/?q=mark&kind={kind}"))

    assert ('data-label="Marketing"' in page, "Marketing / Content" in page) == is_there


# -- acts ------------------------------------------------------------------------------------------


def act(client: AccountClient, product: Product, **fields: Any) -> Any:
    return client.post(f"/{product.slug}/member/act/", fields)


def test_an_act_is_previewed_and_changes_nothing_before_it_is_confirmed(
    ada_client: AccountClient, product: Product, mia: User, olga: User
) -> None:
    ids = [str(member_of(product, user).pk) for user in (mia, olga)]

    page = words_of(act(ada_client, product, act="place", target=str(team_of(product).pk), ids=ids))

    assert "2 selected" in page
    assert "1 join Content" in page
    assert "1 are in it already" in page
    assert not PeopleJob.objects.exists()


def test_a_confirmed_act_tells_of_each_row(
    ada_client: AccountClient, product: Product, mia: User, olga: User
) -> None:
    ids = [str(member_of(product, user).pk) for user in (mia, olga)]

    response = act(
        ada_client, product, act="place", target=str(team_of(product).pk), ids=ids, confirmed="1"
    )
    page = text_of(ada_client.get(response["Location"]))

    assert "Joined Content." in page
    assert "is already in Content" in page
    places = member_of(product, olga).memberships.filter(archived_at=None)
    assert team_of(product) in [place.team for place in places]


def test_seats_are_taken_and_given_back(
    ada_client: AccountClient, product: Product, mia: User, theo: User
) -> None:
    ids = [str(member_of(product, user).pk) for user in (mia, theo)]

    act(ada_client, product, act="archive", ids=ids, confirmed="1", reason="Left")
    gone = member_of(product, mia).is_archived
    act(ada_client, product, act="restore", ids=ids, confirmed="1")

    assert gone
    assert not member_of(product, mia).is_archived
    assert not member_of(product, theo).is_archived


def test_all_that_match_are_worked_off_by_the_worker(
    ada_client: AccountClient, product: Product, worker: Callable[[], None]
) -> None:
    add_members(product, 60)
    squad = nodes.create_team(
        product=product, organization=organization_of(product), name="Squad", actor=TESTS
    )

    response = act(
        ada_client,
        product,
        act="place",
        target=str(squad.pk),
        all="1",
        place=str(team_of(product).pk),
        confirmed="1",
    )
    assert "You may leave this page" in text_of(ada_client.get(response["Location"]))
    worker()

    assert product.membership._default_manager.filter(team=squad).count() == 62  # type: ignore[misc]
    assert PeopleJob.objects.get().counted == {"changed": 62}


def test_people_leave_a_place_together(
    ada_client: AccountClient, product: Product, mia: User, theo: User
) -> None:
    ids = [str(member_of(product, user).pk) for user in (mia, theo)]

    act(ada_client, product, act="unplace", target=str(team_of(product).pk), ids=ids, confirmed="1")

    assert (
        not member_of(product, mia)
        .memberships.filter(team=team_of(product), archived_at=None)
        .exists()
    )


def test_invitations_are_sent_again_to_those_who_have_not_joined(
    ada_client: AccountClient, product: Product, mia: User, worker: Callable[[], None]
) -> None:
    seat = members.invite_member(product=product, email="new@acme.example", actor=TESTS)
    ids = [str(seat.member.pk), str(member_of(product, mia).pk)]

    act(ada_client, product, act="invite", ids=ids, confirmed="1")
    worker()

    assert Invitation.objects.filter(user=seat.member.user).count() == 2
    assert not Invitation.objects.filter(user=mia).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"act": "nonsense", "ids": "1"},
        {"act": "archive", "ids": "not-an-id"},
        {"act": "place", "all": "1"},
        {"act": "place", "all": "1", "target": "11111111-1111-1111-1111-111111111111"},
    ],
)
def test_an_act_that_makes_no_sense_leads_back_with_a_sentence(
    ada_client: AccountClient, product: Product, fields: dict[str, str]
) -> None:
    response = act(ada_client, product, **fields)

    assert response.status_code == 302
    assert response["Location"].startswith(f"/{product.slug}/member/")


# -- import and export -----------------------------------------------------------------------------


def test_an_import_from_the_file_to_the_report(
    ada_client: AccountClient, product: Product, worker: Callable[[], None]
) -> None:
    text = "E-Mail;Name;Team\nnora@acme.example;=Nora;Content\nnobody;;\n"
    columns = upload(ada_client, product, text)["Location"]
    assert "The columns were guessed" in text_of(ada_client.get(columns))
    home = ada_client.post(columns, {"email": "0", "name": "1", "team": "2"})["Location"]
    worker()

    checked = text_of(ada_client.get(home))
    ada_client.post(f"{home}start/")
    worker()
    done = text_of(ada_client.get(home))
    report = read(ada_client.get(f"{home}report.csv"))

    assert "Gets a login and a seat, joins Content in Marketing." in checked
    assert "“nobody” is not an e-mail address." in checked
    assert "Import 1 row" in checked
    assert "The report says what became of each row." in done
    assert [row["outcome"] for row in report] == ["new", "error"]
    assert report[0]["name"] == "'=Nora"
    assert User.objects.get(email="nora@acme.example").name == "=Nora"


def test_the_check_shows_progress_while_the_worker_reads(
    ada_client: AccountClient, product: Product
) -> None:
    columns = upload(ada_client, product, "email\na@acme.example\n")["Location"]
    home = ada_client.post(columns, {"email": "0"})["Location"]

    page = ada_client.get(home).content.decode()

    assert "Reading the file" in page
    assert 'hx-trigger="every 1s"' in page


@pytest.mark.parametrize(
    ("content", "says"),
    [("", "empty"), ("email\n", "nothing below"), ("\x00\x01", "no text file")],
)
def test_a_file_that_is_no_table_comes_back_with_the_reason(
    ada_client: AccountClient, product: Product, content: str, says: str
) -> None:
    response = upload(ada_client, product, content)

    assert response.status_code == 422
    assert says in text_of(response)


def test_columns_without_an_address_come_back(ada_client: AccountClient, product: Product) -> None:
    columns = upload(ada_client, product, "name\nA\n")["Location"]

    response = ada_client.post(columns, {"name": "0"})

    assert response.status_code == 422


def test_what_is_exported_can_be_imported_and_changes_nothing(
    ada_client: AccountClient, product: Product, mia: User, worker: Callable[[], None]
) -> None:
    sales = nodes.create_organization(product=product, name="+Sales", actor=TESTS)
    member = member_of(product, mia)
    memberships.place_member(product=product, member=member, organization=sales, actor=TESTS)
    strange = UserFactory(name="@cmd")
    members.create_member(product=product, user=strange, actor=TESTS)

    response: Any = ada_client.get(f"/{product.slug}/member/export.csv")
    text = b"".join(response.streaming_content).decode()
    columns = upload(ada_client, product, text)["Location"]
    fields = {"email": "0", "name": "1", "organization": "2", "team": "3", "primary": "4"}
    home = ada_client.post(columns, {**fields, "renames": "on"})["Location"]
    worker()

    assert "'@cmd" in text
    assert "'+Sales" in text
    assert set(PeopleJob.objects.get().counted) == {"unchanged"}
    assert "There is nothing to import" in text_of(ada_client.get(home))


def test_an_export_holds_what_the_list_is_narrowed_to(
    ada_client: AccountClient, product: Product
) -> None:
    rows = read(ada_client.get(f"/{product.slug}/member/export.csv?q=theo"))

    assert [(row["email"], row["team"], row["primary"]) for row in rows] == [
        ("theo@acme.example", "Content", "yes")
    ]


# -- other people ----------------------------------------------------------------------------------


def test_a_branch_admin_acts_and_imports_in_the_branch_alone(
    client_for: Clients,
    in_acme: Account,
    theo: User,
    olga: User,
    mia: User,
    product: Product,
    worker: Callable[[], None],
) -> None:
    theos = client_for(theo, in_acme)
    nodes.create_organization(product=product, name="Sales", actor=TESTS)
    text = (
        "email,organization,team\nx@acme.example,Sales,\ny@acme.example,Marketing,\n"
        "z@acme.example,,Content\nw@acme.example,,\nv@acme.example,Marketing,Fresh\n"
    )

    columns = upload(theos, product, text)["Location"]
    home = theos.post(
        columns, {"email": "0", "organization": "1", "team": "2", "creates_places": "on"}
    )["Location"]
    worker()
    outcomes = list(PeopleJob.objects.get().rows.values_list("outcome", flat=True))
    theos.post(f"{home}start/")
    worker()
    # Olga is in Marketing directly, so she is nobody whom Theo could act on.
    act(theos, product, act="archive", ids=[str(member_of(product, olga).pk)], confirmed="1")

    assert outcomes == ["error", "error", "new", "error", "error"]
    assert not User.objects.filter(email="x@acme.example").exists()
    assert User.objects.filter(email="z@acme.example").exists()
    assert not member_of(product, olga).is_archived
    exported = read(theos.get(f"/{product.slug}/member/export.csv"))
    assert {row["email"] for row in exported} == {
        "mia@acme.example",
        "theo@acme.example",
        "z@acme.example",
    }


def test_somebody_elses_job_is_not_there(
    client_for: Clients, in_acme: Account, ada_client: AccountClient, theo: User, product: Product
) -> None:
    columns = upload(ada_client, product, "email\na@acme.example\n")["Location"]
    theos = client_for(theo, in_acme)
    home = columns.removesuffix("columns/")

    assert theos.get(columns).status_code == 404
    assert theos.get(home).status_code == 404
    assert theos.post(f"{home}start/").status_code == 404
    assert theos.get(f"{home}report.csv").status_code == 404
    assert "people.csv" not in text_of(theos.get(f"/{product.slug}/member/jobs/"))
