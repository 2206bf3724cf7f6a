"""Joiners are served by the split in force; leavers give back what is left."""

import pytest

from core.audit.models import AuditEntry
from core.credits.invariants import broken_invariants
from core.credits.models import AllocationRule, Wallet
from core.credits.services.joining import reclaim_from_leaver, serve_joiner
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    allocate,
    free_in,
    hold,
    override,
    seats,
    settle,
    spend,
    split,
    top_up,
    undo,
)


@pytest.fixture
def two(branch: Branch) -> list[Wallet]:
    """All two members of a team share 60 of its 100, and whoever joins is served."""
    allocate(branch.organization, 500)
    allocate(branch.team, 100)
    found = seats(branch.team, 2)
    split(branch.team, found, 60, level="membership")
    return found


def joiner(branch: Branch, parent: Wallet | None = None) -> Wallet:
    wallet = seats(parent or branch.team, 1)[0]
    serve_joiner(wallet=wallet, actor=TESTS, label="Joe")
    return wallet


def test_a_joiner_gets_the_share_in_force(branch: Branch, two: list[Wallet]) -> None:
    new = joiner(branch)

    assert (free_in(new), free_in(branch.team)) == (30, 10)
    assert AllocationRule.objects.get(wallet=new).mode == "equal_share"
    assert AuditEntry.objects.get(verb="credits.joiner_served").target_label == "Joe"


def test_a_joiner_gets_no_more_than_is_free(branch: Branch, two: list[Wallet]) -> None:
    joiner(branch)

    late, later = joiner(branch), joiner(branch)

    assert (free_in(late), free_in(later), free_in(branch.team)) == (10, 0, 0)
    assert AllocationRule.objects.get(wallet=later).amount == 0
    assert broken_invariants() == []


def test_a_joiner_has_what_the_others_have_though_some_have_left(
    branch: Branch, two: list[Wallet]
) -> None:
    """What a leaver had is divided among the others when the next cycle begins, not before."""
    reclaim_from_leaver(wallet=two[0], actor=TESTS)

    assert (free_in(joiner(branch)), free_in(two[1])) == (30, 30)

    split(branch.team, [two[1]], 5)
    assert free_in(joiner(branch)) == 30


def test_pinned_overrides_do_not_count_for_a_joiner(branch: Branch, two: list[Wallet]) -> None:
    override(two[0], 45, "pinned")

    assert free_in(joiner(branch)) == 15


def test_the_nearest_split_serves(branch: Branch, two: list[Wallet]) -> None:
    everybody = seats(branch.organization, 1)
    split(branch.organization, everybody, 70, level="membership")

    assert free_in(joiner(branch)) == 30
    assert free_in(joiner(branch, branch.organization)) == 70


def test_a_share_from_further_up_flows_through(branch: Branch) -> None:
    allocate(branch.organization, 100)
    split(branch.organization, [branch.membership], 20, level="membership")

    new = joiner(branch)

    assert (free_in(new), free_in(branch.team), free_in(branch.organization)) == (20, 0, 60)


def test_without_a_split_for_its_level_nobody_is_served(branch: Branch) -> None:
    allocate(branch.organization, 100)
    split(branch.organization, [branch.team], 20, level="team")
    split(branch.organization, [branch.membership], 20)

    new = joiner(branch)

    assert free_in(new) == 0
    assert not AllocationRule.objects.filter(wallet=new).exists()


def test_a_split_that_was_undone_serves_nobody(branch: Branch, two: list[Wallet]) -> None:
    undo(split(branch.team, two, 80, level="membership"))
    assert free_in(joiner(branch)) == 30

    undo_all = split(branch.team, two, 40, level="membership")
    undo(undo_all)

    assert broken_invariants() == []


def test_who_joined_before_the_undo_keeps_an_amount_of_their_own(
    branch: Branch, two: list[Wallet]
) -> None:
    act = split(branch.team, two, 50, level="membership")
    new = joiner(branch)

    undo(act)

    rule = AllocationRule.objects.get(wallet=new)
    assert (rule.mode, rule.amount, rule.split) == ("fixed", 25, None)
    assert free_in(new) == 25


def test_a_joiner_takes_part_in_the_next_split(branch: Branch, two: list[Wallet]) -> None:
    new = joiner(branch)

    split(branch.team, [*two, new], 60, level="membership")

    assert [free_in(wallet) for wallet in (*two, new)] == [20, 20, 20]


def test_a_leavers_remainder_goes_back(branch: Branch, two: list[Wallet]) -> None:
    spend(two[0], 12)

    back = reclaim_from_leaver(wallet=two[0], actor=TESTS)

    assert (back, free_in(two[0]), free_in(branch.team)) == (18, 0, 58)
    assert not AllocationRule.objects.filter(wallet=two[0]).exists()
    assert free_in(two[1]) == 30


def test_a_leavers_share_goes_back_to_where_it_came_from(branch: Branch) -> None:
    allocate(branch.organization, 100)
    split(branch.organization, [branch.membership], 20)
    top_up(branch.organization, 5)
    allocate(branch.team, 5)
    top_up(branch.membership, 5)

    reclaim_from_leaver(wallet=branch.membership, actor=TESTS)

    assert (free_in(branch.organization), free_in(branch.team)) == (100, 5)


def test_what_running_calls_hold_stays_until_they_end(branch: Branch, two: list[Wallet]) -> None:
    call = hold(two[0], 20)

    back = reclaim_from_leaver(wallet=two[0], actor=TESTS)
    settle(call, 5)

    assert (back, free_in(two[0])) == (10, 15)


def test_somebody_with_nothing_leaves_without_a_trace(branch: Branch) -> None:
    assert reclaim_from_leaver(wallet=branch.membership, actor=TESTS) == 0

    assert not AuditEntry.objects.filter(verb="credits.leaver_reclaimed").exists()
