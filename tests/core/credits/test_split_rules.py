"""Equal shares and flows: arithmetic without a database."""

from uuid import UUID

from hypothesis import given, strategies as st

from core.credits.rules import Move, deltas_of
from core.credits.split_rules import (
    Spot,
    Standing,
    divided,
    equal_shares,
    moves_along,
    moves_between,
    nearest_above,
    path_between,
)

ROOT, ORG, OTHER, TEAM, ANN, BEN, CAT = (UUID(int=number) for number in range(1, 8))
SPLIT, OLD = UUID(int=100), UUID(int=101)
SPOTS = {
    ROOT: Spot(None, 0, "unallocated"),
    ORG: Spot(ROOT, 1, "organization"),
    OTHER: Spot(ROOT, 1, "organization"),
    TEAM: Spot(ORG, 2, "team"),
    ANN: Spot(TEAM, 3, "membership"),
    BEN: Spot(TEAM, 3, "membership"),
    CAT: Spot(ORG, 2, "membership"),
}

wallets = st.sets(st.uuids(), min_size=1, max_size=60)
amounts = st.integers(0, 9_000_000_000_000_000)
rules = st.none() | st.builds(
    Standing,
    amount=st.integers(0, 1000),
    mode=st.sampled_from(("fixed", "equal_share")),
    pinned=st.booleans(),
)


@given(total=amounts, sharing=wallets)
def test_shares_sum_exactly_and_differ_by_one_at_most(total: int, sharing: set[UUID]) -> None:
    shares = equal_shares(total, sharing)

    assert shares.keys() == sharing
    assert sum(shares.values()) == total
    assert max(shares.values()) - min(shares.values()) <= 1


@given(total=amounts, sharing=wallets)
def test_the_first_by_id_get_what_is_left_over(total: int, sharing: set[UUID]) -> None:
    shares = equal_shares(total, sharing)

    assert [shares[wallet] for wallet in sorted(sharing)] == sorted(shares.values(), reverse=True)


def test_ten_over_three() -> None:
    assert equal_shares(10, [CAT, ANN, BEN]) == {ANN: 4, BEN: 3, CAT: 3}


def test_nobody_shares_nothing() -> None:
    assert equal_shares(10, []) == {}


@given(standing=st.dictionaries(st.uuids(), rules, min_size=1, max_size=40), extra=amounts)
def test_shares_and_pins_sum_to_the_total(
    standing: dict[UUID, Standing | None], extra: int
) -> None:
    pinned = sum(rule.amount for rule in standing.values() if rule and rule.is_pinned)

    after = divided(split=SPLIT, total=pinned + extra, standing=standing)

    everybody_is_pinned = all(rule and rule.is_pinned for rule in standing.values())
    left = extra if everybody_is_pinned else 0
    assert sum(rule.share for rule in after.values()) == pinned + extra - left
    for wallet, rule in standing.items():
        if rule is not None and rule.is_override:
            assert after[wallet].amount == rule.amount


def test_a_pinned_override_leaves_the_rest_to_the_others() -> None:
    after = divided(
        split=SPLIT, total=100, standing={ANN: Standing(40, pinned=True), BEN: None, CAT: None}
    )

    assert [after[one].amount for one in (ANN, BEN, CAT)] == [40, 30, 30]


def test_an_added_override_leaves_the_others_their_shares() -> None:
    after = divided(split=SPLIT, total=90, standing={ANN: Standing(40), BEN: None, CAT: None})

    assert [after[one].amount for one in (ANN, BEN, CAT)] == [40, 30, 30]
    assert after[ANN].share == 30


def test_a_share_flows_through_what_stands_between() -> None:
    moves = moves_between(
        {}, {ANN: Standing(10, "equal_share", share=10, split=SPLIT)}, spots=SPOTS, source=ROOT
    )

    assert moves == (
        Move(ROOT, ORG, 10, "allocate"),
        Move(ORG, TEAM, 10, "allocate"),
        Move(TEAM, ANN, 10, "allocate"),
    )


def test_what_is_beyond_the_share_is_the_parents() -> None:
    moves = moves_between({}, {ANN: Standing(25, share=10, split=SPLIT)}, spots=SPOTS, source=ORG)

    assert deltas_of(moves) == {ORG: -10, TEAM: -15, ANN: 25}


def test_a_shift_between_siblings_does_not_reach_the_source() -> None:
    before = {w: Standing(10, "equal_share", share=10, split=SPLIT) for w in (ANN, BEN)}
    after = {
        ANN: Standing(4, pinned=True, share=4, split=SPLIT),
        BEN: Standing(16, "equal_share", share=16, split=SPLIT),
    }

    moves = moves_between(before, after, spots=SPOTS, source=ORG)

    assert moves == (Move(ANN, TEAM, 6, "reclaim"), Move(TEAM, BEN, 6, "allocate"))


flows = st.dictionaries(
    st.sampled_from((ORG, OTHER, TEAM, ANN, BEN, CAT)), st.integers(-50, 50), min_size=1
)


@given(flows=flows)
def test_moves_neither_make_nor_lose_credits(flows: dict[UUID, int]) -> None:
    moves = moves_along(flows, spots=SPOTS)

    assert sum(deltas_of(moves).values()) == 0
    assert all(move.amount > 0 for move in moves)


def test_the_way_between_two_nodes_turns_at_the_nearest_above_both() -> None:
    assert path_between(ANN, CAT, spots=SPOTS) == ([ANN, TEAM], [CAT])
    assert path_between(ANN, BEN, spots=SPOTS) == ([ANN], [BEN])
    assert path_between(ANN, TEAM, spots=SPOTS) == ([ANN], [])
    assert path_between(OTHER, TEAM, spots=SPOTS) == ([OTHER], [TEAM, ORG])


def test_credits_for_several_come_from_the_nearest_above_all() -> None:
    assert nearest_above([ANN, BEN], spots=SPOTS) == TEAM
    assert nearest_above([ANN, CAT], spots=SPOTS) == ORG
    assert nearest_above([ANN, OTHER], spots=SPOTS) == ROOT
    assert nearest_above([], spots=SPOTS) is None
