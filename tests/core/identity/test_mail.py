"""Mail leaves after the commit, becomes a file, and is shown where it belongs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from core.identity.mail import compose, deliver, send_invitation
from core.identity.mailbox import mails
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tests.clients import AccountClient
from tests.mailbox import Mailbox

ClientFor = Callable[..., AccountClient]


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Where mails become files."""
    settings.EMAIL_BACKEND = "core.identity.mail.FileBackend"
    settings.MAIL_FOLDER = tmp_path / "mail"
    return tmp_path / "mail"


def _invite(host: str = "acme.localhost", to: str = "nina@acme.example") -> None:
    send_invitation(
        to=to,
        invited_to="Acme",
        invited_by="Ada <b>Admin</b>",
        url=f"http://{host}:8000/invitations/t/",
    )


def test_an_invitation_leaves_after_the_commit(
    acme: Account,
    mailbox: Mailbox,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        _invite()
        assert mailbox.messages == []

    assert mailbox.link_to("nina@acme.example") == "http://acme.localhost:8000/invitations/t/"


def test_an_invitation_that_is_rolled_back_never_leaves(
    transactional_accounts: None, acme: Account, mailbox: Mailbox
) -> None:
    with transaction.atomic():
        _invite()
        transaction.set_rollback(True)

    assert mailbox.messages == []


def test_it_has_a_plain_and_an_html_part(acme: Account) -> None:
    mail = compose(
        "invitation", to="n@acme.example", invited_by="A <b>", invited_to="Acme", url="u"
    )

    assert mail.subject == "A <b> invited you to Acme"
    assert "A <b> invited you" in mail.body
    html = str(mail.alternatives[0][0])
    assert "A &lt;b&gt; invited you" in html
    assert "<script" not in html


def test_a_header_cannot_be_injected(acme: Account) -> None:
    mail = compose(
        "invitation",
        to="n@acme.example",
        invited_by="A\r\nBcc: all@acme.example",
        invited_to="",
        url="",
    )

    assert "\n" not in mail.subject
    assert mail.recipients() == ["n@acme.example"]


def test_the_mail_of_an_account_is_its_own_even_when_the_platform_sends_it(
    acme: Account,
    globex: Account,
    folder: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with in_public(), django_capture_on_commit_callbacks(execute=True):
        _invite()
        _invite("localhost", to="sue@cockpit.example")

    assert [(mail.account, mail.to) for mail in mails()] == [
        ("", "sue@cockpit.example"),
        ("acme", "nina@acme.example"),
    ]
    assert [mail.to for mail in mails(schema=acme.schema_name)] == ["nina@acme.example"]
    assert mails(schema=globex.schema_name) == []


def test_files_are_for_nobody_else_and_whole(acme: Account, folder: Path) -> None:
    with in_account(acme):
        deliver(compose("invitation", to="n@acme.example", url="https://x/"), kind="invitation")

    (path,) = folder.iterdir()
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_is_no_mail_is_passed_over(acme: Account, folder: Path) -> None:
    folder.mkdir()
    (folder / "20310101T000000000000-aaaaaaaa.eml").write_bytes(b"\xff\x00 no mail at all")
    (folder / "notes.txt").write_text("hello")

    assert mails() == []


def test_a_server_that_fails_is_said_loudly_and_breaks_nothing(
    acme: Account, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    with in_account(acme):
        sent = deliver(compose("invitation", to="n@acme.example", url="https://secret/"), kind="i")

    assert sent is False
    assert "mail_not_sent" in caplog.text
    assert "https://secret/" not in caplog.text


def test_the_mailbox_page_is_for_development_only(
    client_for: ClientFor, acme: Account, settings: Settings
) -> None:
    settings.DEMO = settings.DEBUG = False
    assert client_for(None, acme).get("/mail/").status_code == 404

    settings.DEMO = True
    assert client_for(None, acme).get("/mail/").status_code == 200


def test_each_host_shows_its_own_mail_and_the_public_one_all(
    client_for: ClientFor, acme: Account, globex: Account, folder: Path, settings: Settings
) -> None:
    settings.DEMO = True
    for account in (acme, globex):
        with in_account(account):
            mail = compose("invitation", to=f"n@{account.slug}.example", url="https://x/y/")
            deliver(mail, kind="invitation")

    pages = [
        client_for(None, account).get("/mail/").content.decode() for account in (acme, globex, None)
    ]

    assert [("n@acme" in page, "n@globex" in page) for page in pages] == [
        (True, False),
        (False, True),
        (True, True),
    ]
    assert '<a href="https://x/y/"' in pages[0]


def test_a_mail_shows_no_markup(
    client_for: ClientFor, acme: Account, folder: Path, settings: Settings
) -> None:
    settings.DEMO = True
    with in_account(acme):
        evil = compose("invitation", to="n@acme.example", invited_by="<script>x</script>", url="u")
        deliver(evil, kind="invitation")

    assert "<script>x" not in client_for(None, acme).get("/mail/").content.decode()
