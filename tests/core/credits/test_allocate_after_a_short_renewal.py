"""A new amount is what the node has in this cycle too, also where the renewal gave it less."""

import pytest

from core.credits.errors import InsufficientCredits
from core.credits.invariants import broken_invariants
from core.credits.models import AllocationRule, Plan
from core.credits.services import allocating, splitting
from core.credits.services.allocating_many import allocate_many
from core.credits.services.splitting import SplitWish
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    a_key,
    allocate,
    free_in,
    override,
    seats,
    spend,
    split,
    undo,
)
from tests.factories.cycles import at, begin_at, renew, set_plan


@pytest.fixture
def short(branch: Branch) -> Branch:
    """The organization is to have 800 a cycle, and got 500; 1,000 have been granted since."""
    set_plan(branch.book, grant=500)
    begin_at(branch.book, at("2026-01-01 00:00"), ends_at=at("2026-02-01 00:00"))
    allocate(branch.organization, 800)
    renew(branch.book)
    allocating.grant_credits(book=branch.book, amount=1000, actor=TESTS, idempotency_key=a_key())
    return branch


def short_of(branch: Branch) -> int:
    return AllocationRule.objects.get(wallet=branch.organization).short


def test_a_renewal_says_what_it_was_short_of(short: Branch) -> None:
    assert (free_in(short.organization), short_of(short)) == (500, 300)


@pytest.mark.parametrize("amount", [900, 800, 600, 500, 300])
def test_the_node_has_what_it_is_given(short: Branch, amount: int) -> None:
    allocate(short.organization, amount)

    assert (free_in(short.organization), short_of(short)) == (amount, 0)
    assert free_in(short.unallocated) == 1500 - amount
    assert broken_invariants() == []


def test_what_is_not_there_cannot_make_up_for_it(short: Branch) -> None:
    allocate(short.pool, 900)

    with pytest.raises(InsufficientCredits):
        allocate(short.organization, 800)

    assert short_of(short) == 300


def test_what_is_used_stays_used(short: Branch) -> None:
    spend(short.organization, 200)

    allocate(short.organization, 800)

    assert free_in(short.organization) == 600


def test_undoing_it_leaves_the_renewal_as_short_as_it_was(short: Branch) -> None:
    act = allocate(short.organization, 800)

    undo(act)

    assert (free_in(short.organization), short_of(short)) == (500, 300)


def test_a_file_makes_up_for_it_where_it_changes_the_amount(short: Branch) -> None:
    allocate_many(
        book=short.book,
        amounts={short.organization.pk: 700},
        actor=TESTS,
        idempotency_key=a_key(),
    )

    assert (free_in(short.organization), short_of(short)) == (700, 0)


def test_the_next_whole_renewal_is_short_of_nothing(short: Branch) -> None:
    Plan.objects.filter(book=short.book).update(grant=2000)
    renew(short.book)

    assert (free_in(short.organization), short_of(short)) == (800, 0)


def test_an_added_override_that_came_short_is_made_up_for(branch: Branch) -> None:
    set_plan(branch.book, grant=300)
    allocate(branch.organization, 900)
    one, other = seats(branch.organization, 2)
    split(branch.organization, [one, other], 200)
    override(one, 250, "added")
    renew(branch.book)
    allocating.grant_credits(book=branch.book, amount=900, actor=TESTS, idempotency_key=a_key())
    allocate(branch.organization, 900)
    before = (free_in(one), free_in(other))

    plan = splitting.plan_override(wallet=one, amount=260, how="added")
    override(one, 260, "added")

    # Of 300 the split asks for 200 and the override for 150 beyond its share.
    assert before == (86 + 129, 85)
    assert plan.flows == {one.pk: 260 - 215}
    assert (free_in(one), free_in(other)) == (260, 85)
    assert broken_invariants() == []


def test_the_least_total_counts_what_a_share_was_given(short: Branch) -> None:
    spend(short.organization, 450)

    plan = splitting.plan_split(
        SplitWish(
            source=short.unallocated,
            wallets=frozenset({short.organization.pk}),
            total=400,
            keeps_overrides=False,
        )
    )

    assert plan.least_total == 450
