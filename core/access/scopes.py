"""Which part of a product somebody administers: all of it, or branches.

Two sources, one for each question. That somebody is account admin or has a seat stands in
`RoleAssignment`; which organizations and teams they administer is decided by the object permissions
alone (`core.access.object_permissions`). Both are read once a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.access.object_permissions import HeldNodes, nodes_held_by
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

    def has_organization(self, organization_id: UUID) -> bool:
        """Whether an organization belongs to it, and so everything inside."""
        return self.everything or organization_id in self.organizations

    def has_team(self, team_id: UUID, *, organization_id: UUID) -> bool:
        """Whether a team belongs to it, by itself or with its organization."""
        return self.has_organization(organization_id) or team_id in self.teams


EVERYTHING = Scope(everything=True)
NOTHING = Scope()


def scope_of(user: Any, product: str) -> Scope:
    """Return what a user of the current account administers in a product; kept on the user."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return NOTHING
    kept: Mapping[str, Scope] | None = getattr(user, "_cockpit_scopes", None)
    if kept is None:
        kept = user._cockpit_scopes = _read_scopes(user)  # noqa: SLF001  lives as long as the user
    return EVERYTHING if "" in kept else kept.get(product, NOTHING)


def roles_of(user: Any) -> frozenset[tuple[str, str]]:
    """Return the roles that are not about a node, as (role, product); kept on the user."""
    kept: frozenset[tuple[str, str]] | None = getattr(user, "_cockpit_roles", None)
    if kept is None:
        rows = RoleAssignment.objects.filter(user=user, node_id=None)
        kept = frozenset(rows.values_list("role", "product"))
        user._cockpit_roles = kept  # noqa: SLF001  lives as long as the request's user
    return kept


def _read_scopes(user: Any) -> dict[str, Scope]:
    """Return the scope in each product; the key "" stands for everything in all of them."""
    if (Role.ACCOUNT_ADMIN, "") in roles_of(user):
        return {"": EVERYTHING}
    return {product: _scope(held) for product, held in nodes_held_by(user).items()}


def _scope(held: HeldNodes) -> Scope:
    return Scope(organizations=held.organizations, teams=held.teams)
