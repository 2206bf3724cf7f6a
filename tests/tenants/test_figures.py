"""Figures of all accounts: pushed by a job of each, the same however often it runs."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import time_machine
from celery import current_app

from core.credits.models import Book, UsageEvent
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from core.tenancy.jobs import HEADER, AccountMissing
from tenants.models import Account, AccountFigure, DailyFigure
from tenants.services.credits import Terms, set_credit_terms, top_up_account
from tenants.services.figures import push_figures
from tests.cast import TESTS

CREDIT = 1_000_000
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _call(
    account: Account,
    at: datetime,
    *,
    credits: int = 3 * CREDIT,
    outcome: str = "ok",
    product: str = "copilot",
    **changes: Any,
) -> UUID:
    """Write a usage event as the ledger leaves one."""
    event_id = uuid7()
    with in_account(account):
        book = Book.objects.get(product=product)
        UsageEvent.objects.create(
            id=event_id,
            book_id=book.pk,
            cycle_id=book.cycles.get().pk,
            wallet_id=uuid7(),
            product=product,
            llm="gpt-9",
            kind="chat",
            cost_usd=Decimal("0.03") if credits >= 0 else Decimal("-0.03"),
            factor=100,
            factor_version=1,
            price_version="1",
            reserved=0,
            credits=credits,
            charges=[],
            outcome=outcome,
            created_at=at,
            **changes,
        )
    return event_id


def _days(account: Account) -> list[tuple[date, int, int, int]]:
    rows = DailyFigure.objects.filter(account=account, product="copilot").order_by("day")
    return list(rows.values_list("day", "calls", "errors", "charged_microcredits"))


def test_calls_are_summed_by_utc_day(acme: Account) -> None:
    _call(acme, NOON)
    _call(acme, NOON + timedelta(hours=11, minutes=59), outcome="error", credits=0)
    _call(acme, NOON + timedelta(hours=12))

    push_figures(account=acme)

    assert _days(acme) == [
        (date(2026, 11, 20), 2, 1, 3 * CREDIT),
        (date(2026, 11, 21), 1, 0, 3 * CREDIT),
    ]
    assert DailyFigure.objects.get(account=acme, day="2026-11-21").cost_usd == Decimal("0.03")


def test_a_refund_lowers_the_day_and_is_no_call(acme: Account) -> None:
    paid = _call(acme, NOON)
    _call(acme, NOON, credits=-3 * CREDIT, refund_of=paid)

    push_figures(account=acme)

    assert _days(acme) == [(date(2026, 11, 20), 1, 0, 0)]


def test_running_it_again_changes_nothing(acme: Account) -> None:
    _call(acme, NOON)
    push_figures(account=acme)
    before = _days(acme), list(DailyFigure.objects.values_list("pk", flat=True))

    push_figures(account=acme)
    push_figures(account=acme)

    assert (_days(acme), list(DailyFigure.objects.values_list("pk", flat=True))) == before
    assert AccountFigure.objects.filter(account=acme).count() == 2


def test_a_later_run_adds_what_has_come_since(acme: Account) -> None:
    _call(acme, NOON)
    push_figures(account=acme)
    _call(acme, NOON)
    _call(acme, NOON + timedelta(days=4))

    push_figures(account=acme)

    assert _days(acme) == [
        (date(2026, 11, 20), 2, 0, 6 * CREDIT),
        (date(2026, 11, 24), 1, 0, 3 * CREDIT),
    ]


def test_products_and_accounts_do_not_mix(acme: Account, globex: Account) -> None:
    _call(acme, NOON)
    _call(acme, NOON, product="console", credits=1 * CREDIT)
    _call(globex, NOON, credits=7 * CREDIT)

    push_figures(account=acme)

    rows = DailyFigure.objects.values_list("account__slug", "product", "charged_microcredits")
    assert set(rows) == {("acme", "copilot", 3 * CREDIT), ("acme", "console", 1 * CREDIT)}


def test_balances_are_those_of_the_open_cycle(acme: Account) -> None:
    set_credit_terms(account=acme, product="copilot", terms=Terms(0, 50 * CREDIT), actor=TESTS)
    top_up_account(
        account=acme,
        product="copilot",
        amount=100 * CREDIT,
        reason="Start",
        idempotency_key="start",
        actor=TESTS,
    )
    _call(acme, NOON)

    with time_machine.travel(NOON, tick=False):
        push_figures(account=acme)

    figure = AccountFigure.objects.get(account=acme, product="copilot")
    assert (figure.granted_microcredits, figure.left_microcredits) == (100 * CREDIT, 100 * CREDIT)
    assert figure.unallocated_microcredits == 100 * CREDIT
    assert figure.overflow_limit_microcredits == 50 * CREDIT
    # Olga, Theo and Mia.
    assert figure.members == 3
    assert figure.last_call_at == NOON
    assert figure.as_of == NOON


def test_the_job_pushes_the_account_in_its_header(
    acme: Account, globex: Account, as_job: Callable[..., Any]
) -> None:
    _call(acme, NOON)
    _call(globex, NOON)

    as_job("tenants.push_figures", account=acme)

    assert set(DailyFigure.objects.values_list("account__slug", flat=True)) == {"acme"}


def test_the_job_refuses_without_an_account(any_database: None, as_job: Callable[..., Any]) -> None:
    with pytest.raises(AccountMissing):
        as_job("tenants.push_figures")


@pytest.mark.parametrize(
    ("clock", "job"),
    [
        ("platform.daily_figures", "tenants.push_figures"),
        ("platform.sweep_reservations", "credits.sweep_reservations"),
        ("platform.sweep_tokens", "tokens.sweep"),
    ],
)
def test_the_clock_queues_one_job_for_each_account(
    acme: Account,
    globex: Account,
    as_job: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    clock: str,
    job: str,
) -> None:
    queued: list[str] = []
    monkeypatch.setattr(
        current_app.tasks[job],
        "apply_async",
        lambda **options: queued.append(options["headers"][HEADER]),
    )

    as_job(clock)

    assert sorted(queued) == sorted([acme.schema_name, globex.schema_name])
