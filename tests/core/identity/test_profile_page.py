"""What people see and may change about themselves."""

from collections.abc import Callable

import pytest

from core.audit.models import AuditEntry
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import ADA, MIA, SAM
from tests.clients import AccountClient

ClientFor = Callable[..., AccountClient]


def test_nobody_is_asked_to_sign_in(client_for: ClientFor, acme: Account) -> None:
    assert client_for(None, acme).get("/profile/")["Location"] == "/login/?next=/profile/"


def test_a_member_sees_who_can_help(client_for: ClientFor, acme: Account, mia: User) -> None:
    page = client_for(mia, acme).get("/profile/").content.decode()

    assert MIA.email in page
    assert f"mailto:{ADA.email}" in page


def test_the_only_admin_is_told_so(client_for: ClientFor, acme: Account, ada: User) -> None:
    page = client_for(ada, acme).get("/profile/").content.decode()

    assert "You are the only account admin here." in page


def test_a_super_admin_has_one_too(sam_client: AccountClient) -> None:
    page = sam_client.get("/profile/").content.decode()

    assert SAM.email in page
    assert "Super admin" in page


def test_the_name_can_be_changed(client_for: ClientFor, acme: Account, mia: User) -> None:
    answer = client_for(mia, acme).post("/profile/", {"name": "Mia Married"}, follow=True)

    assert "Your name is saved." in answer.content.decode()
    with in_account(acme):
        entry = AuditEntry.objects.get(verb="user.renamed")
        assert User.objects.get(pk=mia.pk).name == "Mia Married"
    assert entry.before == {"name": "Mia Member"}


@pytest.mark.parametrize("name", ["", "   ", "x" * 151])
def test_a_name_that_is_none_is_refused(
    client_for: ClientFor, acme: Account, mia: User, name: str
) -> None:
    answer = client_for(mia, acme).post("/profile/", {"name": name})

    assert answer.status_code == 422
    with in_account(acme):
        assert User.objects.get(pk=mia.pk).name == "Mia Member"


def test_nothing_else_can_be_changed(client_for: ClientFor, acme: Account, mia: User) -> None:
    client_for(mia, acme).post(
        "/profile/", {"name": "Mia", "email": "evil@acme.example", "is_superuser": "on"}
    )

    with in_account(acme):
        stored = User.objects.get(pk=mia.pk)
    assert (stored.email, stored.is_superuser) == (MIA.email, False)


def test_a_name_is_text_and_no_markup(client_for: ClientFor, acme: Account, mia: User) -> None:
    client = client_for(mia, acme)

    client.post("/profile/", {"name": "<script>alert(1)</script>"})

    assert "<script>alert(1)" not in client.get("/profile/").content.decode()
