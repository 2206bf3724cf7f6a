"""What a call is charged, from where, and what is recorded of it."""

from decimal import Decimal

import pytest

from core.credits.messages import Charge, ReserveAnswer
from core.credits.models import CapCounter, Label, Reservation, UsageEvent
from core.credits.selectors import balance_of
from core.kit.ids import uuid7
from tests.factories.credits import (
    Branch,
    allocate,
    call_context,
    cap,
    figures,
    hold,
    reserve,
    set_overflow,
    settle,
    top_up,
)

pytestmark = pytest.mark.usefixtures("either_way")


@pytest.fixture
def member(branch: Branch) -> Branch:
    """The membership has 100 of its own, and nothing spills."""
    allocate(branch.organization, 500)
    allocate(branch.team, 300)
    allocate(branch.membership, 100)
    return branch


def test_a_call_is_charged_its_cost_and_the_rest_is_freed(member: Branch) -> None:
    request_id = hold(member.membership, 60)

    answer = settle(request_id, 25)

    assert (answer.outcome, answer.credits) == ("settled", 25)
    assert answer.charges == (Charge(member.membership.pk, 25),)
    assert figures(member.membership) == (100, 25, 0)
    assert not Reservation.objects.exists()


def test_credits_are_cost_times_factor_rounded_up(member: Branch) -> None:
    request_id = hold(member.membership, 60, factor=Decimal("2.5"))

    answer = settle(request_id, 0, cost_usd=Decimal("0.0000041"))

    assert answer.credits == 11


def test_a_positive_cost_is_never_free(member: Branch) -> None:
    request_id = hold(member.membership, 60)

    assert settle(request_id, 0, cost_usd=Decimal("0.000000000001")).credits == 1


def test_no_cost_is_no_charge(member: Branch) -> None:
    request_id = hold(member.membership, 60)

    answer = settle(request_id, 0, outcome="error")

    assert (answer.outcome, answer.credits, answer.charges) == ("settled", 0, ())
    assert UsageEvent.objects.get(pk=request_id).outcome == "error"
    assert figures(member.membership) == (100, 0, 0)


def test_the_event_names_what_has_answered_and_its_price(member: Branch) -> None:
    asked, stood_in = hold(member.membership, 30), hold(member.membership, 30)

    settle(asked, 5)
    settle(stood_in, 5, llm="dear", price_version="own-3")

    first, second = (UsageEvent.objects.get(pk=call) for call in (asked, stood_in))
    assert (first.llm, first.price_version) == (call_context().llm, "1")
    assert (second.llm, second.price_version) == ("dear", "own-3")


def test_several_sources_pay_in_order(spilling: Branch) -> None:
    allocate(spilling.organization, 100)
    allocate(spilling.team, 70)
    allocate(spilling.membership, 20)
    request_id = hold(spilling.membership, 90)

    answer = settle(request_id, 65)

    assert answer.charges == (Charge(spilling.membership.pk, 20), Charge(spilling.team.pk, 45))
    assert figures(spilling.membership) == (20, 20, 0)
    assert figures(spilling.team) == (50, 45, 0)
    assert figures(spilling.organization) == (30, 0, 0)


# -- more than was held ----------------------------------------------------------------------------


def test_more_than_was_held_is_charged_to_what_is_free(member: Branch) -> None:
    request_id = hold(member.membership, 60)

    answer = settle(request_id, 90)

    assert answer.credits == 90
    balance = balance_of(member.membership)
    assert (balance.used, balance.reserved, balance.overrun) == (90, 0, 0)


def test_what_is_free_along_the_order_goes_before_an_overrun(spilling: Branch) -> None:
    allocate(spilling.organization, 100)
    allocate(spilling.team, 70)
    allocate(spilling.membership, 20)
    set_overflow(spilling.book, 5)
    request_id = hold(spilling.membership, 10)

    answer = settle(request_id, 110)

    assert answer.charges == (
        Charge(spilling.membership.pk, 25),
        Charge(spilling.team.pk, 50),
        Charge(spilling.organization.pk, 30),
        Charge(spilling.overflow.pk, 5),
    )
    assert balance_of(spilling.membership).overrun == 5


def test_what_others_hold_is_not_taken(member: Branch) -> None:
    other = hold(member.membership, 40)
    request_id = hold(member.membership, 60)

    settle(request_id, 75)

    balance = balance_of(member.membership)
    assert (balance.used, balance.reserved, balance.overrun) == (75, 40, 15)
    settle(other, 0)
    assert balance_of(member.membership).overrun == 0


def test_an_overrun_falls_on_the_wallet_that_a_call_inherits(branch: Branch) -> None:
    allocate(branch.organization, 100)
    request_id = hold(branch.membership, 100)

    settle(request_id, 130)

    assert balance_of(branch.organization).overrun == 30
    assert figures(branch.membership) == (0, 0, 0)


def test_an_overrun_without_any_rule_falls_on_the_first_that_could_pay(branch: Branch) -> None:
    set_overflow(branch.book, 10)
    request_id = hold(branch.membership, 10)

    settle(request_id, 12)

    assert balance_of(branch.overflow).overrun == 2


def test_top_ups_since_the_reservation_count(member: Branch) -> None:
    request_id = hold(member.membership, 100)
    top_up(member.membership, 40)

    settle(request_id, 130)

    balance = balance_of(member.membership)
    assert (balance.used, balance.free, balance.overrun) == (130, 10, 0)


# -- the event -------------------------------------------------------------------------------------


def test_an_event_records_the_call(member: Branch) -> None:
    ids = {
        name: uuid7()
        for name in (
            "user_id",
            "member_id",
            "membership_id",
            "team_id",
            "organization_id",
            "key_id",
            "client_id",
            "agent_id",
            "connection_id",
        )
    }
    context = call_context(**ids, tool="search", kind="embedding")
    request_id = hold(member.membership, 60, context=context, factor_version=4, price_version="v9")

    settle(
        request_id,
        25,
        input_tokens=10,
        output_tokens=20,
        cached_tokens=3,
        reasoning_tokens=4,
        upstream_model="gpt-5-2026",
        deployment="eu-1",
        guardrails=[{"preset": "pii", "action": "mask"}],
        latency_ms=800,
        first_token_ms=120,
        status_code=200,
        is_estimated=True,
        reported_cost_usd=Decimal("0.00002"),
    )

    event = UsageEvent.objects.get(pk=request_id)
    assert {name: getattr(event, name) for name in ids} == ids
    assert (event.product, event.llm, event.kind, event.tool) == (
        "testing", "gpt-5", "embedding", "search",
    )  # fmt: skip
    assert (event.input_tokens, event.output_tokens) == (10, 20)
    assert (event.cached_tokens, event.reasoning_tokens) == (3, 4)
    assert (event.upstream_model, event.deployment) == ("gpt-5-2026", "eu-1")
    assert event.guardrails == [{"preset": "pii", "action": "mask"}]
    assert (event.latency_ms, event.first_token_ms, event.status_code) == (800, 120, 200)
    assert (event.cost_usd, event.reported_cost_usd) == (Decimal("0.000025"), Decimal("0.00002"))
    assert (event.factor_version, event.price_version) == (4, "v9")
    assert (event.reserved, event.credits) == (60, 25)
    assert event.charges == [{"wallet": str(member.membership.pk), "amount": 25}]
    assert (event.outcome, event.is_estimated) == ("ok", True)
    assert (event.is_late, event.is_unsettled) == (False, False)
    assert event.wallet_id == member.membership.pk


def test_a_settlement_does_not_stumble_over_long_names(member: Branch) -> None:
    request_id = hold(member.membership, 60, context=call_context(llm="x" * 300))

    settle(request_id, 25, upstream_model="m" * 300, deployment="d" * 300, error_code="e" * 300)

    event = UsageEvent.objects.get(pk=request_id)
    assert (len(event.llm), len(event.upstream_model), len(event.error_code)) == (200, 200, 64)


def test_names_are_kept_apart_from_the_event(member: Branch) -> None:
    mia = uuid7()
    context = call_context(member_id=mia, labels={str(mia): "Mia"})

    settle(hold(member.membership, 10, context=context), 5)
    settle(hold(member.membership, 10, context=context), 5)

    assert Label.objects.get(subject=mia).text == "Mia"


def test_a_cap_counts_what_was_charged(member: Branch) -> None:
    subject = uuid7()
    cap(member.book, subject, 50)
    request_id = hold(member.membership, 40, cap_subjects=(subject,))

    settle(request_id, 25)

    counter = CapCounter.objects.get()
    assert (counter.used, counter.reserved) == (25, 0)


# -- the same settlement again ---------------------------------------------------------------------


def test_a_repeated_settlement_charges_nothing(member: Branch) -> None:
    request_id = hold(member.membership, 60)
    settle(request_id, 25)

    answer = settle(request_id, 25)

    assert (answer.outcome, answer.credits) == ("duplicate", 25)
    assert answer.charges == (Charge(member.membership.pk, 25),)
    assert figures(member.membership) == (100, 25, 0)


def test_a_settlement_of_a_call_that_nobody_reserved_is_unknown(member: Branch) -> None:
    answer = settle(uuid7(), 25)

    assert (answer.outcome, answer.credits, answer.event_id) == ("unknown", 0, None)


def test_a_later_factor_does_not_touch_a_call_that_runs(member: Branch) -> None:
    request_id = hold(member.membership, 60, factor=Decimal(2), factor_version=1)
    later: ReserveAnswer = reserve(member.membership, 10, factor=Decimal(9), factor_version=2)

    answer = settle(request_id, 10)

    assert later.outcome == "reserved"
    assert answer.credits == 20
