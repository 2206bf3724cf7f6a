"""Who administers the account."""

from collections.abc import Callable
from typing import Any

import pytest

from core.audit.models import AuditEntry
from core.identity import services as identity
from core.identity.models import Role, RoleAssignment, User
from tenants.models import Account
from tests.cast import PASSWORD, TESTS, actor_of
from tests.clients import AccountClient
from tests.core.ui.people import queries_of
from tests.factories.identity import UserFactory
from tests.mailbox import Mailbox


@pytest.fixture
def ada_client(
    client_for: Callable[..., AccountClient], ada: User, in_acme: Account
) -> AccountClient:
    return client_for(ada, in_acme)


def role_of(user: User) -> RoleAssignment:
    return RoleAssignment.objects.get(user=user, role=Role.ACCOUNT_ADMIN)


def test_a_colleague_is_appointed_by_e_mail(ada_client: AccountClient, mia: User) -> None:
    answer = ada_client.post("/admins/", {"email": "MIA@acme.example"}, follow=True)

    assert role_of(mia).product == ""
    assert b"Mia Member is an account admin now." in answer.content
    entry = AuditEntry.objects.filter(verb="role.given").latest("id")
    assert (entry.actor_label, entry.target_label) == ("Ada Admin", "Mia Member")


def test_somebody_new_is_invited(
    ada_client: AccountClient,
    mailbox: Mailbox,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        page = ada_client.post("/admins/", {"email": "boss@acme.example", "name": "Bea Boss"})

    user = User.objects.get(email="boss@acme.example")
    assert role_of(user).product == ""
    assert not user.is_active
    assert mailbox.link_to(user.email) in page.content.decode()
    assert page["Cache-Control"] == "no-store"


def test_what_is_no_address_comes_back(ada_client: AccountClient) -> None:
    answer = ada_client.post("/admins/", {"email": "nobody"})

    assert answer.status_code == 422
    assert b"data-shown" in answer.content


def test_the_last_one_stays_and_the_page_says_why(ada_client: AccountClient, ada: User) -> None:
    page = ada_client.get("/admins/").content.decode()
    answer = ada_client.post(f"/admins/{role_of(ada).pk}/remove/", follow=True)

    assert "the last one stays" in page
    assert "Remove Ada Admin as account admin?" not in page
    assert b"Make somebody else account admin first." in answer.content
    assert role_of(ada).user == ada


def test_an_admin_who_was_only_invited_does_not_count(ada_client: AccountClient, ada: User) -> None:
    identity.appoint_account_admin(email="new@acme.example", actor=actor_of(ada))

    answer = ada_client.post(f"/admins/{role_of(ada).pk}/remove/", follow=True)

    assert b"Make somebody else account admin first." in answer.content


def test_one_of_two_is_removed(ada_client: AccountClient, mia: User) -> None:
    identity.give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=TESTS)

    answer = ada_client.post(f"/admins/{role_of(mia).pk}/remove/", follow=True)

    assert not RoleAssignment.objects.filter(user=mia, role=Role.ACCOUNT_ADMIN).exists()
    assert b"Mia Member is not an account admin any more." in answer.content


def test_who_gives_up_the_own_role_is_sent_to_the_start(
    ada_client: AccountClient, ada: User, mia: User
) -> None:
    identity.give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=TESTS)

    answer = ada_client.post(f"/admins/{role_of(ada).pk}/remove/")

    assert answer["Location"] == "/"


def test_another_role_cannot_be_taken_here(ada_client: AccountClient, olga: User) -> None:
    role = RoleAssignment.objects.filter(user=olga).exclude(role=Role.ACCOUNT_ADMIN).first()
    assert role is not None

    assert ada_client.post(f"/admins/{role.pk}/remove/").status_code == 404


def test_it_takes_as_many_queries_for_30_admins_as_for_3(ada_client: AccountClient) -> None:
    def appoint(count: int) -> None:
        for _number in range(count):
            user = UserFactory(password=PASSWORD)
            identity.give_role(user=user, role=Role.ACCOUNT_ADMIN, actor=TESTS)

    appoint(2)
    few = queries_of(ada_client, "/admins/")

    appoint(27)

    assert queries_of(ada_client, "/admins/") == few
