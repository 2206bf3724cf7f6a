"""The page that says who administers what, and its panel on the pages of nodes."""

from collections.abc import Callable
from typing import Any

import pytest

from core.access.scopes import EVERYTHING, scope_of
from core.audit.models import AuditEntry
from core.hierarchy.product import Product
from core.hierarchy.services import nodes
from core.hierarchy.services.administrators import appoint_administrator
from core.identity.models import RoleAssignment, User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import ADA, OLGA, TESTS, THEO
from tests.clients import AccountClient
from tests.core.ui.branch import text_of
from tests.core.ui.people import organization_of, queries_of, team_of
from tests.factories.identity import UserFactory
from tests.mailbox import Mailbox

Door = Callable[[User], AccountClient]


@pytest.fixture
def door(client_for: Callable[..., AccountClient], in_acme: Account) -> Door:
    return lambda user: client_for(user, in_acme)


def home(product: Product) -> str:
    return f"/{product.slug}/administrators/"


def appoint(client: AccountClient, product: Product, node: Any, email: str, **more: str) -> Any:
    return client.post(home(product), {"node": str(node.pk), "email": email, **more})


def teams_of(user: User, product: Product) -> set[Any]:
    return set(scope_of(User.objects.get(pk=user.pk), product.slug).teams)


def test_an_account_admin_sees_everybody_who_administers(
    door: Door, product: Product, ada: User
) -> None:
    text = text_of(door(ada).get(home(product)))

    for name in (ADA.name, OLGA.name, THEO.name):
        assert name in text
    assert "team of Marketing" in text
    assert "organization, with all its teams" in text


def test_a_branch_admin_sees_the_branch(
    door: Door, product: Product, olga: User, theo: User
) -> None:
    of_olga = text_of(door(olga).get(home(product)))
    of_theo = text_of(door(theo).get(home(product)))

    assert THEO.name in of_olga
    assert ADA.name not in of_olga
    assert OLGA.name not in of_theo
    assert "Marketing" in of_theo


@pytest.mark.parametrize(
    ("term", "found"),
    [("olga", [OLGA]), ("content", [THEO]), ("marketing theo", [THEO]), ("zzz", [])],
)
def test_people_are_found_by_name_and_by_what_they_administer(
    door: Door, product: Product, ada: User, term: str, found: list[Any]
) -> None:
    page = door(ada).get(home(product), {"q": term}).context["page"]

    assert [row.user.email for row in page.object_list] == [person.email for person in found]


def test_appointing_says_why_in_the_audit_log(
    door: Door, product: Product, olga: User, mia: User
) -> None:
    team = team_of(product)

    answer = appoint(door(olga), product, team, mia.email, reason="Theo is on leave")

    assert (answer.status_code, answer["Location"]) == (302, home(product))
    assert teams_of(mia, product) == {team.pk}
    entry = AuditEntry.objects.filter(verb="admin.appointed").first()
    assert entry is not None
    assert (entry.reason, entry.actor_label) == ("Theo is on leave", OLGA.name)


def test_an_organization_or_team_elsewhere_is_no_choice(
    door: Door, product: Product, olga: User, theo: User, mia: User
) -> None:
    sales = nodes.create_organization(product=product, name="Sales", actor=TESTS)

    for user, node in ((olga, sales), (theo, organization_of(product))):
        answer = appoint(door(user), product, node, mia.email)

        assert answer.status_code == 422
        assert "Select a valid choice" in text_of(answer)
    assert teams_of(mia, product) == set()


def test_somebody_new_gets_a_mail_and_only_an_account_admin_the_link(
    door: Door,
    product: Product,
    ada: User,
    olga: User,
    mailbox: Mailbox,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        shown = appoint(door(ada), product, team_of(product), "first@acme.example")
        told = appoint(door(olga), product, team_of(product), "second@acme.example")

    assert "/invitations/" in text_of(shown)
    assert shown["Cache-Control"] == "no-store"
    assert told.status_code == 302
    for email in ("first@acme.example", "second@acme.example"):
        assert "/invitations/" in mailbox.link_to(email)


def test_what_the_service_refuses_is_said_in_the_form(
    door: Door, product: Product, ada: User, mia: User
) -> None:
    mia.is_active = False
    mia.save(update_fields=("is_active",))

    answer = appoint(door(ada), product, team_of(product), mia.email)

    assert answer.status_code == 422
    assert "deactivated" in text_of(answer)


def test_removing_ends_it_at_once(door: Door, product: Product, olga: User, theo: User) -> None:
    row = RoleAssignment.objects.get(user=theo, node_id=team_of(product).pk)
    in_team = door(theo)
    assert in_team.get(home(product)).status_code == 200

    answer = door(olga).post(f"{home(product)}{row.pk}/remove/", {"reason": "Done"})

    assert answer.status_code == 302
    assert in_team.get(home(product)).status_code == 403


def test_who_gives_up_their_own_role_is_sent_to_the_start(
    door: Door, product: Product, theo: User
) -> None:
    row = RoleAssignment.objects.get(user=theo, node_id=team_of(product).pk)

    answer = door(theo).post(f"{home(product)}{row.pk}/remove/")

    assert answer["Location"] == "/"


def test_nobody_removes_from_above(door: Door, product: Product, olga: User, theo: User) -> None:
    row = RoleAssignment.objects.get(user=olga, node_id=organization_of(product).pk)

    assert door(theo).post(f"{home(product)}{row.pk}/remove/").status_code == 404


def test_the_page_of_a_node_says_who_administers_it(
    door: Door, product: Product, olga: User
) -> None:
    client = door(olga)
    for noun, node, name in (
        ("team", team_of(product), THEO.name),
        ("organization", organization_of(product), OLGA.name),
    ):
        answer = client.get(f"/{product.slug}/{noun}/{node.pk}/change/")

        assert [str(row.user) for row, _path in answer.context["administrators"]] == [name]
        dialog = client.get(home(product), {"node": str(node.pk)})
        assert dialog.context["shows_form"]


@pytest.mark.parametrize("who", ["ada", "olga"])
def test_the_page_takes_the_same_queries_however_many_there_are(
    door: Door, acme: Account, product: Product, request: pytest.FixtureRequest, who: str
) -> None:
    client = door(request.getfixturevalue(who))

    def add(count: int) -> None:
        with in_account(acme):
            for _number in range(count):
                appoint_administrator(
                    product=product,
                    node=team_of(product),
                    email=UserFactory().email,
                    scope=EVERYTHING,
                    actor=TESTS,
                )

    add(2)
    few = queries_of(client, home(product))
    add(20)

    assert queries_of(client, home(product)) == few
