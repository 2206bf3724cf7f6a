"""What nodes are called and where they are: handed in by the hierarchy, which stands above.

The audit log names for each change the organizations and teams that it is about. Of an organization
or a team that is itself; of a member it is where they have their places.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from core.access.rules.paths import PathNode


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node as it is now: its name, and the organizations and teams that it is or is in."""

    label: str
    within: tuple[UUID, ...]


# Takes ids, and returns those that there are; a fixed number of queries.
KnownNodes = Callable[[Collection[UUID]], Mapping[UUID, KnownNode]]


def register(product: str, known: KnownNodes) -> None:
    """Let the services of access ask for the nodes of a product."""
    _by_product[product] = known


def known_nodes(product: str, ids: Collection[UUID]) -> Mapping[UUID, KnownNode]:
    """Return those of some nodes that a product has."""
    known = _by_product.get(product)
    return known(ids) if known is not None and ids else {}


def places_of_members(product: str, nodes: Iterable[PathNode]) -> Mapping[UUID, tuple[UUID, ...]]:
    """Return where the members among some nodes have their places; no query where there is none."""
    members = [node.id for node in nodes if node.kind == "member"]
    return {key: node.within for key, node in known_nodes(product, members).items()}


_by_product: dict[str, KnownNodes] = {}
