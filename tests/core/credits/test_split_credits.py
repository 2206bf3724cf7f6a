"""Splitting equally: exact shares, overrides, flows through the tree, and what is refused."""

import pytest

from core.audit.models import AuditEntry
from core.audit.verbs import sentence_of
from core.credits.errors import (
    CycleEnded,
    IdempotencyMismatch,
    InsufficientCredits,
    InvalidAmount,
    NothingToSplit,
    NotInASplit,
    OutsideTheSource,
    PinnedTooMuch,
)
from core.credits.invariants import broken_invariants
from core.credits.models import Act, AllocationRule, Split, Transfer, Wallet, WalletKind
from core.credits.services import books, splitting
from core.credits.services.splitting import SplitWish
from core.kit.ids import uuid7
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
    override,
    seats,
    spend,
    split,
    top_up,
)


@pytest.fixture
def three(branch: Branch) -> list[Wallet]:
    """Three members of a team that has 100."""
    allocate(branch.organization, 500)
    allocate(branch.team, 100)
    return [*seats(branch.team, 2), branch.membership]


@pytest.fixture
def shared(branch: Branch, three: list[Wallet]) -> list[Wallet]:
    """They have shared 90 of it equally."""
    split(branch.team, three, 90)
    return three


def free(wallets: list[Wallet]) -> list[int]:
    return [free_in(wallet) for wallet in wallets]


def rule(wallet: Wallet) -> AllocationRule:
    return AllocationRule.objects.get(wallet=wallet)


def test_shares_are_equal_and_sum_exactly(branch: Branch, three: list[Wallet]) -> None:
    split(branch.team, three, 100)

    assert sorted(free(three)) == [33, 33, 34]
    assert free_in(min(three, key=lambda wallet: wallet.pk)) == 34
    assert free_in(branch.team) == 0


def test_a_share_is_a_rule_of_its_split(branch: Branch, shared: list[Wallet]) -> None:
    made = Split.objects.get()

    assert (made.source, made.total, made.level) == (branch.team, 90, "")
    assert {(rule(w).mode, rule(w).amount, rule(w).split_id) for w in shared} == {
        ("equal_share", 30, made.pk)
    }


def test_one_act_one_entry_and_a_transfer_for_each(branch: Branch, shared: list[Wallet]) -> None:
    act = Act.objects.get(verb="credits.split")
    entry = AuditEntry.objects.get(verb="credits.split")

    assert Transfer.objects.filter(act=act).count() == 3
    assert sentence_of(entry) == ("The tests split 0.00009 credits of Team equally into 3 shares")


def test_the_preview_is_what_is_applied(branch: Branch, three: list[Wallet]) -> None:
    spend(branch.team, 5)
    wish = SplitWish(source=branch.team, wallets=frozenset(w.pk for w in three), total=80)

    plan = splitting.plan_split(wish)
    assert not Transfer.objects.filter(to_wallet__in=three).exists()
    splitting.split_credits(wish=wish, actor=TESTS, idempotency_key=a_key())

    everybody = [branch.team, *three]
    assert {change.wallet: change.free_after for change in plan.changes} == {
        wallet.pk: free_in(wallet) for wallet in everybody
    }
    assert plan.changes[0].wallet == branch.team.pk


def test_credits_flow_through_what_stands_between(branch: Branch) -> None:
    allocate(branch.organization, 500)
    direct, *inside = *seats(branch.organization, 1), *seats(branch.team, 2)
    before = figures(branch.team)

    split(branch.organization, [direct, *inside], 300)

    assert free([direct, *inside]) == [100, 100, 100]
    assert figures(branch.team) == before
    assert not AllocationRule.objects.filter(wallet=branch.team).exists()
    through = Transfer.objects.get(from_wallet=branch.organization, to_wallet=branch.team)
    assert through.amount == 200


def test_everybody_can_share_what_is_unallocated(branch: Branch) -> None:
    alone = books.create_wallet(book=branch.book, kind=WalletKind.MEMBERSHIP, parent=None)

    split(branch.unallocated, [alone, branch.membership], 501)

    assert sorted(free([alone, branch.membership])) == [250, 251]
    assert free_in(branch.unallocated) == 499


def test_a_new_total_moves_the_differences(branch: Branch, shared: list[Wallet]) -> None:
    split(branch.team, shared, 60)

    assert free(shared) == [20, 20, 20]
    assert free_in(branch.team) == 40
    assert Transfer.objects.filter(kind="reclaim", amount=10).count() == 3


def test_amounts_of_their_own_are_kept_as_added(branch: Branch, three: list[Wallet]) -> None:
    allocate(three[0], 50)

    split(branch.team, three, 60)

    assert free(three) == [50, 20, 20]
    assert (rule(three[0]).mode, rule(three[0]).share) == ("fixed", 20)
    assert free_in(branch.team) == 10


def test_amounts_of_their_own_can_give_way(branch: Branch, three: list[Wallet]) -> None:
    allocate(three[0], 50)

    split(branch.team, three, 60, keeps_overrides=False)

    assert free(three) == [20, 20, 20]
    assert rule(three[0]).mode == "equal_share"


def test_a_pinned_override_lets_the_others_share_the_rest(
    branch: Branch, shared: list[Wallet]
) -> None:
    override(shared[1], 50, "pinned")

    assert free(shared) == [20, 50, 20]
    assert free_in(branch.team) == 10
    assert (rule(shared[1]).pinned, rule(shared[1]).share) == (True, 50)


def test_an_added_override_is_the_parents(branch: Branch, shared: list[Wallet]) -> None:
    override(shared[1], 35, "added")

    assert free(shared) == [30, 35, 30]
    assert free_in(branch.team) == 5
    assert (rule(shared[1]).pinned, rule(shared[1]).share) == (False, 30)


@pytest.mark.parametrize(("how", "others", "left"), [("pinned", 25, 10), ("added", 30, 0)])
def test_both_outcomes_can_be_seen_before(
    branch: Branch, shared: list[Wallet], how: splitting.How, others: int, left: int
) -> None:
    plan = splitting.plan_override(wallet=shared[1], amount=40, how=how)

    after = {change.wallet: change.free_after for change in plan.changes}
    assert [after[wallet.pk] for wallet in shared] == [others, 40, others]
    assert after[branch.team.pk] == left
    assert free(shared) == [30, 30, 30]


def test_overrides_outlive_a_new_total(branch: Branch, shared: list[Wallet]) -> None:
    override(shared[0], 40, "pinned")
    override(shared[1], 20, "added")

    split(branch.team, shared, 80)

    assert free(shared) == [40, 20, 20]
    assert free_in(branch.team) == 20


def test_an_override_ends_in_the_equal_share(branch: Branch, shared: list[Wallet]) -> None:
    override(shared[1], 50, "pinned")

    splitting.end_override(wallet=shared[1], actor=TESTS, idempotency_key=a_key())

    assert free(shared) == [30, 30, 30]
    assert rule(shared[1]).mode == "equal_share"


def test_a_second_split_from_elsewhere_leaves_the_old_share_to_the_parent(
    branch: Branch, three: list[Wallet]
) -> None:
    split(branch.organization, three, 30)

    split(branch.team, three, 60)

    assert free(three) == [20, 20, 20]
    assert free_in(branch.team) == 70
    assert free_in(branch.organization) == 370


def test_whoever_is_not_of_the_level_any_more_is_left_out(branch: Branch) -> None:
    allocate(branch.organization, 500)
    allocate(branch.team, 100)
    stays, goes = seats(branch.team, 2)
    split(branch.team, [stays, goes], 60, level="membership")
    spend(goes, 10)

    split(branch.team, [stays], 60, level="membership")

    assert (free_in(stays), free_in(goes)) == (60, 0)
    assert not AllocationRule.objects.filter(wallet=goes).exists()
    assert free_in(branch.team) == 30


def test_a_repeat_moves_nothing(branch: Branch, three: list[Wallet]) -> None:
    first = split(branch.team, three, 60, key="same")

    again = split(branch.team, three, 60, key="same")

    assert again == first
    assert free(three) == [20, 20, 20]


def test_a_repeat_for_a_level_may_find_somebody_new(branch: Branch, three: list[Wallet]) -> None:
    first = split(branch.team, three, 60, level="membership", key="same")

    again = split(branch.team, [*three, *seats(branch.team, 1)], 60, level="membership", key="same")

    assert again == first


# -- refused, and nothing moved --------------------------------------------------------------------


@pytest.fixture
def still(branch: Branch, three: list[Wallet]) -> list[tuple[int, int, int]]:
    return [figures(wallet) for wallet in (branch.unallocated, branch.team, *three)]


def assert_still(branch: Branch, three: list[Wallet], still: list[tuple[int, int, int]]) -> None:
    assert [figures(w) for w in (branch.unallocated, branch.team, *three)] == still
    assert not Split.objects.exists()
    assert broken_invariants() == []


def test_more_than_there_is_is_refused(
    branch: Branch, three: list[Wallet], still: list[tuple[int, int, int]]
) -> None:
    with pytest.raises(InsufficientCredits) as caught:
        split(branch.team, three, 101)

    assert caught.value.extensions["available"] == "0.0001"
    assert_still(branch, three, still)


@pytest.mark.parametrize("total", [-1, MAX_MICROCREDITS + 1])
def test_an_impossible_total_is_refused(
    branch: Branch, three: list[Wallet], still: list[tuple[int, int, int]], total: int
) -> None:
    with pytest.raises(InvalidAmount):
        split(branch.team, three, total)

    assert_still(branch, three, still)


def test_nobody_is_refused(
    branch: Branch, three: list[Wallet], still: list[tuple[int, int, int]]
) -> None:
    with pytest.raises(NothingToSplit):
        split(branch.team, [], 10)

    assert_still(branch, three, still)


def test_a_wallet_of_another_book_is_refused(
    branch: Branch, three: list[Wallet], still: list[tuple[int, int, int]]
) -> None:
    other = open_branch("another", grant=100)

    with pytest.raises(OutsideTheSource):
        split(branch.team, [*three, other.membership], 10)
    with pytest.raises(OutsideTheSource):
        split(branch.unallocated, [other.organization], 10)

    assert_still(branch, three, still)


def test_credits_only_go_down(
    branch: Branch, three: list[Wallet], still: list[tuple[int, int, int]]
) -> None:
    for source, wallet in ((branch.team, branch.organization), (branch.team, branch.team)):
        with pytest.raises(OutsideTheSource):
            split(source, [wallet], 10)

    assert_still(branch, three, still)


def test_a_replayed_key_with_another_body_is_refused(branch: Branch, three: list[Wallet]) -> None:
    split(branch.team, three, 60, key="same")

    for changed in ({"total": 61}, {"wallets": three[:2]}, {"keeps_overrides": False}):
        given = {"wallets": three, "total": 60, **changed}
        with pytest.raises(IdempotencyMismatch):
            split(branch.team, key="same", **given)  # type: ignore[arg-type]

    assert free(three) == [20, 20, 20]


def test_a_cycle_that_has_ended_is_refused(
    branch: Branch, three: list[Wallet], still: list[tuple[int, int, int]]
) -> None:
    with pytest.raises(CycleEnded):
        split(branch.team, three, 10, cycle=uuid7())

    assert_still(branch, three, still)


def test_a_share_never_falls_below_what_is_used_and_held(
    branch: Branch, shared: list[Wallet]
) -> None:
    spend(shared[0], 12)
    hold(shared[0], 7)

    with pytest.raises(InsufficientCredits) as caught:
        split(branch.team, shared, 54)
    split(branch.team, shared, 57)

    assert caught.value.extensions["wallet"] == str(shared[0].pk)
    assert caught.value.extensions["least_total"] == "0.000057"
    assert free(shared) == [0, 19, 19]


def test_pins_cannot_take_more_than_the_total(branch: Branch, shared: list[Wallet]) -> None:
    override(shared[0], 80, "pinned")

    with pytest.raises(PinnedTooMuch) as caught:
        split(branch.team, shared, 70)
    with pytest.raises(PinnedTooMuch):
        override(shared[1], 20, "pinned")

    assert caught.value.extensions == {"pinned": "0.00008", "total": "0.00007"}
    assert free(shared) == [80, 5, 5]


def test_an_override_needs_a_split(branch: Branch, three: list[Wallet]) -> None:
    with pytest.raises(NotInASplit):
        override(three[0], 10, "pinned")
    with pytest.raises(NotInASplit):
        splitting.end_override(wallet=three[0], actor=TESTS, idempotency_key=a_key())


def test_an_added_override_cannot_take_what_the_parent_lacks(
    branch: Branch, shared: list[Wallet]
) -> None:
    with pytest.raises(InsufficientCredits):
        override(shared[0], 41, "added")

    assert free(shared) == [30, 30, 30]


def test_a_top_up_stays_on_top_of_a_share(branch: Branch, shared: list[Wallet]) -> None:
    top_up(shared[0], 10)

    split(branch.team, shared, 60)

    assert free(shared) == [30, 20, 20]
