"""The path that a decision follows: global, organization, team, member."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

NodeKind = Literal["global", "organization", "team", "member"]

# From the outermost node inwards.
KINDS: tuple[NodeKind, ...] = ("global", "organization", "team", "member")


@dataclass(frozen=True, slots=True)
class PathNode:
    """One node on a caller's path. `label` is what people call it, and decides nothing."""

    kind: NodeKind
    id: UUID
    label: str = ""

    def __hash__(self) -> int:
        # What is equal has the same id, and pages put thousands of nodes into dictionaries.
        return hash(self.id.int)


# From `global` down to the member. A level that the caller acts without is left out.
Path = tuple[PathNode, ...]
