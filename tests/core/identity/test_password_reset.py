"""A forgotten password: a link by mail, good once, for one hour, in one account."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings
from time_machine import TimeMachineFixture

from core.audit.models import AuditEntry
from core.identity import services
from core.identity.mailbox import Mail, mails
from core.identity.models import User
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import ADA, MIA, PASSWORD, TESTS
from tests.clients import AccountClient

ClientFor = Callable[..., AccountClient]
NEW_PASSWORD = "an even longer staple"


@pytest.fixture(autouse=True)
def mail_folder(settings: Settings, tmp_path: Path) -> Path:
    """Mail goes to files, as it does where there is no mail server."""
    settings.EMAIL_BACKEND = "core.identity.mail.FileBackend"
    settings.MAIL_FOLDER = tmp_path / "mail"
    return tmp_path / "mail"


@pytest.fixture
def nobody(client_for: ClientFor, acme: Account) -> AccountClient:
    """Somebody at Acme's host who has forgotten the password."""
    return client_for(None, acme)


def _ask(client: AccountClient, email: str) -> Any:
    return client.post("/password/reset/", {"email": email}, follow=True)


def _link_in(mail: Mail) -> str:
    url = next(word for word in mail.text.split() if word.startswith("http"))
    assert urlsplit(url).hostname == "acme.localhost"
    return urlsplit(url).path


def _choose(client: AccountClient, link: str, password: str = NEW_PASSWORD) -> Any:
    form = client.get(link, follow=True)
    path = form.redirect_chain[-1][0] if form.redirect_chain else link
    return client.post(path, {"password1": password, "password2": password}, follow=True)


def test_the_link_in_the_mail_sets_a_new_password(nobody: AccountClient, acme: Account) -> None:
    answer = _ask(nobody, ADA.email)
    assert "Look into your mail" in answer.content.decode()
    (mail,) = mails(schema=acme.schema_name)
    assert (mail.to, mail.account) == (ADA.email, "acme")

    answer = _choose(nobody, _link_in(mail))

    assert "Your new password is saved" in answer.content.decode()
    nobody.post("/login/", {"login": ADA.email, "password": NEW_PASSWORD})
    assert nobody.get("/profile/").status_code == 200


def test_the_owner_is_told_and_the_audit_log_says_it(nobody: AccountClient, acme: Account) -> None:
    _ask(nobody, ADA.email)
    _choose(nobody, _link_in(mails()[0]))

    assert mails()[0].subject == "Your password was reset"
    with in_account(acme):
        entry = AuditEntry.objects.get(verb="user.password_reset")
    assert entry.sentence == "Ada Admin reset their password by e-mail"


def test_resetting_ends_the_sessions_elsewhere(
    nobody: AccountClient, client_for: ClientFor, acme: Account, ada: User
) -> None:
    elsewhere = client_for(ada, acme)
    assert elsewhere.get("/profile/").status_code == 200

    _ask(nobody, ADA.email)
    _choose(nobody, _link_in(mails()[0]))

    assert elsewhere.get("/profile/").status_code == 302


def test_the_link_works_once(nobody: AccountClient, acme: Account) -> None:
    _ask(nobody, ADA.email)
    link = _link_in(mails()[0])
    _choose(nobody, link)

    answer = AccountClient(acme).get(link, follow=True)

    assert "This link is no longer valid" in answer.content.decode()


def test_the_link_works_for_an_hour(
    nobody: AccountClient, time_machine: TimeMachineFixture
) -> None:
    time_machine.move_to("2031-03-01 12:00:00+00:00")
    _ask(nobody, ADA.email)
    link = _link_in(mails()[0])

    time_machine.move_to("2031-03-01 13:00:05+00:00")
    answer = nobody.get(link, follow=True)

    assert "This link is no longer valid" in answer.content.decode()


def test_the_link_means_nothing_in_another_account(
    nobody: AccountClient, client_for: ClientFor, globex: Account
) -> None:
    _ask(nobody, ADA.email)

    answer = client_for(None, globex).get(_link_in(mails()[0]), follow=True)

    assert "This link is no longer valid" in answer.content.decode()


def test_a_weak_password_is_refused(nobody: AccountClient, acme: Account, ada: User) -> None:
    _ask(nobody, ADA.email)

    answer = _choose(nobody, _link_in(mails()[0]), "short")

    assert "too short" in answer.content.decode()
    with in_account(acme):
        assert User.objects.get(pk=ada.pk).check_password(PASSWORD)


@pytest.mark.parametrize("email", ["nobody@acme.example", MIA.email])
def test_who_has_no_active_login_gets_no_mail_and_the_page_does_not_tell(
    nobody: AccountClient, acme: Account, mia: User, email: str
) -> None:
    with in_account(acme):
        services.deactivate_user(user=mia, actor=TESTS)

    answer = _ask(nobody, email)

    assert "Look into your mail" in answer.content.decode()
    assert mails() == []


def test_asking_again_and_again_stops(nobody: AccountClient) -> None:
    for _ in range(3):
        _ask(nobody, ADA.email)

    assert _ask(nobody, ADA.email).status_code == 429
    assert len(mails()) == 3


def test_a_mail_server_that_fails_does_not_break_the_page(
    nobody: AccountClient, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    answer = _ask(nobody, ADA.email)

    assert answer.status_code == 200
    assert "Look into your mail" in answer.content.decode()


def test_changing_the_password_keeps_this_session_and_ends_the_others(
    client_for: ClientFor, acme: Account, ada: User
) -> None:
    here, elsewhere = client_for(ada, acme), client_for(ada, acme)

    answer = here.post(
        "/password/change/",
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert answer["Location"] == "/profile/"
    assert here.get("/profile/").status_code == 200
    assert elsewhere.get("/profile/").status_code == 302


def test_changing_the_password_takes_the_current_one(
    client_for: ClientFor, acme: Account, ada: User
) -> None:
    answer = client_for(ada, acme).post(
        "/password/change/",
        {"oldpassword": "wrong", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert "This is not your current password." in answer.content.decode()
    with in_account(acme):
        assert User.objects.get(pk=ada.pk).check_password(PASSWORD)
