"""What allocation rules give out at the start of a cycle."""

from uuid import UUID

from hypothesis import given
from hypothesis.strategies import booleans, integers, lists, tuples

from core.credits.replay import Standing, in_proportion, replay

TOP, ONE, TWO, THREE, POOL, TEAM, SEAT = (UUID(int=number) for number in range(7))


def rule(
    wallet: UUID, amount: int, parent: UUID = TOP, level: int = 0, pinned: bool = False
) -> Standing:
    return Standing(wallet=wallet, parent=parent, level=level, amount=amount, pinned=pinned)


def test_everybody_gets_what_the_rule_says_if_there_is_enough() -> None:
    found = replay([rule(ONE, 60), rule(TWO, 30), rule(POOL, 10)], has={TOP: 100})

    assert found.given == {ONE: 60, TWO: 30, POOL: 10}
    assert found.shortfall == 0


def test_too_little_is_shared_in_proportion_and_adds_up() -> None:
    found = replay([rule(ONE, 60), rule(TWO, 30), rule(POOL, 10)], has={TOP: 33})

    assert found.given == {ONE: 20, TWO: 10, POOL: 3}
    assert found.shortfall == 67


def test_pinned_rules_come_first() -> None:
    found = replay([rule(ONE, 60), rule(TWO, 30, pinned=True), rule(THREE, 60)], has={TOP: 50})

    assert found.given == {ONE: 10, TWO: 30, THREE: 10}


def test_pinned_rules_share_what_is_not_enough_for_themselves() -> None:
    found = replay([rule(ONE, 60, pinned=True), rule(TWO, 30, pinned=True)], has={TOP: 9})

    assert found.given == {ONE: 6, TWO: 3}


def test_what_a_parent_got_too_little_its_children_get_too_little() -> None:
    rules = [
        rule(ONE, 100),
        rule(TEAM, 80, parent=ONE, level=1),
        rule(SEAT, 50, parent=TEAM, level=2),
    ]

    found = replay(rules, has={TOP: 40})

    assert found.given == {ONE: 40, TEAM: 40, SEAT: 40}
    assert found.shortfall == 60 + 40 + 10


def test_what_has_rolled_over_into_a_parent_helps_its_children() -> None:
    rules = [rule(ONE, 100), rule(TEAM, 80, parent=ONE, level=1)]

    found = replay(rules, has={TOP: 40, ONE: 25})

    assert found.given == {ONE: 40, TEAM: 65}


def test_a_parent_in_the_red_is_covered_before_it_gives() -> None:
    rules = [rule(ONE, 100), rule(TEAM, 80, parent=ONE, level=1)]

    found = replay(rules, has={TOP: 100, ONE: -70})

    assert found.given == {ONE: 100, TEAM: 30}


def test_the_order_in_which_rules_come_does_not_matter() -> None:
    rules = [rule(ONE, 7), rule(TWO, 7), rule(THREE, 7)]

    assert replay(rules, has={TOP: 10}) == replay(reversed(rules), has={TOP: 10})
    assert replay(rules, has={TOP: 10}).given == {ONE: 4, TWO: 3, THREE: 3}


@given(lists(integers(0, 10**15), max_size=20), integers(0, 10**16))
def test_parts_add_up_and_are_in_proportion(wanted: list[int], available: int) -> None:
    parts = in_proportion(wanted, available)

    assert sum(parts) == min(sum(wanted), available)
    for part, want in zip(parts, wanted, strict=True):
        assert 0 <= part <= want
        if sum(wanted) > available:
            assert abs(part * sum(wanted) - want * available) < sum(wanted)


@given(lists(tuples(integers(0, 50), booleans()), max_size=6), integers(-20, 100))
def test_no_more_is_given_than_there_is(rows: list[tuple[int, bool]], has: int) -> None:
    rules = [
        rule(UUID(int=10 + place), amount, pinned=pinned)
        for place, (amount, pinned) in enumerate(rows)
    ]

    found = replay(rules, has={TOP: has})

    assert sum(found.given.values()) <= max(has, 0)
    assert sum(found.given.values()) + found.shortfall == sum(amount for amount, _pinned in rows)
    if any(not one.pinned and found.given[one.wallet] for one in rules):
        assert all(found.given[one.wallet] == one.amount for one in rules if one.pinned)
