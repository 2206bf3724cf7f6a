"""Moving credits by hand: grant, take back, allocate, top up, reclaim, remove."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from core.audit.models import AuditEntry
from core.credits.errors import IdempotencyMismatch, InsufficientCredits, InvalidAmount
from core.credits.models import Act, AllocationRule, Transfer
from core.credits.selectors import balance_of, figures_of
from core.credits.services import allocating
from core.kit.money import MAX_MICROCREDITS
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    a_key,
    allocate,
    figures,
    free_in,
    hold,
    open_branch,
    reclaim,
    set_overflow,
    settle,
    spend,
    top_up,
)


def grant(branch: Branch, amount: int, key: str = "") -> Act:
    return allocating.grant_credits(
        book=branch.book, amount=amount, actor=TESTS, idempotency_key=key or a_key()
    )


def take_back(branch: Branch, amount: int) -> Act:
    return allocating.take_back_credits(
        book=branch.book, amount=amount, actor=TESTS, idempotency_key=a_key()
    )


def test_a_grant_lies_in_unallocated(branch: Branch) -> None:
    grant(branch, 500)

    assert free_in(branch.unallocated) == 1500


def test_unallocated_credits_can_be_taken_back(branch: Branch) -> None:
    take_back(branch, 300)

    assert free_in(branch.unallocated) == 700
    assert figures_of(branch.book).granted == 700


def test_allocated_credits_cannot_be_taken_back(branch: Branch) -> None:
    allocate(branch.organization, 900)

    with pytest.raises(InsufficientCredits):
        take_back(branch, 101)

    assert free_in(branch.unallocated) == 100


def test_an_organization_draws_its_allocation_from_unallocated(branch: Branch) -> None:
    allocate(branch.organization, 400)

    assert free_in(branch.unallocated) == 600
    assert free_in(branch.organization) == 400


def test_each_level_draws_on_the_one_above(branch: Branch) -> None:
    allocate(branch.organization, 400)
    allocate(branch.team, 300)
    allocate(branch.membership, 50)

    assert free_in(branch.organization) == 100
    assert free_in(branch.team) == 250
    assert free_in(branch.membership) == 50


def test_the_pool_draws_on_unallocated(branch: Branch) -> None:
    allocating.allocate_to_pool(book=branch.book, amount=70, actor=TESTS, idempotency_key=a_key())

    assert free_in(branch.pool) == 70
    assert AllocationRule.objects.get(wallet=branch.pool).amount == 70


def test_a_larger_allocation_moves_the_difference_down(branch: Branch) -> None:
    allocate(branch.organization, 400)

    allocate(branch.organization, 450)

    assert free_in(branch.organization) == 450
    kinds = Transfer.objects.filter(to_wallet=branch.organization).values_list("kind", "amount")
    assert list(kinds) == [("allocate", 400), ("allocate", 50)]


def test_a_smaller_allocation_moves_the_difference_back(branch: Branch) -> None:
    allocate(branch.organization, 400)

    allocate(branch.organization, 150)

    assert free_in(branch.organization) == 150
    assert free_in(branch.unallocated) == 850


def test_an_allocation_of_zero_is_an_allocation(branch: Branch) -> None:
    allocate(branch.organization, 0)

    assert AllocationRule.objects.get(wallet=branch.organization).amount == 0
    assert not Transfer.objects.filter(to_wallet=branch.organization).exists()


def test_a_top_up_stays_on_top_of_a_changed_allocation(branch: Branch) -> None:
    allocate(branch.organization, 400)
    top_up(branch.organization, 30)

    allocate(branch.organization, 100)

    assert free_in(branch.organization) == 130


def test_an_allocation_cannot_exceed_what_the_parent_has_free(branch: Branch) -> None:
    allocate(branch.organization, 100)

    with pytest.raises(InsufficientCredits) as caught:
        allocate(branch.team, 101)

    assert caught.value.extensions == {
        "asked": "0.000101",
        "available": "0.0001",
        "wallet": str(branch.organization.pk),
        "wallet_kind": "organization",
    }
    assert not AllocationRule.objects.filter(wallet=branch.team).exists()


def test_reserved_credits_cannot_be_allocated(branch: Branch) -> None:
    allocate(branch.organization, 100)
    hold(branch.organization, 80)

    with pytest.raises(InsufficientCredits):
        allocate(branch.team, 30)

    assert figures(branch.organization) == (100, 0, 80)


def test_an_allocation_cannot_shrink_below_use(branch: Branch) -> None:
    allocate(branch.organization, 100)
    spend(branch.organization, 80)

    with pytest.raises(InsufficientCredits):
        allocate(branch.organization, 70)

    assert AllocationRule.objects.get(wallet=branch.organization).amount == 100


def test_a_credit_line_cannot_be_passed_on(branch: Branch) -> None:
    set_overflow(branch.book, 500)

    with pytest.raises(InsufficientCredits):
        allocate(branch.organization, 1001)


def test_free_credits_can_be_reclaimed(branch: Branch) -> None:
    allocate(branch.organization, 100)

    reclaim(branch.organization, 60)

    assert free_in(branch.organization) == 40
    assert free_in(branch.unallocated) == 960
    assert AllocationRule.objects.get(wallet=branch.organization).amount == 100


def test_a_reclaim_stops_at_what_is_used_and_reserved(branch: Branch) -> None:
    allocate(branch.organization, 100)
    spend(branch.organization, 30)
    hold(branch.organization, 20)

    with pytest.raises(InsufficientCredits):
        reclaim(branch.organization, 51)
    reclaim(branch.organization, 50)

    assert free_in(branch.organization) == 0


def test_what_comes_in_covers_an_overrun_first(branch: Branch) -> None:
    allocate(branch.organization, 100)
    settle(hold(branch.organization, 100), 130)

    top_up(branch.organization, 20)
    balance = balance_of(branch.organization)
    assert (balance.overrun, balance.free) == (10, -10)

    top_up(branch.organization, 20)
    balance = balance_of(branch.organization)
    assert (balance.overrun, balance.free) == (0, 10)


def test_a_removed_allocation_sends_the_rest_back(branch: Branch) -> None:
    allocate(branch.organization, 100)
    spend(branch.organization, 30)

    allocating.remove_allocation(wallet=branch.organization, actor=TESTS, idempotency_key=a_key())

    assert free_in(branch.organization) == 0
    assert free_in(branch.unallocated) == 970
    assert not AllocationRule.objects.filter(wallet=branch.organization).exists()


def test_removing_an_allocation_with_nothing_left_moves_nothing(branch: Branch) -> None:
    allocate(branch.organization, 100)
    settle(hold(branch.organization, 100), 130)

    act = allocating.remove_allocation(
        wallet=branch.organization, actor=TESTS, idempotency_key=a_key()
    )

    assert not act.transfers.exists()
    assert balance_of(branch.organization).overrun == 30


# -- idempotency -----------------------------------------------------------------------------------


@pytest.mark.parametrize("move", [allocate, top_up])
def test_a_repeat_with_the_same_key_moves_nothing(branch: Branch, move: Callable[..., Act]) -> None:
    first = move(branch.organization, 100, key="k")

    again = move(branch.organization, 100, key="k")

    assert again == first
    assert free_in(branch.organization) == 100
    assert Transfer.objects.filter(act=first).count() == 1


def test_a_repeated_removal_moves_nothing(branch: Branch) -> None:
    allocate(branch.organization, 100)
    first = allocating.remove_allocation(
        wallet=branch.organization, actor=TESTS, idempotency_key="k"
    )
    allocate(branch.organization, 100)

    again = allocating.remove_allocation(
        wallet=branch.organization, actor=TESTS, idempotency_key="k"
    )

    assert again == first
    assert free_in(branch.organization) == 100


def test_a_late_repeat_does_not_undo_what_came_after(branch: Branch) -> None:
    allocate(branch.organization, 100)
    allocate(branch.organization, 100, key="changes nothing")
    allocate(branch.organization, 40)

    allocate(branch.organization, 100, key="changes nothing")

    assert free_in(branch.organization) == 40


@pytest.mark.parametrize("amount", [99, 101])
def test_a_key_used_for_another_amount_is_refused(branch: Branch, amount: int) -> None:
    allocate(branch.organization, 100, key="k")

    with pytest.raises(IdempotencyMismatch):
        allocate(branch.organization, amount, key="k")

    assert free_in(branch.organization) == 100


def test_a_key_used_for_another_act_is_refused(branch: Branch) -> None:
    top_up(branch.organization, 100, key="k")

    with pytest.raises(IdempotencyMismatch):
        reclaim(branch.organization, 100, key="k")


def test_a_key_used_in_another_book_is_refused(branch: Branch) -> None:
    other = open_branch("another")
    grant(branch, 100, key="k")

    with pytest.raises(IdempotencyMismatch):
        grant(other, 100, key="k")


def test_a_failed_act_gives_its_key_back(branch: Branch) -> None:
    with pytest.raises(InsufficientCredits):
        allocate(branch.organization, 2000, key="k")
    grant(branch, 1000)

    allocate(branch.organization, 2000, key="k")

    assert free_in(branch.organization) == 2000


# -- what cannot move ------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [0, -1, MAX_MICROCREDITS + 1])
@pytest.mark.parametrize("move", [top_up, reclaim])
def test_only_a_positive_amount_moves(
    branch: Branch, move: Callable[..., Act], amount: int
) -> None:
    with pytest.raises(InvalidAmount):
        move(branch.organization, amount)

    assert not Act.objects.filter(verb="credits.topped_up").exists()


@pytest.mark.parametrize("amount", [-1, MAX_MICROCREDITS + 1])
def test_an_allocation_is_not_negative_and_not_absurd(branch: Branch, amount: int) -> None:
    with pytest.raises(InvalidAmount):
        allocate(branch.organization, amount)


def test_the_database_refuses_a_transfer_between_books(branch: Branch) -> None:
    other = open_branch("another", grant=1000)
    transfer = Transfer.objects.filter(to_wallet=branch.unallocated).get()

    with pytest.raises(IntegrityError, match="transfer_to_its_book"), transaction.atomic():
        Transfer.objects.create(
            act=transfer.act,
            book=branch.book,
            cycle=transfer.cycle,
            from_wallet=branch.unallocated,
            to_wallet=other.organization,
            amount=1,
            kind="allocate",
        )


def test_the_database_refuses_an_overspent_balance(branch: Branch) -> None:
    balance = balance_of(branch.unallocated)
    balance.used = 1001

    with pytest.raises(IntegrityError, match="balance_not_overspent"), transaction.atomic():
        balance.save()


# -- the audit log ---------------------------------------------------------------------------------


def test_an_allocation_reads_as_a_sentence(branch: Branch) -> None:
    allocating.allocate_credits(
        wallet=branch.organization,
        amount=400,
        actor=TESTS,
        idempotency_key="k",
        reason="Spring campaign",
        label="Marketing",
    )

    entry = AuditEntry.objects.filter(verb="credits.allocated").get()
    assert entry.sentence == "The tests allocated 0.0004 credits to Marketing"
    assert (entry.reason, entry.product) == ("Spring campaign", "testing")


def test_a_changed_allocation_says_what_it_was(branch: Branch) -> None:
    allocate(branch.organization, 400)

    allocate(branch.organization, 500)

    entry = AuditEntry.objects.filter(verb="credits.allocation_changed").get()
    assert entry.sentence == (
        "The tests changed the allocation of Organization from 0.0004 to 0.0005 credits"
    )


def test_a_repeat_is_not_audited_again(branch: Branch) -> None:
    grant(branch, 5, key="k")
    grant(branch, 5, key="k")

    entries = AuditEntry.objects.filter(verb="credits.granted", after={"credits": "0.000005"})
    assert entries.count() == 1


def test_figures_of_a_book_account_for_every_credit(branch: Branch) -> None:
    allocate(branch.organization, 400)
    allocating.allocate_to_pool(book=branch.book, amount=70, actor=TESTS, idempotency_key="p")
    set_overflow(branch.book, 25)
    spend(branch.organization, 30)
    hold(branch.organization, 20)

    found = figures_of(branch.book)

    assert (found.granted, found.unallocated, found.pool) == (1000, 530, 70)
    assert (found.nodes, found.reserved, found.used) == (350, 20, 30)
    assert (found.overflow_limit, found.overflow_used) == (25, 0)
