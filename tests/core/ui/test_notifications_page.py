"""The inbox and the bell: each person's own news."""

import re
from collections.abc import Callable

import pytest

from core.identity.models import User
from core.notifications.models import Notification
from core.notifications.services import notify
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.ui.people import queries_of
from tests.factories.things import NEWS

ClientFor = Callable[..., AccountClient]


@pytest.fixture
def mia_client(client_for: ClientFor, mia: User, in_acme: Account) -> AccountClient:
    Notification.objects.filter(user=mia).delete()
    return client_for(mia, in_acme)


def tell(user: User, what: str, link: str = "") -> Notification:
    return notify(users=[user], kind=NEWS, params={"what": what}, link=link, dedup_key=what)[0]


def text_of(client: AccountClient, path: str, **headers: str) -> str:
    return client.get(path, headers=headers).content.decode()


def test_an_empty_inbox_says_what_will_stand_there(mia_client: AccountClient) -> None:
    assert "Nothing yet" in text_of(mia_client, "/notifications/")


def test_own_news_and_nobody_elses(mia_client: AccountClient, mia: User, theo: User) -> None:
    tell(mia, "for Mia")
    tell(theo, "for Theo")
    page = text_of(mia_client, "/notifications/")

    assert "for Mia" in page
    assert "for Theo" not in page


def test_opening_marks_as_read_and_leads_on(mia_client: AccountClient, mia: User) -> None:
    row = tell(mia, "look", link="/console/me/")

    answer = mia_client.post(f"/notifications/{row.pk}/open/")

    row.refresh_from_db()
    assert answer["Location"] == "/console/me/"
    assert row.read_at is not None


def test_marking_one_as_read_gives_its_row_and_the_bell(
    mia_client: AccountClient, mia: User
) -> None:
    row = tell(mia, "look")

    answer = mia_client.post(f"/notifications/{row.pk}/read/", headers={"HX-Request": "true"})

    text = answer.content.decode()
    assert f'id="notification-{row.pk}"' in text
    assert "Mark as read" not in text
    assert 'hx-swap-oob="true"' in text


def test_all_can_be_marked_as_read(mia_client: AccountClient, mia: User) -> None:
    tell(mia, "one")
    tell(mia, "two")

    answer = mia_client.post("/notifications/read/", follow=True)

    assert "2 marked as read." in answer.content.decode()
    assert not Notification.objects.filter(user=mia, read_at=None).exists()


def test_the_unread_can_be_seen_alone(mia_client: AccountClient, mia: User) -> None:
    row = tell(mia, "was read")
    mia_client.post(f"/notifications/{row.pk}/read/")
    tell(mia, "is new")
    page = text_of(mia_client, "/notifications/?show=unread")

    assert "is new" in page
    assert "was read" not in page


def test_earlier_ones_follow_by_cursor(mia_client: AccountClient, mia: User) -> None:
    rows = [tell(mia, f"news number {number}.") for number in range(32)]
    first = text_of(mia_client, "/notifications/")

    assert f"before={rows[2].pk}" in first
    second = text_of(mia_client, f"/notifications/?before={rows[2].pk}")
    assert "news number 1." in second
    assert "news number 2." not in second


def test_the_header_counts_the_unread(mia_client: AccountClient, mia: User) -> None:
    tell(mia, "one")

    assert 'id="bell-count"' in text_of(mia_client, "/copilot/me/")
    assert "unread" in text_of(mia_client, "/notifications/bell/", **{"HX-Request": "true"})


def test_the_bell_panel_shows_the_latest(mia_client: AccountClient, mia: User) -> None:
    for number in range(8):
        tell(mia, f"news number {number}.")
    panel = text_of(mia_client, "/notifications/latest/", **{"HX-Request": "true"})

    assert "news number 7." in panel
    assert "news number 1." not in panel


def test_the_bell_costs_no_query_between_changes(mia_client: AccountClient) -> None:
    counts = [queries_of(mia_client, path) for path in ("/notifications/bell/",) * 2]

    assert counts[0] == counts[1]


def test_the_inbox_takes_the_same_queries_for_many(mia_client: AccountClient, mia: User) -> None:
    tell(mia, "first")
    few = queries_of(mia_client, "/notifications/")
    for number in range(25):
        tell(mia, str(number))

    assert queries_of(mia_client, "/notifications/") == few


def test_what_comes_by_mail_is_chosen_on_the_profile(mia_client: AccountClient) -> None:
    answer = mia_client.post("/notifications/mail/", {"kind": [NEWS]}, follow=True)
    page = answer.content.decode()

    assert "Your choice is saved." in page
    assert re.findall(r'value="([a-z.]+)"\s+id="mail-[a-z.]+"\s+checked', page) == [NEWS]


@pytest.mark.parametrize("before", ["nonsense", "\x00"])
def test_nonsense_in_the_address_shows_the_latest(mia_client: AccountClient, before: str) -> None:
    answer = mia_client.get("/notifications/", {"before": before, "kind": before})

    assert answer.status_code == 200
