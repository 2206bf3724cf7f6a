"""Telling people of something: once, not of their own doing, and by mail if they want it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks

from core.identity.models import User
from core.kit.clock import now
from core.notifications import services
from core.notifications.models import Notification
from core.notifications.selectors import notifications_of, unread_count
from core.notifications.services import choose_mail, mark_all_read, mark_read, notify
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tests.cast import ADA, MIA, actor_of
from tests.core.notifications.conftest import LOUD, QUIET
from tests.factories.identity import UserFactory
from tests.mailbox import Mailbox

AsJob = Callable[..., Any]


def tell(*users: User, kind: str = QUIET, key: str = "one", **more: Any) -> list[Notification]:
    params = {"who": "Ada", "what": "hello"}
    return notify(users=users, kind=kind, params=params, dedup_key=key, **more)


def age(days: int) -> None:
    Notification.objects.update(created_at=now() - timedelta(days=days))


def test_news_reads_as_a_sentence(in_acme: Account, mia: User) -> None:
    (row,) = tell(mia, link="/copilot/me/", product="copilot")

    assert (str(row), row.icon, row.tone) == ("Ada said hello", "forum", "")


def test_news_of_a_kind_that_is_gone_still_reads(in_acme: Account, mia: User) -> None:
    (row,) = tell(mia)
    row.kind = "no.longer"

    assert str(row) == "no.longer"


def test_the_same_news_is_told_once_to_each(in_acme: Account, mia: User, theo: User) -> None:
    tell(mia)

    assert [row.user for row in tell(mia, theo)] == [theo]
    assert Notification.objects.filter(dedup_key="one").count() == 2


def test_nobody_is_told_of_what_they_did(in_acme: Account, mia: User, ada: User) -> None:
    assert [row.user for row in tell(ada, mia, not_to=actor_of(ada))] == [mia]


def test_telling_many_takes_few_queries(in_acme: Account) -> None:
    few, many = UserFactory.create_batch(2), UserFactory.create_batch(200)

    with CaptureQueriesContext(
        connection,
    ) as of_few:
        tell(*few, key="few")
    with CaptureQueriesContext(connection) as of_many:
        tell(*many, key="many")

    assert len(of_many) == len(of_few)


@pytest.mark.parametrize("link", ["//evil.example/", "https://evil.example/", "me/"])
def test_a_link_stays_on_the_host(in_acme: Account, mia: User, link: str) -> None:
    with pytest.raises(AssertionError):
        tell(mia, link=link)


# -- unread ----------------------------------------------------------------------------------------


def test_the_count_follows_what_is_told_and_read(
    in_acme: Account,
    mia: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    mark_all_read(user=mia)
    counts = []
    with django_capture_on_commit_callbacks(execute=True):
        (first,) = tell(mia)
        tell(mia, key="two")
    counts.append(unread_count(mia))
    with django_capture_on_commit_callbacks(execute=True):
        mark_read(user=mia, notification_id=first.pk)
    counts.append(unread_count(mia))
    with django_capture_on_commit_callbacks(execute=True):
        mark_all_read(user=mia)
    counts.append(unread_count(mia))

    assert counts == [2, 1, 0]


def test_the_count_is_asked_for_once_and_then_kept(in_acme: Account, mia: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        unread_count(mia)
        unread_count(mia)

    assert sum("notifications_notification" in query["sql"] for query in queries) == 1


def test_the_count_is_forgotten_also_when_the_commit_is_elsewhere(
    acme: Account,
    mia: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with in_account(acme):
        mark_all_read(user=mia)
        unread_count(mia)
    with in_public(), django_capture_on_commit_callbacks(execute=True), in_account(acme):
        tell(mia)
    with in_account(acme):
        assert unread_count(mia) == 1


def test_counting_stops_at_a_hundred(in_acme: Account, mia: User) -> None:
    for number in range(103):
        tell(mia, key=str(number))

    assert unread_count(mia) == 100


def test_marking_what_is_somebody_elses_changes_nothing(
    in_acme: Account, mia: User, theo: User
) -> None:
    (row,) = tell(mia)

    mark_read(user=theo, notification_id=row.pk)

    row.refresh_from_db()
    assert row.read_at is None


# -- reading ---------------------------------------------------------------------------------------


def test_the_newest_comes_first_and_a_cursor_goes_on(in_acme: Account, mia: User) -> None:
    for number in range(5):
        tell(mia, key=str(number))

    first = notifications_of(mia, kind=QUIET, limit=3)
    rest = notifications_of(mia, kind=QUIET, limit=3, before=first[-1].pk)

    assert [row.dedup_key for row in first] == ["4", "3", "2"]
    assert [row.dedup_key for row in rest] == ["1", "0"]


# -- mail ------------------------------------------------------------------------------------------


def test_mail_goes_to_who_wants_it_and_once(
    in_acme: Account, ada: User, mia: User, theo: User, as_job: AsJob, mailbox: Mailbox
) -> None:
    choose_mail(user=theo, wanted=[])
    ids = [str(row.pk) for row in tell(ada, mia, theo, kind=LOUD, link="/copilot/me/")]

    sent = [as_job("notifications.mail", account=in_acme, ids=ids) for _ in range(2)]

    assert sent == [2, 0]
    assert [message.subject for message in mailbox.to(MIA.email)] == ["hello!"]
    assert "http://acme.localhost" in mailbox.link_to(ADA.email)
    assert mailbox.link_to(ADA.email).endswith("/copilot/me/")


def test_who_asks_for_a_quiet_kind_gets_mail_of_it(
    in_acme: Account, mia: User, as_job: AsJob, mailbox: Mailbox
) -> None:
    choose_mail(user=mia, wanted=[QUIET])
    rows = tell(mia) + tell(mia, kind=LOUD, key="two")

    as_job("notifications.mail", account=in_acme, ids=[str(row.pk) for row in rows])

    assert [message.subject for message in mailbox.to(MIA.email)] == ["Ada said hello"]


def test_who_cannot_sign_in_gets_no_mail(in_acme: Account, as_job: AsJob, mailbox: Mailbox) -> None:
    newcomer = UserFactory(is_active=False)
    (row,) = tell(newcomer, kind=LOUD)

    assert as_job("notifications.mail", account=in_acme, ids=[str(row.pk)]) == 0


# -- retention -------------------------------------------------------------------------------------


def test_what_was_read_goes_before_what_was_not(in_acme: Account, mia: User) -> None:
    Notification.objects.all().delete()
    (read,) = tell(mia)
    (unread,) = tell(mia, key="two")
    mark_read(user=mia, notification_id=read.pk)
    counts = []
    for days in (80, 100, 400):
        age(days)
        services.forget_old()
        counts.append(list(Notification.objects.values_list("pk", flat=True)))

    assert [set(found) for found in counts] == [{read.pk, unread.pk}, {unread.pk}, set()]


def test_the_job_forgets_in_one_account_only(
    acme: Account, globex: Account, mia: User, eve: User, as_job: AsJob
) -> None:
    for account, user in ((acme, mia), (globex, eve)):
        with in_account(account):
            tell(user)
            age(400)

    assert as_job("notifications.forget_old", account=acme) > 0

    with in_account(globex):
        assert Notification.objects.exists()
