"""The overview: from public figures only, however many accounts there are."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.kit.clock import now
from core.kit.ids import uuid7
from core.tenancy.context import schema_name_of
from superadmin import rules
from superadmin.selectors.alerts import Alert, alerts_of
from superadmin.selectors.overview import overview
from tenants.models import Account, AccountFigure, DailyFigure, Llm
from tests.clients import AccountClient

CREDIT = 1_000_000


def _figure(account: Account, **changes: Any) -> AccountFigure:
    values = {
        "product": "copilot",
        "granted_microcredits": 1_000 * CREDIT,
        "left_microcredits": 800 * CREDIT,
        "used_microcredits": 200 * CREDIT,
        "cycle_starts_at": now(),
        "as_of": now(),
        **changes,
    }
    return AccountFigure.objects.create(account=account, **values)


def _day(account: Account, *, ago: int = 0, **changes: Any) -> None:
    values = {
        "product": "copilot",
        "calls": 10,
        "errors": 1,
        "charged_microcredits": 30 * CREDIT,
        "cost_usd": Decimal("0.3"),
        **changes,
    }
    DailyFigure.objects.create(account=account, day=now().date() - timedelta(days=ago), **values)


def _account(name: str) -> Account:
    """An account as the public schema knows it; the overview may not look further."""
    id_ = uuid7()
    Account.objects.bulk_create(
        [Account(id=id_, name=name, slug=name.lower(), schema_name=schema_name_of(id_))]
    )
    return Account.objects.get(pk=id_)


def _clean_figures() -> None:
    # Creating the cast pushed some.
    AccountFigure.objects.all().delete()


def _texts(alerts: Any) -> list[tuple[str, str]]:
    return [(alert.tone, alert.text) for alert in alerts]


def test_sums_are_of_two_weeks_and_compared_with_those_before(acme: Account) -> None:
    _day(acme)
    _day(acme, ago=13, product="console")
    _day(acme, ago=14)

    found = overview()

    assert (found.sums.calls, found.sums.errors) == (20, 2)
    assert found.sums.charged == 60 * CREDIT
    assert found.sums.cost_usd == Decimal("0.6")
    assert found.sums.error_percent == 10.0
    assert found.today.calls == 10
    assert found.charged_change == 100
    assert len(found.days) == 14
    assert found.days[0].charged == {"console": 30 * CREDIT}
    assert found.days[-1].charged == {"copilot": 30 * CREDIT}


def test_an_accounts_row_has_its_own_figures(acme: Account, globex: Account) -> None:
    _clean_figures()
    _figure(acme, overflow_used_microcredits=5 * CREDIT)
    _day(acme)
    _day(acme, ago=1, charged_microcredits=9 * CREDIT)
    _day(globex, charged_microcredits=1 * CREDIT)

    first, second = overview().rows

    assert (first.account, second.account) == (acme, globex)
    assert first.sums.charged == 39 * CREDIT
    assert first.used == 205 * CREDIT
    assert first.trend[-2:] == (9 * CREDIT, 30 * CREDIT)
    assert second.figures == {}


def test_archived_accounts_are_left_out(acme: Account, globex: Account) -> None:
    Account.objects.filter(pk=acme.pk).update(state="archived", archived_at=now())

    found = overview()

    assert [row.account for row in found.rows] == [globex]
    assert found.account_count == 1


@pytest.mark.parametrize(
    ("changes", "alerts"),
    [
        ({}, []),
        ({"granted_microcredits": 0, "left_microcredits": 0}, []),
        (
            {"left_microcredits": 99 * CREDIT},
            [("warn", "Acme has 10 % of its Copilot credits left")],
        ),
        ({"left_microcredits": 0}, [("bad", "Acme is out of Copilot credits")]),
        (
            {"left_microcredits": 0, "overflow_limit_microcredits": CREDIT},
            [("warn", "Acme lives on Copilot overflow")],
        ),
        (
            {
                "left_microcredits": 0,
                "overflow_used_microcredits": 9 * CREDIT,
                "overflow_limit_microcredits": 10 * CREDIT,
            },
            [
                ("warn", "Acme lives on Copilot overflow"),
                ("warn", "Acme has drawn 90 % of its Copilot overflow"),
            ],
        ),
        (
            {
                "left_microcredits": -1,
                "overflow_used_microcredits": 10 * CREDIT,
                "overflow_limit_microcredits": 10 * CREDIT,
            },
            [("bad", "Acme is out of Copilot credits")],
        ),
    ],
)
def test_alerts_about_credits(
    acme: Account, changes: dict[str, int], alerts: list[tuple[str, str]]
) -> None:
    _clean_figures()

    assert _texts(alerts_of(_figure(acme, **changes))) == alerts


def test_alerts_about_states_and_the_catalogue(acme: Account, globex: Account) -> None:
    _clean_figures()
    Account.objects.filter(pk=acme.pk).update(state="suspended")
    _figure(acme, left_microcredits=0)
    bare = Llm.objects.create(name="bare", title="Bare", vendor="Nobody")

    found = overview()

    assert found.alerts == [
        Alert(
            "warn", "sell", "Bare has no price: every call to it is refused", f"/llms/{bare.pk}/"
        ),
        Alert("info", "hourglass_empty", "Globex has no figures yet", "/accounts/globex/"),
        Alert("info", "pause_circle", "Acme is suspended", "/accounts/acme/"),
    ]


def test_old_figures_are_an_alert(acme: Account, globex: Account) -> None:
    _clean_figures()
    _figure(acme)
    _figure(globex, as_of=now() - timedelta(hours=1))

    assert _texts(overview().alerts) == [
        ("warn", "The figures of Globex are out of date: is the worker running?")
    ]


def test_one_cause_is_one_alert(acme: Account, globex: Account) -> None:
    _clean_figures()
    for number in range(3):
        _account(f"C{number}")

    assert _texts(overview().alerts) == [("info", "5 accounts have no figures yet")]


def test_the_page_shows_when_the_figures_are_from(sam_client: AccountClient, acme: Account) -> None:
    _day(acme)

    page = sam_client.get("/").content.decode()

    assert "Figures as of" in page
    assert 'href="/accounts/acme/"' in page
    assert "$0.30" in page or "$0.3" in page


def test_an_empty_platform_explains_itself(sam_client: AccountClient) -> None:
    AccountFigure.objects.all().delete()
    Account.objects.update(state="archived", archived_at=now())

    assert "No accounts yet" in sam_client.get("/").content.decode()


def test_the_overview_costs_the_same_for_many_accounts(
    sam_client: AccountClient, acme: Account, django_assert_max_num_queries: Any
) -> None:
    _day(acme)
    sam_client.get("/")
    with django_assert_max_num_queries(25) as few:
        sam_client.get("/")

    for number in range(40):
        account = _account(f"C{number}")
        _figure(account, left_microcredits=number * CREDIT)
        _day(account, ago=number % 14)
    with django_assert_max_num_queries(25) as many:
        page = sam_client.get("/").content.decode()

    assert len(many) == len(few)
    assert "more" in page


# -- rules -----------------------------------------------------------------------------------------


def test_a_line_stays_in_its_box() -> None:
    points = rules.spark_points([0, 5, 10])

    assert points == "2.0,26.0 56.0,14.0 110.0,2.0"


def test_a_line_of_nothing_lies_at_the_bottom() -> None:
    assert rules.spark_points([0, 0]) == "2.0,26.0 110.0,26.0"
    assert rules.spark_points([7]) == ""


def test_a_change_needs_something_to_compare_with() -> None:
    assert rules.change_percent(50, 0) is None
    assert rules.change_percent(50, 100) == -50


def test_few_calls_are_no_trend_of_errors() -> None:
    assert not rules.has_many_errors(calls=3, errors=3)
    assert rules.has_many_errors(calls=20, errors=2)
