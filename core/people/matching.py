"""The member list's filter, as one value that a page, an export and a job share."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from core.access.scopes import Scope
from core.hierarchy.product import Product
from core.hierarchy.reach import named
from core.hierarchy.selectors import NAMES, places_for
from core.hierarchy.states import members_in_state

# What the list calls them: it has all who have not come in yet together.
_STATES = {
    "current": "present",
    "invited": "unjoined",
    "deactivated": "deactivated",
    "archived": "archived",
    "all": "all",
}
STATES = tuple(_STATES)
# Beyond that a list says "more than"; counting on would read the whole table.
MOST_COUNTED = 10_000


def matching(product: Product, scope: Scope, match: Mapping[str, str]) -> QuerySet[Any]:
    """Return the members of a scope that a filter fits: `q` words, `place` a node, `state`.

    Plain rows in no order, for pages, counts and jobs; what a filter cannot mean fits nobody.
    """
    rows: QuerySet[Any] = product.member._default_manager.order_by()
    if not scope.everything:
        rows = rows.filter(pk__in=places_for(product, scope).values("member"))
    rows = named(rows, match.get("q", ""), *NAMES)
    place = match.get("place", "")
    if place:
        rows = rows.filter(pk__in=_members_at(product, scope, place))
    state = _STATES.get(match.get("state") or "current")
    return rows.none() if state is None else members_in_state(rows, state)


def page_of(
    rows: QuerySet[Any], *, after: UUID | None = None, limit: int = 50
) -> tuple[list[UUID], UUID | None]:
    """Return the ids of the next rows by name and address, and where to go on; by key, uncounted.

    `after` is the last id of the page before.
    """
    last = rows.model._default_manager.filter(pk=after).values_list("user__name", "user__email")
    for name, email in last:
        # The first condition alone lets the index start at the right place.
        rows = rows.filter(user__name__gte=name).exclude(user__name=name, user__email__lte=email)
    found = list(
        rows.order_by("user__name", "user__email").values_list("pk", flat=True)[: limit + 1]
    )
    return found[:limit], found[limit - 1] if len(found) > limit else None


def count_up_to(rows: QuerySet[Any], most: int = MOST_COUNTED) -> int:
    """Return how many rows there are; one more than `most` means: more."""
    return rows.values("pk")[: most + 1].count()


def _members_at(product: Product, scope: Scope, place: str) -> QuerySet[Any]:
    places = places_for(product, scope)
    try:
        node = UUID(place)
    except ValueError:
        return places.none().values("member")
    return places.filter(Q(organization=node) | Q(team=node)).values("member")
