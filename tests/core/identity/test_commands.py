"""The commands that make a super admin and take a lost second factor away."""

import io
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command

from core.identity.models import User
from core.identity.selectors import has_second_factor
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tests.cast import ADA, PASSWORD, SAM
from tests.clients import AccountClient
from tests.core.identity.codes import give_second_factor

ClientFor = Callable[..., AccountClient]
SUE = "sue@cockpit.example"


def _run(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_it_prints_a_link_that_works(public_client: AccountClient) -> None:
    out = _run("create_super_admin", "--email", SUE)

    path = urlsplit(out.split()[-1]).path
    public_client.post(path, {"name": "Sue Super", "password": PASSWORD})
    assert "Sue Super" in public_client.get("/profile/").content.decode()


def test_the_login_is_in_the_public_schema_only(acme: Account) -> None:
    _run("create_super_admin", "--email", SUE)

    with in_public():
        assert User.objects.filter(email=SUE).exists()
    with in_account(acme):
        assert not User.objects.filter(email=SUE).exists()


def test_a_password_comes_by_standard_input(
    public_client: AccountClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))

    out = _run("create_super_admin", "--email", SUE, "--name", "Sue", "--password-stdin")

    assert PASSWORD not in out
    public_client.post("/login/", {"login": SUE, "password": PASSWORD})
    assert public_client.get("/profile/").status_code == 200


def test_a_weak_password_makes_nobody(
    public_client: AccountClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))

    with pytest.raises(CommandError, match="too short"):
        _run("create_super_admin", "--email", SUE, "--password-stdin")

    assert not User.objects.filter(email=SUE).exists()


def test_a_password_is_not_set_for_who_has_a_login(
    sam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("an even longer staple\n"))

    with pytest.raises(CommandError, match="already has a login"):
        _run("create_super_admin", "--email", SAM.email, "--password-stdin")

    assert User.objects.get(pk=sam.pk).check_password(PASSWORD)


def test_what_is_no_address_is_refused(any_database: None) -> None:
    with pytest.raises(CommandError, match="valid e-mail"):
        _run("create_super_admin", "--email", "sue")


def test_a_lost_second_factor_is_removed(acme: Account, ada: User) -> None:
    with in_account(acme):
        give_second_factor(ada)

    _run("reset_second_factor", "--email", ADA.email, "--account", "acme", "--reason", "Lost")

    with in_account(acme):
        assert not has_second_factor(ada)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--email", ADA.email, "--account", "acme"), "password alone already"),
        (("--email", "nobody@acme.example", "--account", "acme"), "Nobody here"),
        (("--email", ADA.email), "Nobody here"),
        (("--email", ADA.email, "--account", "nowhere"), "no account nowhere"),
    ],
)
def test_a_reset_that_cannot_be_says_why(
    acme: Account, arguments: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(CommandError, match=expected):
        _run("reset_second_factor", *arguments, "--reason", "Lost")
