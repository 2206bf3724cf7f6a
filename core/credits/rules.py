"""Arithmetic of the ledger's services. Pure: no tables, no clock."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from core.kit.money import MAX_MICROCREDITS


@dataclass(frozen=True, slots=True)
class Move:
    """Credits that go from one wallet to another. A missing end is outside the book."""

    source: UUID | None
    destination: UUID | None
    amount: int
    kind: str


def depth_of(kind: str, parent_kind: str | None) -> int | None:
    """Return how deep a node's wallet stands, below a parent of that kind; None if it cannot.

    An organization and a membership under `global` have no parent. The depth is the kind's alone,
    so that a wallet that moves keeps its place in the order of locks.
    """
    depths = {
        ("organization", None): 1,
        ("team", "organization"): 2,
        ("membership", None): 3,
        ("membership", "organization"): 3,
        ("membership", "team"): 3,
    }
    return depths.get((kind, parent_kind))


def is_movable(amount: int) -> bool:
    """Whether an amount of micro-credits can move at all."""
    return 0 < amount <= MAX_MICROCREDITS


def moves_of_allocation(*, wallet: UUID, source: UUID, before: int, after: int) -> tuple[Move, ...]:
    """Return what a new amount of a rule moves now: the difference, down or back up."""
    if after > before:
        return (Move(source, wallet, after - before, "allocate"),)
    if after < before:
        return (Move(wallet, source, before - after, "reclaim"),)
    return ()


def deltas_of(moves: Sequence[Move]) -> dict[UUID, int]:
    """Return by how much the moves together change each wallet."""
    deltas: dict[UUID, int] = {}
    for move in moves:
        if move.source is not None:
            deltas[move.source] = deltas.get(move.source, 0) - move.amount
        if move.destination is not None:
            deltas[move.destination] = deltas.get(move.destination, 0) + move.amount
    return deltas


def uncovered(*, credited: int, limit: int, used: int, reserved: int) -> int:
    """Return by how much use and holds go past what there is."""
    return max(0, used + reserved - credited - limit)


def fingerprint_of(verb: str, content: Mapping[str, object]) -> str:
    """Return a short text that two acts share only if they ask for the same."""
    text = json.dumps([verb, dict(content)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
