"""django-guardian's object permissions: who administers which organization or team.

The only module that reads or writes them. A right to administer a node is guardian's permission to
change it, `change_organization` or `change_team` of the product's app. Reading goes by names and
never by ids of content types, which differ between schemas.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from guardian.models import UserObjectPermission

_ORGANIZATION, _TEAM = "change_organization", "change_team"


@dataclass(frozen=True, slots=True)
class HeldNodes:
    """The nodes of one product that somebody may administer."""

    organizations: frozenset[UUID]
    teams: frozenset[UUID]


def nodes_held_by(user: Any) -> dict[str, HeldNodes]:
    """Return what a user may administer, by product; one query for all of them."""
    found: dict[str, dict[str, set[UUID]]] = {}
    rows = _rows().filter(user=user)
    for product, codename, node_id in rows.values_list(
        "permission__content_type__app_label", "permission__codename", "object_pk"
    ):
        held = found.setdefault(product, {_ORGANIZATION: set(), _TEAM: set()})
        held[codename].add(UUID(node_id))
    return {
        product: HeldNodes(frozenset(held[_ORGANIZATION]), frozenset(held[_TEAM]))
        for product, held in found.items()
    }


def pairs_of(product: str) -> set[tuple[UUID, UUID]]:
    """Return every (user, node) of a product, to be compared with the appointments."""
    rows = _rows().filter(permission__content_type__app_label=product)
    return {(user, UUID(node)) for user, node in rows.values_list("user_id", "object_pk")}


def give(user: Any, node: Model) -> None:
    """Let a user administer an organization or a team; giving it twice changes nothing."""
    UserObjectPermission.objects.assign_perm(_codename(node), user, node)


def take(users: Iterable[Any], node: Model) -> None:
    """Take the right to administer a node from these users."""
    for user in users:
        UserObjectPermission.objects.remove_perm(_codename(node), user, node)


def _rows() -> QuerySet[Any]:
    rows: QuerySet[Any] = UserObjectPermission.objects.filter(
        permission__codename__in=(_ORGANIZATION, _TEAM)
    )
    return rows.order_by()


def _codename(node: Model) -> str:
    codename = f"change_{node._meta.model_name}"
    assert codename in {_ORGANIZATION, _TEAM}, node
    return codename
