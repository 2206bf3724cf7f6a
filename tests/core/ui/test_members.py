"""Adding members, and the page of one member, in both products."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.hierarchy.product import Product
from core.hierarchy.services import members, memberships, nodes
from core.identity import services as identity
from core.identity.models import Invitation, User
from core.kit.clock import now
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.people import add_teams, member_of, organization_of, queries_of, team_of
from tests.mailbox import Mailbox


@pytest.fixture
def ada_client(
    client_for: Callable[..., AccountClient], ada: User, in_acme: Account
) -> AccountClient:
    return client_for(ada, in_acme)


def home_of(product: Product, member: Any) -> str:
    return f"/{product.slug}/member/{member.pk}/"


def invited(product: Product, email: str = "new@acme.example") -> Any:
    return members.invite_member(product=product, email=email, name="Nora New", actor=TESTS).member


def test_somebody_new_is_invited_into_a_team(
    ada_client: AccountClient,
    product: Product,
    mailbox: Mailbox,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    team = team_of(product)
    values = {"email": "Nora@Acme.example ", "name": "Nora New", "place": team.pk}

    with django_capture_on_commit_callbacks(execute=True):
        page = ada_client.post(f"/{product.slug}/member/add/", values)

    user = User.objects.get(email="nora@acme.example")
    link = mailbox.link_to("nora@acme.example")
    assert not user.is_active
    assert link in page.content.decode()
    assert page["Cache-Control"] == "no-store"
    places = member_of(product, user).memberships.filter(is_primary=True)
    assert places.get().team == team


def test_the_link_lets_the_person_in(
    ada_client: AccountClient,
    client_for: Callable[..., AccountClient],
    in_acme: Account,
    product: Product,
) -> None:
    page = ada_client.post(f"/{product.slug}/member/add/", {"email": "new@acme.example"})
    link = page.context["link"]

    answer = client_for(None, in_acme).get(link.removeprefix("http://acme.localhost"))

    assert answer.status_code == 200
    assert b"new@acme.example" in answer.content


def test_somebody_who_can_sign_in_already_gets_a_seat_without_an_invitation(
    ada_client: AccountClient, product: Product, ada: User
) -> None:
    answer = ada_client.post(f"/{product.slug}/member/add/", {"email": "ada@acme.example"})

    assert answer["Location"] == f"{home_of(product, member_of(product, ada))}change/"
    assert not Invitation.objects.filter(user=ada, accepted_at=None).exists()


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("mia@acme.example", "Mia Member already has a seat"),
        ("not an address", "Enter a valid email address."),
        ("", "This field is required."),
    ],
)
def test_what_cannot_be_invited_comes_back_with_a_sentence(
    ada_client: AccountClient, product: Product, email: str, sentence: str
) -> None:
    answer = ada_client.post(f"/{product.slug}/member/add/", {"email": email})

    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_an_archived_seat_is_to_be_restored(
    ada_client: AccountClient, product: Product, mia: User
) -> None:
    members.archive_member(product=product, member=member_of(product, mia), actor=TESTS)

    answer = ada_client.post(f"/{product.slug}/member/add/", {"email": mia.email})

    assert b"Restore it among the archived." in answer.content


def test_the_form_offers_only_places_that_are_in_use(
    ada_client: AccountClient, product: Product
) -> None:
    add_teams(product, 1)
    nodes.archive_node(product=product, node=team_of(product, "Squad 0"), actor=TESTS)

    form = ada_client.get(f"/{product.slug}/member/add/").content.decode()

    assert "Content</option>" in form
    assert "Squad 0" not in form


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("active", "Active"),
        ("invited", "has not been accepted yet"),
        ("expired", "its link has expired"),
        ("deactivated", "deactivated in the whole account"),
        ("archived", "This seat was taken away"),
    ],
)
def test_the_page_says_how_far_somebody_is_in(
    ada_client: AccountClient, product: Product, state: str, sentence: str
) -> None:
    member = invited(product)
    if state != "invited":
        Invitation.objects.filter(user=member.user).update(expires_at=now() - timedelta(days=1))
    if state in {"active", "deactivated", "archived"}:
        member.user.set_password("x")
        member.user.is_active = state != "deactivated"
        member.user.save()
    if state == "archived":
        members.archive_member(product=product, member=member, actor=TESTS)

    page = ada_client.get(f"{home_of(product, member)}change/").content.decode()

    assert sentence in page


def test_a_new_invitation_ends_the_earlier_one(ada_client: AccountClient, product: Product) -> None:
    member = invited(product)
    before = Invitation.objects.get(user=member.user)

    page = ada_client.post(f"{home_of(product, member)}invite/")

    before.refresh_from_db()
    assert before.revoked_at is not None
    assert "/invitations/" in page.context["link"]
    assert page["Cache-Control"] == "no-store"


def test_who_has_joined_is_not_invited_again(
    ada_client: AccountClient, product: Product, mia: User
) -> None:
    answer = ada_client.post(f"{home_of(product, member_of(product, mia))}invite/")

    assert answer.status_code == 409
    assert b"has accepted already" in answer.content


def test_places_are_added_made_primary_and_removed(
    ada_client: AccountClient, product: Product, mia: User
) -> None:
    add_teams(product, 1)
    squad, member = team_of(product, "Squad 0"), member_of(product, mia)
    home = home_of(product, member)
    htmx = {"HX-Request": "true"}

    added = ada_client.post(f"{home}places/", {"place": squad.pk}, headers=htmx)
    place = member.memberships.get(team=squad)
    primary = ada_client.post(f"{home}places/{place.pk}/primary/", headers=htmx)
    place.refresh_from_db()
    was_primary = place.is_primary
    removed = ada_client.post(f"{home}places/{place.pk}/remove/", headers=htmx)

    place.refresh_from_db()
    assert was_primary
    assert place.archived_at is not None
    assert member.memberships.get(archived_at=None, is_primary=True).team == team_of(product)
    for answer in (added, primary, removed):
        assert answer.status_code == 200
        assert b"<html" not in answer.content
    assert b"is the primary place now" in primary.content
    assert b"Removed from" in removed.content
    assert "Mia Member is in Squad 0 now." in added.content.decode()
    assert "hx-swap-oob" in added.content.decode()


def test_without_htmx_a_changed_place_leads_back_to_the_page(
    ada_client: AccountClient, product: Product, olga: User
) -> None:
    home = home_of(product, member_of(product, olga))

    answer = ada_client.post(f"{home}places/", {"place": team_of(product).pk})

    assert answer["Location"] == f"{home}change/"


def test_the_place_in_global_stays(ada_client: AccountClient, product: Product, mia: User) -> None:
    member = member_of(product, mia)
    place = member.memberships.get(organization__is_global=True)

    answer = ada_client.post(
        f"{home_of(product, member)}places/{place.pk}/remove/", headers={"HX-Request": "true"}
    )

    assert b"Everyone is in global." in answer.content


def test_another_member_s_place_is_not_touched(
    ada_client: AccountClient, product: Product, mia: User, olga: User
) -> None:
    place = member_of(product, mia).memberships.get(is_primary=True)

    answer = ada_client.post(
        f"{home_of(product, member_of(product, olga))}places/{place.pk}/remove/"
    )

    assert answer.status_code == 404
    place.refresh_from_db()
    assert place.archived_at is None


def test_a_seat_is_taken_away_and_given_back(
    ada_client: AccountClient, product: Product, mia: User
) -> None:
    member = member_of(product, mia)

    ada_client.post(f"{home_of(product, member)}archive/", {"archive-reason": "left"})
    member.refresh_from_db()
    was_archived = member.is_archived
    ada_client.post(f"{home_of(product, member)}restore/")

    member.refresh_from_db()
    assert was_archived
    assert not member.is_archived


def test_the_page_takes_as_many_queries_for_2_places_as_for_20(
    ada_client: AccountClient, product: Product, mia: User
) -> None:
    member = member_of(product, mia)
    path = f"{home_of(product, member)}change/"
    few = queries_of(ada_client, path)
    add_teams(product, 18)
    for team in product.team._default_manager.filter(name__startswith="Squad"):
        memberships.place_member(
            product=product,
            member=member,
            organization=organization_of(product),
            team=team,
            actor=TESTS,
        )

    assert queries_of(ada_client, path) == few
    assert few <= 27


def test_a_deactivated_login_with_a_seat_gets_no_new_link(
    ada_client: AccountClient, product: Product, ada: User, mia: User
) -> None:
    identity.deactivate_user(user=mia, actor=TESTS)

    page = ada_client.get(f"{home_of(product, member_of(product, mia))}change/").content

    assert b"Send a new invitation" not in page
