"""Holds that end otherwise: given back, expired, charged by estimate, settled too late."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F

from core.credits import charging, tasks
from core.credits.messages import Charge, HeartbeatRequest, SweepAnswer
from core.credits.models import CapCounter, Reservation, UsageEvent
from core.credits.selectors import balance_of, health
from core.kit.ids import uuid7
from tenants.models import Account
from tests.factories.credits import (
    Branch,
    allocate,
    cap,
    figures,
    hold,
    reserve,
    settle,
    spend,
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


def beat(request_id: object, **fields: int) -> bool:
    return charging.heartbeat(
        HeartbeatRequest(request_id=request_id, **{"ttl_seconds": 600, **fields})  # type: ignore[arg-type]
    )


# -- released --------------------------------------------------------------------------------------


def test_a_released_hold_is_free_again(member: Branch) -> None:
    request_id = hold(member.membership, 60)

    assert charging.release(request_id)

    assert figures(member.membership) == (100, 0, 0)
    assert not UsageEvent.objects.exists()


def test_a_hold_is_released_once(member: Branch) -> None:
    request_id = hold(member.membership, 60)
    charging.release(request_id)

    assert not charging.release(request_id)
    assert figures(member.membership) == (100, 0, 0)


def test_an_ended_call_cannot_be_released(member: Branch) -> None:
    request_id = spend(member.membership, 60)

    assert not charging.release(request_id)
    assert figures(member.membership) == (100, 60, 0)


def test_nothing_is_not_released(member: Branch) -> None:
    assert not charging.release(uuid7())


def test_a_released_request_id_is_not_used_again(member: Branch) -> None:
    request_id = hold(member.membership, 60)
    charging.release(request_id)

    answer = reserve(member.membership, 60, request_id=request_id)

    assert (answer.outcome, answer.state) == ("duplicate", "released")


def test_a_settlement_after_a_release_is_charged_and_marked_late(member: Branch) -> None:
    request_id = hold(member.membership, 60)
    charging.release(request_id)

    answer = settle(request_id, 25)

    assert (answer.outcome, answer.credits) == ("late", 25)
    assert figures(member.membership) == (100, 25, 0)
    assert UsageEvent.objects.get(pk=request_id).is_late
    assert settle(request_id, 25).outcome == "duplicate"


def test_a_late_settlement_finds_its_credits_spent(member: Branch) -> None:
    request_id = hold(member.membership, 60)
    charging.release(request_id)
    spend(member.membership, 90)

    settle(request_id, 25)

    balance = balance_of(member.membership)
    assert (balance.used, balance.overrun) == (115, 15)


def test_a_release_frees_a_cap_too(member: Branch) -> None:
    subject = uuid7()
    cap(member.book, subject, 50)
    request_id = hold(member.membership, 40, cap_subjects=(subject,))

    charging.release(request_id)

    assert CapCounter.objects.get().reserved == 0
    settle(request_id, 25)
    counter = CapCounter.objects.get()
    assert (counter.used, counter.reserved) == (25, 0)


# -- dispatched and kept ---------------------------------------------------------------------------


def test_a_dispatch_is_recorded_once(member: Branch) -> None:
    request_id = hold(member.membership, 60, dispatch=False)

    assert charging.dispatch(request_id)
    first = Reservation.objects.get(pk=request_id).dispatched_at
    assert charging.dispatch(request_id)

    assert first is not None
    assert Reservation.objects.get(pk=request_id).dispatched_at == first


def test_a_hold_that_is_gone_is_not_dispatched(member: Branch) -> None:
    request_id = hold(member.membership, 60, dispatch=False)
    charging.release(request_id)

    assert not charging.dispatch(request_id)
    assert not charging.dispatch(uuid7())


def test_a_heartbeat_keeps_a_hold(member: Branch) -> None:
    request_id = hold(member.membership, 60, ttl_seconds=0)

    assert beat(request_id)

    assert charging.sweep() == SweepAnswer(charged=0, freed=0, forgotten=0)


def test_a_heartbeat_never_shortens_a_hold(member: Branch) -> None:
    request_id = hold(member.membership, 60, ttl_seconds=600)

    beat(request_id, ttl_seconds=0)

    assert charging.sweep().total == 0


def test_a_hold_that_is_gone_cannot_be_kept(member: Branch) -> None:
    request_id = spend(member.membership, 60)

    assert not beat(request_id)


# -- swept -----------------------------------------------------------------------------------------


def test_a_hold_that_has_not_expired_is_left_alone(member: Branch) -> None:
    hold(member.membership, 60)

    assert charging.sweep().total == 0
    assert figures(member.membership) == (100, 0, 60)


def test_an_expired_hold_that_was_never_dispatched_is_freed(member: Branch) -> None:
    hold(member.membership, 60, ttl_seconds=0, dispatch=False, estimate_microcredits=20)

    assert charging.sweep() == SweepAnswer(charged=0, freed=1, forgotten=0)
    assert figures(member.membership) == (100, 0, 0)


def test_an_expired_call_is_charged_its_estimate(member: Branch) -> None:
    request_id = hold(member.membership, 60, ttl_seconds=0, estimate_microcredits=20)

    assert charging.sweep() == SweepAnswer(charged=1, freed=0, forgotten=0)

    assert figures(member.membership) == (100, 20, 0)
    event = UsageEvent.objects.get(pk=request_id)
    assert (event.is_unsettled, event.is_estimated, event.is_late) == (True, True, False)
    assert (event.outcome, event.credits, event.cost_usd) == ("timeout", 20, Decimal("0.00002"))


def test_an_expired_call_is_charged_what_heartbeats_reported_too(member: Branch) -> None:
    request_id = hold(member.membership, 60, ttl_seconds=0, estimate_microcredits=20)
    beat(request_id, ttl_seconds=0, reported_microcredits=15)
    beat(request_id, ttl_seconds=0, reported_microcredits=5)

    charging.sweep()

    assert figures(member.membership) == (100, 35, 0)


def test_a_sweep_ends_many_at_once_and_no_more_than_asked(member: Branch) -> None:
    for _ in range(3):
        hold(member.membership, 10, ttl_seconds=0, estimate_microcredits=4)
        hold(member.team, 10, ttl_seconds=0, dispatch=False)

    assert charging.sweep(limit=4).total == 4
    assert charging.sweep(limit=4).total == 2
    assert figures(member.membership) == (100, 12, 0)
    assert figures(member.team) == (200, 0, 0)


def test_an_old_release_is_forgotten(member: Branch) -> None:
    request_id = hold(member.membership, 60)
    charging.release(request_id)
    Reservation.objects.update(expires_at=F("expires_at") - timedelta(days=7))

    assert charging.sweep() == SweepAnswer(charged=0, freed=0, forgotten=1)
    assert settle(request_id, 5).outcome == "unknown"


def test_the_job_sweeps_until_nothing_is_left(member: Branch) -> None:
    for _ in range(3):
        hold(member.membership, 10, ttl_seconds=0, estimate_microcredits=4)

    tasks.sweep_reservations.run()
    tasks.sweep_reservations.run()

    assert figures(member.membership) == (100, 12, 0)


def test_the_job_leaves_the_worker_to_others_after_a_while(
    member: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charging, "SWEEP_BATCH", 1)
    monkeypatch.setattr(tasks, "MAX_BATCHES", 2)
    for _ in range(3):
        hold(member.membership, 10, ttl_seconds=0, estimate_microcredits=4)

    tasks.sweep_reservations.run()

    assert figures(member.membership) == (100, 8, 10)


def test_the_clock_has_every_account_sweep(acme: Account, globex: Account) -> None:
    assert tasks.sweep_all_accounts.run() == 2


# -- settled after the sweep -----------------------------------------------------------------------


def test_a_settlement_after_the_sweep_charges_the_difference(member: Branch) -> None:
    request_id = hold(member.membership, 60, ttl_seconds=0, estimate_microcredits=20)
    charging.sweep()

    answer = settle(request_id, 50, input_tokens=7, output_tokens=8)

    assert (answer.outcome, answer.credits) == ("late", 50)
    assert answer.charges == (Charge(member.membership.pk, 30),)
    assert figures(member.membership) == (100, 50, 0)
    correction = UsageEvent.objects.get(corrects=request_id)
    assert answer.event_id == correction.pk
    assert (correction.is_late, correction.is_unsettled) == (True, False)
    assert (correction.credits, correction.cost_usd) == (30, Decimal("0.00003"))
    assert (correction.input_tokens, correction.output_tokens) == (7, 8)


def test_a_settlement_after_the_sweep_may_give_back(member: Branch) -> None:
    request_id = hold(member.membership, 60, ttl_seconds=0, estimate_microcredits=20)
    charging.sweep()

    answer = settle(request_id, 5)

    assert (answer.outcome, answer.credits) == ("late", 5)
    assert answer.charges == (Charge(member.membership.pk, -15),)
    assert figures(member.membership) == (100, 5, 0)


def test_what_is_given_back_goes_to_the_last_that_paid(spilling: Branch) -> None:
    allocate(spilling.organization, 100)
    allocate(spilling.team, 60)
    allocate(spilling.membership, 10)
    request_id = hold(spilling.membership, 70, ttl_seconds=0, estimate_microcredits=70)
    charging.sweep()

    answer = settle(request_id, 5)

    assert answer.charges == (
        Charge(spilling.organization.pk, -10),
        Charge(spilling.team.pk, -50),
        Charge(spilling.membership.pk, -5),
    )


def test_the_right_guess_is_confirmed_without_a_charge(member: Branch) -> None:
    request_id = hold(member.membership, 60, ttl_seconds=0, estimate_microcredits=20)
    charging.sweep()

    answer = settle(request_id, 20)

    assert (answer.outcome, answer.credits, answer.charges) == ("late", 20, ())


def test_a_late_settlement_comes_once(member: Branch) -> None:
    request_id = hold(member.membership, 60, ttl_seconds=0, estimate_microcredits=20)
    charging.sweep()
    settle(request_id, 50)

    answer = settle(request_id, 50)

    assert (answer.outcome, answer.credits) == ("duplicate", 50)
    assert figures(member.membership) == (100, 50, 0)


def test_a_late_settlement_counts_under_its_caps(member: Branch) -> None:
    subject = uuid7()
    cap(member.book, subject, 90)
    request_id = hold(
        member.membership,
        60,
        ttl_seconds=0,
        estimate_microcredits=20,
        cap_subjects=(subject,),
    )
    charging.sweep()
    assert CapCounter.objects.get().used == 20

    settle(request_id, 50)

    counter = CapCounter.objects.get()
    assert (counter.used, counter.reserved) == (50, 0)


def test_a_late_difference_may_be_an_overrun_and_may_cover_one(member: Branch) -> None:
    request_id = hold(member.membership, 100, ttl_seconds=0, estimate_microcredits=100)
    charging.sweep()

    settle(request_id, 130)
    assert balance_of(member.membership).overrun == 30

    other = hold(member.team, 10, ttl_seconds=0, estimate_microcredits=10)
    charging.sweep()
    settle(other, 0)
    top_up(member.membership, 40)
    assert balance_of(member.membership).free == 10


def test_health_counts_what_an_operator_should_see(member: Branch) -> None:
    hold(member.membership, 10)
    hold(member.membership, 10, ttl_seconds=0)
    settled = hold(member.membership, 10, ttl_seconds=0, estimate_microcredits=5)
    assert (health().open_reservations, health().expired_reservations) == (3, 2)

    charging.sweep()
    assert (health().open_reservations, health().unsettled_events) == (1, 2)

    settle(settled, 5)
    assert health().unsettled_events == 1
