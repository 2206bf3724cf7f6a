"""The page that an invitation's link opens."""

from collections.abc import Callable

import pytest

from core.identity import services
from core.identity.models import User
from core.kit.clock import now
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import PASSWORD, TESTS
from tests.clients import AccountClient
from tests.core.identity.codes import give_second_factor

ClientFor = Callable[..., AccountClient]
NINA = "nina@acme.example"


@pytest.fixture
def link(acme: Account) -> services.InvitationLink:
    """Nina's invitation to Acme."""
    with in_account(acme):
        user = services.create_user(email=NINA, is_active=False, actor=TESTS)
        return services.invite_user(user=user, actor=TESTS)


@pytest.fixture
def path(link: services.InvitationLink) -> str:
    """Where the link leads."""
    return f"/invitations/{link.token}/"


def test_it_says_who_invited_whom_to_what(client_for: ClientFor, acme: Account, path: str) -> None:
    page = client_for(None, acme).get(path).content.decode()

    assert "Join Acme" in page
    assert "The tests invited you." in page
    assert NINA in page


def test_opening_it_uses_nothing_up(client_for: ClientFor, acme: Account, path: str) -> None:
    client = client_for(None, acme)

    assert [client.get(path).status_code for _ in range(2)] == [200, 200]


def test_accepting_signs_in(client_for: ClientFor, acme: Account, path: str) -> None:
    client = client_for(None, acme)

    answer = client.post(path, {"name": "Nina New", "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert "Nina New" in client.get("/profile/").content.decode()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"name": "Nina", "password": "short"}, "too short"),
        ({"name": "Nina", "password": "password12"}, "too common"),
        ({"name": "", "password": PASSWORD}, "This field is required"),
    ],
)
def test_what_is_wrong_stands_at_the_field(
    client_for: ClientFor, acme: Account, path: str, form: dict[str, str], expected: str
) -> None:
    client = client_for(None, acme)

    answer = client.post(path, form)

    assert answer.status_code == 422
    assert expected in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert client.get("/profile/").status_code == 302


def test_a_used_link_leads_to_signing_in(client_for: ClientFor, acme: Account, path: str) -> None:
    client_for(None, acme).post(path, {"name": "Nina", "password": PASSWORD})

    answer = client_for(None, acme).get(path)

    assert answer.status_code == 410
    assert "You have accepted already" in answer.content.decode()


def test_a_used_link_changes_nothing(client_for: ClientFor, acme: Account, path: str) -> None:
    client_for(None, acme).post(path, {"name": "Nina", "password": PASSWORD})

    answer = client_for(None, acme).post(path, {"name": "Mallory", "password": "a longer staple"})

    assert answer.status_code == 410
    with in_account(acme):
        assert User.objects.get(email=NINA).check_password(PASSWORD)


def test_an_expired_link_says_whom_to_ask(
    client_for: ClientFor, acme: Account, path: str, link: services.InvitationLink
) -> None:
    with in_account(acme):
        link.invitation.expires_at = now()
        link.invitation.save()

    answer = client_for(None, acme).get(path)

    assert answer.status_code == 410
    assert "Ask whoever invited you for a new one." in answer.content.decode()


@pytest.mark.parametrize("token", ["x", "%00", "0" * 3000, "\u202e"])
def test_a_made_up_link_is_no_error_of_ours(
    client_for: ClientFor, acme: Account, token: str
) -> None:
    assert client_for(None, acme).get(f"/invitations/{token}/").status_code in {404, 410}


def test_a_link_of_one_account_opens_nothing_at_another(
    client_for: ClientFor, globex: Account, path: str
) -> None:
    assert client_for(None, globex).get(path).status_code == 410


def test_whoever_was_signed_in_is_told_and_leaves(
    client_for: ClientFor, acme: Account, ada: User, path: str
) -> None:
    client = client_for(ada, acme)
    assert "You are signed in as Ada Admin." in client.get(path).content.decode()

    client.post(path, {"name": "Nina New", "password": PASSWORD})

    assert NINA in client.get("/profile/").content.decode()


def test_an_invitation_does_not_go_round_a_second_factor(
    client_for: ClientFor, acme: Account, ada: User
) -> None:
    with in_account(acme):
        give_second_factor(ada)
        link = services.invite_user(user=ada, actor=TESTS)
    client = client_for(None, acme)

    answer = client.post(
        f"/invitations/{link.token}/", {"name": "Ada", "password": "an even longer staple"}
    )

    assert answer["Location"] == "/two-factor/authenticate/"
    assert client.get("/profile/").status_code == 302


def test_a_super_admin_accepts_at_the_public_host(public_client: AccountClient) -> None:
    user = services.create_user(email="sue@cockpit.example", is_active=False, actor=TESTS)
    token = services.invite_user(user=user, actor=TESTS).token

    public_client.post(f"/invitations/{token}/", {"name": "Sue Super", "password": PASSWORD})

    assert "Sue Super" in public_client.get("/profile/").content.decode()
