"""Renewal divides the totals of splits anew, through whatever stands between."""

from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from core.credits.invariants import broken_invariants
from core.credits.models import AllocationRule, Split, Wallet
from core.credits.replay import Sharing, replay
from core.credits.services import allocating
from core.credits.services.joining import serve_joiner
from core.credits.split_rules import Standing
from core.kit.ids import uuid7
from tenants.models import Account
from tests.cast import TESTS
from tests.factories.credits import (
    Branch,
    a_key,
    allocate,
    free_in,
    open_branch,
    override,
    seats,
    spend,
    split,
    top_up,
)
from tests.factories.cycles import open_cycle, renew, set_plan


@pytest.fixture
def monthly(in_acme: Account) -> Branch:
    """1,000 a month, of which the organization gets 500 and the team 100 of those."""
    branch = open_branch()
    set_plan(branch.book, grant=1000)
    renew(branch.book)
    allocate(branch.organization, 500)
    allocate(branch.team, 100)
    return branch


def free(wallets: list[Wallet]) -> list[int]:
    return [free_in(wallet) for wallet in wallets]


def test_the_total_is_divided_anew(monthly: Branch) -> None:
    three = [*seats(monthly.team, 2), monthly.membership]
    split(monthly.team, three, 91)
    spend(three[0], 20)

    renew(monthly.book)

    assert sorted(free(three)) == [30, 30, 31]
    assert free_in(monthly.team) == 9
    assert broken_invariants() == []


def test_who_goes_into_another_split_leaves_the_others_their_share(monthly: Branch) -> None:
    allocate(monthly.team, 500)
    three = [*seats(monthly.team, 2), monthly.membership]
    split(monthly.team, three, 300, level="membership")
    split(monthly.team, three[:2], 100)

    renew(monthly.book)

    assert free(three) == [50, 50, 100]
    assert [one.in_force for one in Split.objects.order_by("id")] == [100, 100]
    assert broken_invariants() == []


def test_a_short_cycle_does_not_lower_what_the_others_are_owed(monthly: Branch) -> None:
    three = [*seats(monthly.team, 2), monthly.membership]
    split(monthly.team, three, 90)
    set_plan(monthly.book, grant=60)
    renew(monthly.book)
    renew(monthly.book)
    assert sum(free(three)) < 90
    set_plan(monthly.book, grant=1000)
    split(monthly.team, three[:1], 0)
    renew(monthly.book)

    renew(monthly.book)

    assert free(three) == [0, 30, 30]


def test_a_joiner_shares_from_then_on(monthly: Branch) -> None:
    two = seats(monthly.team, 2)
    split(monthly.team, two, 90, level="membership")
    joiner = seats(monthly.team, 1)[0]
    serve_joiner(wallet=joiner, actor=TESTS)
    before = free([*two, joiner])

    renew(monthly.book)

    assert before == [45, 45, 10]
    assert free([*two, joiner]) == [30, 30, 30]
    assert set(AllocationRule.objects.filter(wallet__in=two).values_list("amount", "share")) == {
        (30, 30)
    }


def test_overrides_hold(monthly: Branch) -> None:
    pinned, added, plain = seats(monthly.team, 3)
    split(monthly.team, [pinned, added, plain], 60)
    override(pinned, 30, "pinned")
    override(added, 25, "added")

    renew(monthly.book)

    assert free([pinned, added, plain]) == [30, 25, 15]
    assert free_in(monthly.team) == 30


def test_an_override_below_its_share_leaves_the_rest_to_its_parent(monthly: Branch) -> None:
    low, plain = seats(monthly.team, 2)
    split(monthly.organization, [low, plain], 80)
    override(low, 10, "added")
    before = (free_in(low), free_in(monthly.team))

    renew(monthly.book)

    assert (free_in(low), free_in(monthly.team)) == before == (10, 130)


def test_shares_flow_through_what_stands_between(monthly: Branch) -> None:
    two = [*seats(monthly.team, 1), *seats(monthly.organization, 1)]
    split(monthly.organization, two, 50)

    renew(monthly.book)

    assert free(two) == [25, 25]
    assert (free_in(monthly.team), free_in(monthly.organization)) == (100, 350)
    assert broken_invariants() == []


def test_with_too_little_each_split_gets_its_part(monthly: Branch) -> None:
    two = seats(monthly.organization, 2)
    split(monthly.organization, two, 300)
    set_plan(monthly.book, grant=200)
    renew(monthly.book)

    renew(monthly.book)

    # The organization gets 200 for its 500; of those the team asks for 100, the split for 300.
    assert free(two) == [75, 75]
    assert free_in(monthly.team) == 50
    assert open_cycle(monthly.book).shortfall == 500
    assert broken_invariants() == []


def test_a_pinned_override_that_came_short_is_made_up_for(monthly: Branch) -> None:
    pinned, plain = seats(monthly.team, 2)
    split(monthly.team, [pinned, plain], 90)
    override(pinned, 80, "pinned")
    set_plan(monthly.book, grant=50)
    renew(monthly.book)
    renew(monthly.book)
    short = free([pinned, plain])
    allocating.grant_credits(book=monthly.book, amount=100, actor=TESTS, idempotency_key=a_key())
    top_up(monthly.organization, 100)
    top_up(monthly.team, 100)

    split(monthly.team, [pinned, plain], 90)

    assert short == [50, 0]
    assert free([pinned, plain, monthly.team]) == [80, 10, 60]
    assert broken_invariants() == []


sharers = st.dictionaries(
    st.uuids(),
    st.builds(
        Standing,
        amount=st.integers(0, 50),
        mode=st.sampled_from(("fixed", "equal_share")),
        pinned=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@given(rules=sharers, total=st.integers(0, 200), has=st.integers(0, 300))
def test_nothing_is_given_twice_or_lost(rules: dict[UUID, Standing], total: int, has: int) -> None:
    source, between, split_id = uuid7(), uuid7(), uuid7()
    pinned = sum(rule.amount for rule in rules.values() if rule.is_pinned)
    sharing = Sharing(
        split=split_id,
        source=source,
        level=1,
        total=pinned + total,
        rules=rules,
        paths={wallet: [between, wallet] for wallet in rules},
    )

    replayed = replay([], has={source: has, between: 7}, splits=[sharing])

    leaves_the_source = replayed.given.get(between, 0)
    lands = sum(amount for wallet, amount in replayed.given.items() if wallet != between)
    assert leaves_the_source == sum(replayed.shares.values()) <= has
    assert lands <= leaves_the_source + 7
    equal = [replayed.shares[wallet] for wallet, rule in rules.items() if not rule.is_pinned]
    assert not equal or max(equal) - min(equal) <= 1
    if has >= sharing.wanted:
        assert sum(replayed.shares.values()) == sharing.wanted
