"""Which part of a product somebody administers: all of it, or branches."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.identity.models import Role, RoleAssignment


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of one product that somebody may see and manage.

    `organizations` come with all their teams; `teams` are those given one by one. Selectors whose
    name ends in `_for` take it, and are the only way in which a face gets a node.
    """

    everything: bool = False
    organizations: frozenset[UUID] = frozenset()
    teams: frozenset[UUID] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.organizations or self.teams)


EVERYTHING = Scope(everything=True)
NOTHING = Scope()


def scope_of(user: Any, product: str) -> Scope:
    """Return what a user of the current account administers in a product; kept on the user."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return NOTHING
    kept: dict[str, Scope] | None = getattr(user, "_cockpit_scopes", None)
    if kept is None:
        kept = user._cockpit_scopes = {}  # noqa: SLF001  lives as long as the request's user
    if product not in kept:
        kept[product] = _read_scope(user, product)
    return kept[product]


def _read_scope(user: Any, product: str) -> Scope:
    rows = set(
        RoleAssignment.objects.filter(user=user, product__in=("", product)).values_list(
            "role", "node_id"
        )
    )
    if (Role.ACCOUNT_ADMIN, None) in rows:
        return EVERYTHING
    return Scope(
        organizations=_nodes(rows, Role.ORGANIZATION_ADMIN), teams=_nodes(rows, Role.TEAM_ADMIN)
    )


def _nodes(rows: set[tuple[str, UUID | None]], role: Role) -> frozenset[UUID]:
    return frozenset(node for held, node in rows if held == role and node is not None)
