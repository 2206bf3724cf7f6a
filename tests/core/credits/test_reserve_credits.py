"""Who pays for a call, in which order, and what is refused."""

from uuid import UUID

import pytest

from core.credits.errors import (
    AccountSuspended,
    DuplicateRequest,
    IdempotencyMismatch,
    InsufficientCredits,
    PolicyChanged,
    problem_of,
)
from core.credits.messages import Source
from core.credits.models import Reservation, WalletKind
from core.credits.selectors import payers_of, spendable
from core.credits.services import allocating, books
from core.kit.ids import uuid7
from core.tenancy.policy import bump_policy, policy_version, set_suspended
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    a_key,
    allocate,
    cap,
    figures,
    fill,
    free_in,
    hold,
    reserve,
    reserve_request,
    settle,
    sources,
    spend,
    top_up,
)

pytestmark = pytest.mark.usefixtures("either_way")

# -- the order -------------------------------------------------------------------------------------


def test_a_call_holds_credits_of_its_own_wallet(branch: Branch) -> None:
    fill(branch, membership=100)

    answer = reserve(branch.membership, 30)

    assert answer.outcome == "reserved"
    assert answer.amount == 30
    assert answer.sources == (Source(branch.membership.pk, "membership", 30),)
    assert figures(branch.membership) == (100, 0, 30)


def test_several_wallets_share_one_call(spilling: Branch) -> None:
    fill(spilling, membership=10, team=20, organization=30, pool=40, overflow=50)

    answer = reserve(spilling.membership, 120)

    assert sources(answer) == [
        ("membership", 10),
        ("team", 20),
        ("organization", 30),
        ("pool", 40),
        ("overflow", 20),
    ]
    assert free_in(spilling.overflow) == 30


def test_overflow_is_drawn_only_when_all_else_is_empty(spilling: Branch) -> None:
    fill(spilling, membership=10, team=20, organization=30, pool=40, overflow=50)

    reserve(spilling.membership, 100)

    assert figures(spilling.overflow) == (0, 0, 0)


def test_nothing_spills_where_the_switches_are_off(branch: Branch) -> None:
    fill(branch, membership=10, team=20, organization=30, pool=40)

    answer = reserve(branch.membership, 11)

    assert answer.outcome == "insufficient"
    assert (answer.asked, answer.free) == (11, 10)


@pytest.mark.parametrize(
    ("team", "organization", "pool", "free"),
    [
        (True, False, False, 30),
        (False, True, False, 40),
        (False, False, True, 50),
        (True, True, True, 100),
    ],
)
def test_each_switch_opens_one_wallet(
    branch: Branch, team: bool, organization: bool, pool: bool, free: int
) -> None:
    fill(branch, membership=10, team=20, organization=30, pool=40)
    books.set_spill(book=branch.book, team=team, organization=organization, pool=pool, actor=TESTS)

    assert spendable(branch.membership.pk) == free
    assert reserve(branch.membership, free).outcome == "reserved"


def test_without_a_rule_a_call_draws_on_the_nearest_ancestor_with_one(branch: Branch) -> None:
    allocate(branch.organization, 100)
    allocate(branch.team, 50)

    answer = reserve(branch.membership, 50)

    assert sources(answer) == [("team", 50)]
    assert answer.wallet_id == branch.team.pk


def test_what_stands_above_the_one_that_pays_needs_the_switch(branch: Branch) -> None:
    allocate(branch.organization, 100)
    allocate(branch.team, 50)

    answer = reserve(branch.membership, 51)

    assert (answer.outcome, answer.free) == ("insufficient", 50)


def test_inheritance_skips_a_level_without_a_rule(branch: Branch) -> None:
    allocate(branch.organization, 100)

    answer = reserve(branch.membership, 60)

    assert sources(answer) == [("organization", 60)]


def test_an_own_allocation_of_zero_does_not_inherit(branch: Branch) -> None:
    allocate(branch.organization, 100)
    allocate(branch.membership, 0)

    answer = reserve(branch.membership, 1)

    assert (answer.outcome, answer.free) == ("insufficient", 0)
    assert (answer.wallet_id, answer.wallet_kind) == (branch.membership.pk, "membership")


def test_an_own_allocation_of_zero_may_spill(spilling: Branch) -> None:
    fill(spilling, membership=0, team=20)

    assert sources(reserve(spilling.membership, 5)) == [("team", 5)]


def test_credits_of_a_wallet_without_a_rule_go_before_what_it_inherits(branch: Branch) -> None:
    allocate(branch.organization, 100)
    allocate(branch.team, 50)
    allocate(branch.membership, 10)
    allocating.remove_allocation(wallet=branch.membership, actor=TESTS, idempotency_key=a_key())
    top_up(branch.membership, 5)

    assert sources(reserve(branch.membership, 20)) == [("membership", 5), ("team", 15)]


def test_an_ancestor_below_the_one_that_pays_is_no_spill(spilling: Branch) -> None:
    allocate(spilling.organization, 100)
    top_up(spilling.team, 40)

    answer = reserve(spilling.membership, 60)

    assert sources(answer) == [("organization", 60)]


def test_members_under_global_draw_on_the_pool(branch: Branch) -> None:
    wallet = books.create_wallet(book=branch.book, kind=WalletKind.MEMBERSHIP, parent=None)
    allocating.allocate_to_pool(book=branch.book, amount=40, actor=TESTS, idempotency_key=a_key())

    answer = reserve(wallet, 30)

    assert sources(answer) == [("pool", 30)]
    assert [payer.via for payer in payers_of(wallet.pk)] == ["leftover", "inherits", "overflow"]


def test_members_under_global_with_an_allocation_need_the_switch_for_the_pool(
    branch: Branch,
) -> None:
    wallet = books.create_wallet(book=branch.book, kind=WalletKind.MEMBERSHIP, parent=None)
    allocate(wallet, 10)
    allocating.allocate_to_pool(book=branch.book, amount=40, actor=TESTS, idempotency_key=a_key())

    assert reserve(wallet, 11).outcome == "insufficient"


def test_without_any_rule_only_spill_and_overflow_are_left(branch: Branch) -> None:
    answer = reserve(branch.membership, 1)

    assert answer.outcome == "insufficient"
    assert answer.wallet_id == branch.membership.pk


def test_unallocated_never_pays(spilling: Branch) -> None:
    answer = reserve(spilling.membership, 1)

    assert answer.outcome == "insufficient"
    assert figures(spilling.unallocated) == (1000, 0, 0)


def test_a_member_of_an_organization_pays_from_there(branch: Branch) -> None:
    wallet = books.create_wallet(
        book=branch.book, kind=WalletKind.MEMBERSHIP, parent=branch.organization
    )
    allocate(branch.organization, 100)

    assert sources(reserve(wallet, 5)) == [("organization", 5)]


def test_a_team_may_call_by_itself(branch: Branch) -> None:
    allocate(branch.organization, 100)
    allocate(branch.team, 50)

    assert sources(reserve(branch.team, 50)) == [("team", 50)]


def test_the_effective_view_says_who_pays_and_why(spilling: Branch) -> None:
    fill(spilling, membership=10, team=20, organization=30, pool=40, overflow=50)

    payers = payers_of(spilling.membership.pk)

    assert [(payer.kind, payer.via, payer.free) for payer in payers] == [
        ("membership", "own", 10),
        ("team", "spill", 20),
        ("organization", "spill", 30),
        ("pool", "spill", 40),
        ("overflow", "overflow", 50),
    ]
    assert spendable(spilling.membership.pk) == 150


# -- enough and not enough -------------------------------------------------------------------------


def test_what_is_held_cannot_be_held_twice(branch: Branch) -> None:
    fill(branch, membership=100)
    reserve(branch.membership, 70)

    assert reserve(branch.membership, 31).outcome == "insufficient"
    assert reserve(branch.membership, 30).outcome == "reserved"


def test_a_refusal_holds_nothing(branch: Branch) -> None:
    fill(branch, membership=100)

    reserve(branch.membership, 101)

    assert figures(branch.membership) == (100, 0, 0)
    assert not Reservation.objects.exists()


def test_a_call_shrinks_to_what_is_free(branch: Branch) -> None:
    fill(branch, membership=100)

    answer = reserve(branch.membership, 150, minimum=40)

    assert (answer.outcome, answer.amount) == ("reserved", 100)


def test_a_call_does_not_shrink_below_its_minimum(branch: Branch) -> None:
    fill(branch, membership=30)

    answer = reserve(branch.membership, 150, minimum=40)

    assert (answer.outcome, answer.asked, answer.free) == ("insufficient", 150, 30)


def test_a_call_does_not_shrink_to_nothing(branch: Branch) -> None:
    fill(branch, membership=0)

    assert reserve(branch.membership, 150, minimum=0).outcome == "insufficient"


def test_a_call_that_costs_nothing_needs_no_credits(branch: Branch) -> None:
    answer = reserve(branch.membership, 0)

    assert (answer.outcome, answer.sources) == ("reserved", ())


def test_an_overrun_admits_nothing_until_it_is_covered(branch: Branch) -> None:
    fill(branch, membership=100)
    settle(hold(branch.membership, 100), 130)

    assert reserve(branch.membership, 1).outcome == "insufficient"

    top_up(branch.organization, 100)
    top_up(branch.team, 100)
    top_up(branch.membership, 31)
    assert reserve(branch.membership, 1).outcome == "reserved"


def test_a_wallet_with_an_overrun_does_not_stop_the_spill(spilling: Branch) -> None:
    fill(spilling, membership=10, team=20, organization=0)
    settle(hold(spilling.membership, 10), 35)
    top_up(spilling.organization, 50)
    top_up(spilling.team, 50)

    assert sources(reserve(spilling.membership, 40)) == [("team", 40)]


def test_a_refusal_says_which_wallet_asked_and_free(branch: Branch) -> None:
    fill(branch, membership=10)

    problem = problem_of(reserve(branch.membership, 2_500_000))

    assert isinstance(problem, InsufficientCredits)
    assert problem.extensions == {
        "asked": "2.5",
        "available": "0.00001",
        "wallet": str(branch.membership.pk),
        "wallet_kind": "membership",
    }


def test_a_reservation_is_no_problem(branch: Branch) -> None:
    fill(branch, membership=10)

    assert problem_of(reserve(branch.membership, 1)) is None


def test_a_book_wallet_makes_no_calls(branch: Branch) -> None:
    with pytest.raises(Exception, match="does not spend"):
        reserve(branch.pool, 1)


# -- policy ----------------------------------------------------------------------------------------


def test_a_caller_with_an_old_policy_is_told_to_look_again(branch: Branch) -> None:
    fill(branch, membership=100)
    known = policy_version()
    bump_policy()

    answer = reserve(branch.membership, 1, policy_version=known)

    assert (answer.outcome, answer.policy_version) == ("stale", known + 1)
    assert isinstance(problem_of(answer), PolicyChanged)


def test_a_caller_with_the_current_policy_is_admitted(branch: Branch) -> None:
    fill(branch, membership=100)

    answer = reserve(branch.membership, 1, policy_version=policy_version())

    assert answer.outcome == "reserved"


def test_a_suspended_account_reserves_nothing(branch: Branch) -> None:
    fill(branch, membership=100)
    set_suspended(is_suspended=True)

    answer = reserve(branch.membership, 1)

    assert answer.outcome == "suspended"
    assert isinstance(problem_of(answer), AccountSuspended)


# -- the same request again ------------------------------------------------------------------------


def test_a_repeated_request_holds_nothing_more(branch: Branch) -> None:
    fill(branch, membership=100)
    request_id = hold(branch.membership, 30)

    answer = reserve(branch.membership, 30, request_id=request_id)

    assert (answer.outcome, answer.state, answer.amount) == ("duplicate", "open", 30)
    assert answer.sources == (Source(branch.membership.pk, "membership", 30),)
    assert figures(branch.membership) == (100, 0, 30)
    assert isinstance(problem_of(answer), DuplicateRequest)


def test_a_repeated_request_of_an_ended_call_says_so(branch: Branch) -> None:
    fill(branch, membership=100)
    request_id = spend(branch.membership, 30)

    answer = reserve(branch.membership, 30, request_id=request_id)

    assert (answer.outcome, answer.state) == ("duplicate", "ended")
    assert figures(branch.membership) == (100, 30, 0)


def test_a_repeat_is_answered_even_after_the_policy_changed(branch: Branch) -> None:
    fill(branch, membership=100)
    known = policy_version()
    request_id = hold(branch.membership, 30, policy_version=known)
    bump_policy()

    answer = reserve(branch.membership, 30, request_id=request_id, policy_version=known)

    assert answer.outcome == "duplicate"


@pytest.mark.parametrize("is_ended", [False, True])
def test_a_request_id_used_for_another_call_is_refused(branch: Branch, is_ended: bool) -> None:
    fill(branch, membership=100)
    request_id = hold(branch.membership, 30)
    if is_ended:
        settle(request_id, 30)

    answer = reserve(branch.membership, 30, request_id=request_id, fingerprint="another")

    assert answer.outcome == "mismatch"
    assert isinstance(problem_of(answer), IdempotencyMismatch)


# -- what is kept ----------------------------------------------------------------------------------


def test_a_reservation_keeps_what_its_settlement_needs(branch: Branch) -> None:
    fill(branch, membership=100, overflow=5)
    subject = uuid7()
    found = cap(branch.book, subject, 50, window="cycle")
    request = reserve_request(
        branch.membership,
        30,
        cap_subjects=(subject,),
        estimate_microcredits=7,
        factor_version=3,
        price_version="2026-11",
        policy_version=policy_version(),
    )

    hold(branch.membership, 30, request_id=request.request_id, cap_subjects=(subject,),
         estimate_microcredits=7, factor_version=3, price_version="2026-11")  # fmt: skip

    kept = Reservation.objects.get(pk=request.request_id)
    assert kept.payers == [branch.membership.pk, branch.overflow.pk]
    assert kept.main_wallet_id == branch.membership.pk
    assert [UUID(one["cap"]) for one in kept.caps] == [found.pk]
    assert (kept.amount, kept.estimate, kept.reported) == (30, 7, 0)
    assert (kept.factor_version, kept.price_version) == (3, "2026-11")
    assert kept.dispatched_at is not None
