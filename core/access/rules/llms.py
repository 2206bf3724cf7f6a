"""Which LLMs a path may use.

Start with what is on for the account; walk the path: `only` replaces, `add` adds, `block` removes
and holds for everything below (neither `only` nor `add` brings it back); always within the
ceiling; `locked` forbids widening below.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from core.access.rules.paths import Path, PathNode

Ids = frozenset[UUID]
NONE: Ids = frozenset()


@dataclass(frozen=True, slots=True)
class LlmPolicy:
    """What one node says about LLMs. The empty policy inherits.

    `only` is None where the node does not replace what it inherits; an empty one means none.
    """

    only: Ids | None = None
    add: Ids = NONE
    block: Ids = NONE
    is_locked: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the node just inherits."""
        return self == INHERIT


INHERIT = LlmPolicy()
Policies = Mapping[UUID, LlmPolicy]


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a walk down the path has come. `lock` is the first node that forbids widening."""

    usable: Ids
    blocked: Ids = NONE
    lock: PathNode | None = field(default=None)


def walk(ceiling: Ids, path: Path, policies: Policies) -> Iterator[tuple[PathNode, Walk]]:
    """Yield each node of the path with what may be used from there."""
    at = Walk(usable=ceiling)
    for node in path:
        policy = policies.get(node.id)
        # Most nodes say nothing, and this runs in every call.
        if policy is not None:
            at = _step(at, ceiling, node, policy)
        yield node, at


def usable_llms(ceiling: Ids, path: Path, policies: Policies) -> Ids:
    """Return what the end of the path may use; `ceiling` is what is on for the account."""
    usable = ceiling
    for _, at in walk(ceiling, path, policies):
        usable = at.usable
    return usable


class Walks:
    """Walks of many paths: what is above thousands of places is walked once.

    A node has one path down to it, unless it is a member: those end paths.
    """

    def __init__(self, ceiling: Ids, policies: Policies) -> None:
        self._ceiling, self._policies = ceiling, policies
        self._above: dict[UUID, Walk] = {}

    def usable(self, path: Path) -> Ids:
        """Return what `usable_llms` does."""
        *above, last = path
        at = self._at(above) if above else Walk(self._ceiling)
        policy = self._policies.get(last.id)
        return at.usable if policy is None else _step(at, self._ceiling, last, policy).usable

    def _at(self, above: Sequence[PathNode]) -> Walk:
        key = above[-1].id
        known = self._above.get(key)
        if known is None:
            *_, (_node, known) = walk(self._ceiling, tuple(above), self._policies)
            self._above[key] = known
        return known


Act = Literal["inherit", "allow", "block"]


def with_act(policy: LlmPolicy, llms: Ids, act: Act) -> LlmPolicy:
    """Return a policy as it is once a node inherits, allows or blocks some LLMs.

    A list of the node's own follows: what is allowed stands on it, all else does not.
    """
    only = policy.only
    if only is not None:
        only = only | llms if act == "allow" else only - llms
    return LlmPolicy(
        only=only,
        add=policy.add | llms if act == "allow" and only is None else policy.add - llms,
        block=policy.block | llms if act == "block" else policy.block - llms,
        is_locked=policy.is_locked,
    )


def _step(at: Walk, ceiling: Ids, node: PathNode, policy: LlmPolicy) -> Walk:
    usable = at.usable
    if policy.only is not None:
        # Under a lock `only` can narrow, not replace.
        usable = policy.only & (usable if at.lock is not None else ceiling)
    if at.lock is None:
        usable |= policy.add & ceiling
    blocked = at.blocked | policy.block
    lock = at.lock or (node if policy.is_locked else None)
    return Walk(usable - blocked, blocked, lock)
