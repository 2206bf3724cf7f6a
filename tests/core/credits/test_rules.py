"""The arithmetic of the ledger's services."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from core.credits import rules
from core.credits.rules import Move

A, B = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("kind", "parent", "depth"),
    [
        ("organization", None, 1),
        ("team", "organization", 2),
        ("membership", None, 3),
        ("membership", "organization", 3),
        ("membership", "team", 3),
        ("team", None, None),
        ("team", "team", None),
        ("organization", "organization", None),
        ("pool", None, None),
    ],
)
def test_nodes_stand_at_the_depth_of_their_kind(
    kind: str, parent: str | None, depth: int | None
) -> None:
    assert rules.depth_of(kind, parent) == depth


@pytest.mark.parametrize(
    ("amount", "moves"),
    [(-1, False), (0, False), (1, True), (9 * 10**15, True), (9 * 10**15 + 1, False)],
)
def test_only_positive_amounts_in_range_move(amount: int, moves: bool) -> None:
    assert rules.is_movable(amount) is moves


def test_a_larger_rule_moves_down() -> None:
    assert rules.moves_of_allocation(wallet=A, source=B, before=10, after=25) == (
        Move(B, A, 15, "allocate"),
    )


def test_a_smaller_rule_moves_up() -> None:
    assert rules.moves_of_allocation(wallet=A, source=B, before=25, after=10) == (
        Move(A, B, 15, "reclaim"),
    )


def test_the_same_rule_moves_nothing() -> None:
    assert rules.moves_of_allocation(wallet=A, source=B, before=25, after=25) == ()


def test_moves_add_up_for_each_wallet() -> None:
    moves = (Move(None, A, 10, "grant"), Move(A, B, 4, "allocate"), Move(B, None, 1, "expire"))

    assert rules.deltas_of(moves) == {A: 6, B: 3}


@given(
    credited=integers(-100, 100), limit=integers(0, 50), used=integers(0, 150),
    reserved=integers(0, 50),
)  # fmt: skip
def test_what_is_uncovered_is_exactly_what_is_missing(
    credited: int, limit: int, used: int, reserved: int
) -> None:
    missing = rules.uncovered(credited=credited, limit=limit, used=used, reserved=reserved)

    assert missing >= 0
    assert used + reserved <= credited + limit + missing
    assert missing == 0 or used + reserved == credited + limit + missing


def test_fingerprints_tell_wishes_apart() -> None:
    one = rules.fingerprint_of("granted", {"wallet": A, "amount": 5})

    assert one == rules.fingerprint_of("granted", {"amount": 5, "wallet": A})
    assert one != rules.fingerprint_of("granted", {"wallet": A, "amount": 6})
    assert one != rules.fingerprint_of("taken_back", {"wallet": A, "amount": 5})
    assert len(one) == 64
