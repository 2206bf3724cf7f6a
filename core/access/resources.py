"""What can be granted: each kind of thing is registered by the package that has its rows.

Agents, connections and tools plug in here; whoever asks about access needs to know no more of a
thing than its name, and whether it is open to everyone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.functional import Promise

from core.access.rules.product import Thing
from core.audit.services import Actor


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that can be granted. `is_open`: everyone has it whom nobody denies it."""

    type: str
    id: UUID
    name: str
    is_open: bool = False

    @property
    def thing(self) -> Thing:
        """How the rules name it."""
        return self.type, self.id


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind of thing. `all_of(product)` returns those in use, by name.

    `may_carry_llm`: a grant of it can bring its LLM along.
    """

    key: str
    title: str | Promise
    products: tuple[str, ...]
    icon: str
    all_of: Callable[[str], Sequence[Resource]]
    may_carry_llm: bool = False
    # Opens one to everyone, or closes it: product, id, whether, who does it. None: it cannot be.
    set_open: Callable[[str, UUID, bool, Actor], None] | None = None


def register(kind: ResourceType) -> ResourceType:
    """Let a kind of thing be granted."""
    _by_key[kind.key] = kind
    return kind


def resource_type(key: str) -> ResourceType | None:
    """Return a kind of thing by its key, or None where there is none."""
    return _by_key.get(key)


def resource_types(product: str) -> list[ResourceType]:
    """Return the kinds that a product has, by key."""
    return [kind for _, kind in sorted(_by_key.items()) if product in kind.products]


def resources_of(product: str) -> list[Resource]:
    """Return everything in a product that can be granted; a query for each kind."""
    return [thing for kind in resource_types(product) for thing in kind.all_of(product)]


def open_things(product: str) -> frozenset[Thing]:
    """Return what is open to everyone in a product."""
    return frozenset(each.thing for each in resources_of(product) if each.is_open)


_by_key: dict[str, ResourceType] = {}
