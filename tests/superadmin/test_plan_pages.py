"""Plans on the page of an account: what is typed, what it leads to, and what was before."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.credits.models import Book, Cycle, Plan
from core.tenancy.context import in_account
from tenants.models import Account, CreditTerms
from tests.clients import AccountClient
from tests.factories.cycles import renew

HOME = "/accounts/acme/credits/"
TERMS = f"{HOME}console/terms/"
CREDIT = 1_000_000


def _terms(**changes: Any) -> dict[str, Any]:
    return {"grant": "100", "period": "month", "overflow_limit": "0", **changes}


def _text(answer: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text)


def _latest(account: Account) -> CreditTerms:
    return CreditTerms.objects.filter(account=account, product="console").latest("version")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ({"period": "week", "weekday": "3", "anchor_day": "31"}, ("week", 3, 1)),
        ({"period": "month", "weekday": "3", "anchor_day": "31"}, ("month", 31, 1)),
        ({"period": "quarter", "anchor_month": "2"}, ("quarter", 1, 2)),
        ({"period": "year", "anchor_day": "6", "anchor_month": "4"}, ("year", 6, 4)),
        ({"period": "none"}, ("none", 1, 1)),
    ],
)
def test_each_period_takes_the_anchors_that_it_needs(
    sam_client: AccountClient, acme: Account, typed: dict[str, str], expected: tuple[str, int, int]
) -> None:
    answer = sam_client.post(TERMS, _terms(**typed))

    row = _latest(acme)
    assert answer.status_code == 302
    assert (row.period, row.anchor_day, row.anchor_month) == expected


def test_a_plan_says_when_it_takes_effect_and_does(
    sam_client: AccountClient, acme: Account
) -> None:
    with in_account(acme):
        boundary = Cycle.objects.get(book__product="console").ends_at
    assert boundary is not None
    day = f"{boundary.day} {boundary:%B %Y}, 00:00 UTC"

    shown = sam_client.post(f"{TERMS}preview/", _terms(period="week", weekday="1"))
    assert f"The change takes effect on {day}." in _text(shown)
    assert _latest(acme).version == 1

    page = _text(sam_client.post(TERMS, _terms(period="week", rollover="all"), follow=True))
    assert f"the plan takes effect on {day}" in page
    assert f"This version takes effect on {day}" in page

    with in_account(acme):
        (cycle,) = renew(Book.objects.get(product="console"))
    assert cycle.plan_version == 2
    page = _text(sam_client.get(HOME))
    assert "renewed weekly on Monday; what is left rolls over" in page
    assert "2 versions of the terms" in page


def test_a_preview_speaks_in_the_time_zone_of_the_account(
    sam_client: AccountClient, acme: Account
) -> None:
    answer = sam_client.post(f"{HOME}time-zone/", {"time_zone": "Asia/Kathmandu"}, follow=True)

    assert "Asia/Kathmandu" in _text(answer)
    acme.refresh_from_db()
    assert acme.time_zone == "Asia/Kathmandu"
    with in_account(acme):
        book = Book.objects.get(product="console")
        assert book.time_zone == "Asia/Kathmandu"
        (cycle,) = renew(book)
    assert cycle.ends_at is not None
    assert f"{cycle.ends_at.astimezone(ZoneInfo('Asia/Kathmandu')):%H:%M}" == "00:00"


def test_a_time_zone_that_does_not_exist_is_an_error(
    sam_client: AccountClient, acme: Account
) -> None:
    answer = sam_client.post(f"{HOME}time-zone/", {"time_zone": "Mars/Olympus"})

    assert answer.status_code == 422
    acme.refresh_from_db()
    assert acme.time_zone == "UTC"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"anchor_day": "32"}, "less than or equal to 31"),
        ({"anchor_day": "x"}, "Enter a whole number"),
        ({"anchor_month": "13"}, "Select a valid choice"),
        ({"weekday": "8"}, "Select a valid choice"),
        ({"period": "fortnight"}, "Select a valid choice"),
        ({"rollover": "some"}, "Select a valid choice"),
        ({"rollover": "capped", "rollover_cap": "-1"}, "Enter zero or more credits"),
        ({"grant": "9" * 20}, "out of range"),
    ],
)
def test_a_plan_that_cannot_be_is_said_and_changes_nothing(
    sam_client: AccountClient, acme: Account, changes: dict[str, str], sentence: str
) -> None:
    answer = sam_client.post(TERMS, _terms(**changes))

    assert answer.status_code == 422
    assert sentence in _text(answer)
    assert _latest(acme).version == 1
    # Nothing is shown as wrong while somebody types.
    assert sam_client.post(f"{TERMS}preview/", _terms(**changes)).status_code == 200
    with in_account(acme):
        assert Plan.objects.filter(book__product="console").count() == 1


def test_the_cycles_are_shown_with_what_became_of_them(
    sam_client: AccountClient, acme: Account
) -> None:
    sam_client.post(TERMS, _terms(grant="250"))
    with in_account(acme):
        book = Book.objects.get(product="console")
        renew(book)
        renew(book)

    page = sam_client.get(HOME).content.decode()

    assert "3 cycles" in page
    rows = [
        re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
    ]
    second = next(re.sub(r"\s+", " ", row) for row in rows if re.match(r"\s*2 ", row))
    # Granted, carried in, used, rolled over, expired, overflow, statement.
    assert re.search(r"plan 2 .*250 0 0 0 250 0 0", second), second
