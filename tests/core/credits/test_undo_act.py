"""Undo: the same credits the other way, and the rules as they were."""

import pytest

from core.credits.errors import (
    AlreadyUndone,
    CannotUndo,
    CycleEnded,
    IdempotencyMismatch,
    InsufficientCredits,
    InvalidAmount,
    OutsideTheSource,
)
from core.credits.invariants import broken_invariants
from core.credits.models import Act, AllocationRule, Cycle, Split, Transfer, Wallet
from core.credits.services import allocating, undoing
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    a_key,
    allocate,
    figures,
    free_in,
    hold,
    open_branch,
    override,
    reclaim,
    seats,
    spend,
    split,
    top_up,
    undo,
)


@pytest.fixture
def two(branch: Branch) -> list[Wallet]:
    """Two members of a team that has 100."""
    allocate(branch.organization, 500)
    allocate(branch.team, 100)
    return seats(branch.team, 2)


def move(source: Wallet, destination: Wallet, amount: int, key: str = "") -> Act:
    return allocating.move_credits(
        source=source,
        destination=destination,
        amount=amount,
        actor=TESTS,
        idempotency_key=key or a_key(),
    )


def amounts(wallets: list[Wallet]) -> list[int | None]:
    rules = dict(AllocationRule.objects.values_list("wallet_id", "amount"))
    return [rules.get(wallet.pk) for wallet in wallets]


def test_an_allocation_is_undone_with_its_rule(branch: Branch, two: list[Wallet]) -> None:
    allocate(two[0], 20)
    act = allocate(two[0], 50)

    undo(act)

    assert free_in(two[0]) == 20
    assert amounts(two) == [20, None]


def test_a_first_allocation_leaves_no_rule(branch: Branch, two: list[Wallet]) -> None:
    undo(allocate(two[0], 50))

    assert amounts(two) == [None, None]
    assert free_in(branch.team) == 100


def test_a_removed_allocation_comes_back(branch: Branch, two: list[Wallet]) -> None:
    allocate(two[0], 50)
    act = allocating.remove_allocation(wallet=two[0], actor=TESTS, idempotency_key=a_key())

    undo(act)

    assert (free_in(two[0]), amounts(two)[0]) == (50, 50)


def test_a_split_is_undone_as_a_whole(branch: Branch, two: list[Wallet]) -> None:
    allocate(two[0], 10)
    act = split(branch.team, two, 80, keeps_overrides=False)

    undo(act)

    assert (free_in(branch.team), free_in(two[0]), free_in(two[1])) == (90, 10, 0)
    assert amounts(two) == [10, None]
    assert broken_invariants() == []


def test_the_split_before_is_in_force_again(branch: Branch, two: list[Wallet]) -> None:
    first = split(branch.team, two, 40, level="membership")
    second = split(branch.team, two, 60, level="membership")

    undo(second)

    assert Split.objects.get(ended_by=None).act == first
    assert {rule.split.act for rule in AllocationRule.objects.filter(wallet__in=two)} == {first}  # type: ignore[union-attr]
    assert [free_in(wallet) for wallet in two] == [20, 20]


@pytest.mark.parametrize("how", ["pinned", "added"])
def test_an_override_is_undone(branch: Branch, two: list[Wallet], how: str) -> None:
    split(branch.team, two, 60)
    act = override(two[0], 40, how)  # type: ignore[arg-type]

    undo(act)

    assert [free_in(wallet) for wallet in two] == [30, 30]
    assert set(AllocationRule.objects.filter(wallet__in=two).values_list("mode", flat=True)) == {
        "equal_share"
    }


def test_top_ups_reclaims_and_moves_are_undone(branch: Branch, two: list[Wallet]) -> None:
    allocate(two[0], 50)
    before = [figures(wallet) for wallet in (branch.team, *two)]
    acts = [top_up(two[0], 5), reclaim(two[0], 8), move(two[0], two[1], 9)]

    for act in reversed(acts):
        undo(act)

    assert [figures(wallet) for wallet in (branch.team, *two)] == before


def test_what_was_used_since_cannot_go_back(branch: Branch, two: list[Wallet]) -> None:
    act = split(branch.team, two, 80)
    spend(two[0], 10)
    hold(two[1], 5)

    with pytest.raises(CannotUndo) as caught:
        undo(act)

    assert caught.value.extensions == {"total": "0.00008", "undoable": "0.000065"}
    assert undoing.plan_undo(act) == undoing.Undo(80, 65, caught.value.detail)
    assert [free_in(wallet) for wallet in two] == [30, 35]
    assert not Act.objects.filter(undoes=act).exists()


def test_a_rule_that_was_changed_since_is_not_overwritten(
    branch: Branch, two: list[Wallet]
) -> None:
    act = allocate(two[0], 50)
    later = allocate(two[0], 30)

    with pytest.raises(CannotUndo, match="Undo that first"):
        undo(act)
    undo(later)
    undo(act)

    assert amounts(two) == [None, None]


def test_nothing_is_undone_twice(branch: Branch, two: list[Wallet]) -> None:
    act = allocate(two[0], 50)
    assert undoing.plan_undo(act) == undoing.Undo(50, 50, "")
    first = undo(act, key="same")

    with pytest.raises(AlreadyUndone):
        undo(act)

    assert undo(act, key="same") == first
    assert undoing.plan_undo(act).obstacle == "This was undone before."
    assert free_in(two[0]) == 0


def test_a_key_of_another_act_is_refused(branch: Branch, two: list[Wallet]) -> None:
    act = allocate(two[0], 50, key="same")

    with pytest.raises(IdempotencyMismatch):
        undo(act, key="same")

    assert free_in(two[0]) == 50


def test_grants_and_undos_are_not_undone(branch: Branch, two: list[Wallet]) -> None:
    back = undo(allocate(two[0], 50))

    for act in (Act.objects.get(verb="credits.granted", book=branch.book), back):
        with pytest.raises(CannotUndo):
            undo(act)


def test_what_moved_in_an_earlier_cycle_stays(branch: Branch, two: list[Wallet]) -> None:
    act = allocate(two[0], 50)
    Cycle.objects.filter(book=branch.book).update(starts_at="2100-01-01T00:00Z")

    with pytest.raises(CycleEnded):
        undo(act)

    assert undoing.plan_undo(act).obstacle.startswith("It belongs to an earlier cycle.")


# -- between nodes ---------------------------------------------------------------------------------


def test_siblings_pass_credits_on_through_their_parent(branch: Branch, two: list[Wallet]) -> None:
    allocate(two[0], 50)
    before = figures(branch.team)

    act = move(two[0], two[1], 20)

    assert [free_in(wallet) for wallet in two] == [30, 20]
    assert figures(branch.team) == before
    assert amounts(two) == [50, None]
    assert set(Transfer.objects.filter(act=act).values_list("kind", "amount")) == {
        ("reclaim", 20),
        ("allocate", 20),
    }


def test_the_pool_is_a_sibling_of_organizations(branch: Branch, two: list[Wallet]) -> None:
    move(branch.organization, branch.pool, 100)

    assert (free_in(branch.organization), free_in(branch.pool)) == (300, 100)
    assert free_in(branch.unallocated) == 500


def test_only_free_credits_move(branch: Branch, two: list[Wallet]) -> None:
    allocate(two[0], 50)
    hold(two[0], 40)

    with pytest.raises(InsufficientCredits):
        move(two[0], two[1], 11)

    assert [free_in(wallet) for wallet in two] == [10, 0]


@pytest.mark.parametrize("amount", [-1, 0])
def test_an_amount_that_cannot_move_is_refused(
    branch: Branch, two: list[Wallet], amount: int
) -> None:
    with pytest.raises(InvalidAmount):
        move(branch.team, two[0], amount)


def test_nothing_moves_to_itself_out_of_the_tree_or_to_another_book(
    branch: Branch, two: list[Wallet]
) -> None:
    other = open_branch("another", grant=100)

    with pytest.raises(InvalidAmount):
        move(branch.team, branch.team, 1)
    for destination in (branch.overflow, branch.unallocated, other.organization):
        with pytest.raises(OutsideTheSource):
            move(branch.team, destination, 1)

    assert free_in(branch.team) == 100


def test_a_move_repeated_moves_once(branch: Branch, two: list[Wallet]) -> None:
    first = move(branch.team, two[0], 10, key="same")

    assert move(branch.team, two[0], 10, key="same") == first
    with pytest.raises(IdempotencyMismatch):
        move(branch.team, two[1], 10, key="same")
    assert free_in(two[0]) == 10


def test_the_total_that_a_split_lowered_is_as_it_was(branch: Branch, two: list[Wallet]) -> None:
    first = split(branch.team, two, 40, level="membership")
    second = split(branch.team, two[:1], 10)
    assert Split.objects.get(act=first).in_force == 20

    undo(second)

    assert Split.objects.get(act=first).in_force == 40
    assert (amounts(two), free_in(branch.team)) == ([20, 20], 60)
