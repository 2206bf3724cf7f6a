"""What pages read of the ledger."""

import pytest
from django.db import transaction

from core.credits import selectors
from core.credits.models import (
    Act,
    AllocationRule,
    Cap,
    CapCounter,
    Cycle,
    CycleState,
    Label,
    Reservation,
    Transfer,
    UsageEvent,
)
from core.credits.selectors import open_cycle_of
from core.credits.services.locking import hold_cycle
from core.kit.ids import uuid7
from tests.factories.credits import (
    Branch,
    allocate,
    balance,
    call_context,
    cap,
    hold,
    spend,
)


def test_balances_of_many_wallets_come_together(branch: Branch) -> None:
    allocate(branch.organization, 300)

    found = selectors.balances_of([branch.organization.pk, branch.team.pk])

    assert {pk: one.free for pk, one in found.items()} == {
        branch.organization.pk: 300,
        branch.team.pk: 0,
    }


def test_only_wallets_with_a_rule_have_an_allocation(branch: Branch) -> None:
    allocate(branch.organization, 300)
    allocate(branch.team, 0)

    wallets = [branch.organization.pk, branch.team.pk, branch.membership.pk]

    assert selectors.allocations_of(wallets) == {branch.organization.pk: 300, branch.team.pk: 0}


def test_what_is_left_is_neither_used_nor_held(branch: Branch) -> None:
    allocate(branch.organization, 300)
    spend(branch.organization, 100)
    hold(branch.organization, 50)

    assert selectors.figures_of(branch.book).left == 850


def test_a_book_between_two_cycles_has_none_to_hold(branch: Branch) -> None:
    Cycle.objects.filter(book=branch.book).update(state=CycleState.CLOSED)

    with pytest.raises(Cycle.DoesNotExist), transaction.atomic():
        hold_cycle(branch.book)


def test_every_row_reads_as_something(branch: Branch) -> None:
    subject = uuid7()
    cap(branch.book, subject, 500)
    allocate(branch.organization, 300)
    mia = uuid7()
    context = call_context(labels={str(mia): "Mia"})
    spend(branch.organization, 100, context=context)
    hold(branch.organization, 50, cap_subjects=(subject,))

    assert str(branch.book) == "testing"
    assert str(open_cycle_of(branch.book)) == "testing 1"
    assert str(branch.team) == f"team {branch.team.pk}"
    assert str(balance(branch.organization)) == "150 free"
    assert str(AllocationRule.objects.get()) == "fixed 300"
    assert str(Act.objects.get(verb="credits.allocated")) == "credits.allocated"
    assert str(Transfer.objects.get(kind="allocate")) == "allocate 300"
    assert str(Reservation.objects.get()) == "open 50"
    assert str(UsageEvent.objects.get()) == "gpt-5: 100"
    assert str(Cap.objects.get()) == "500 each day"
    assert str(CapCounter.objects.get()) == "0 used, 50 reserved"
    assert str(Label.objects.get(subject=mia)) == "Mia"
