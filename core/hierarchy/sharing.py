"""Who may use one thing: what nodes say about it, by name, and what a change would do.

Client apps are the first things to be granted: for whom a program may act. Agents, connections and
tools register with `core.access.resources` and are shared by the same services and pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from core.access import resources
from core.access.models import Grant
from core.access.resources import Resource, ResourceType
from core.access.rules import grants as rules
from core.access.rules.paths import Path
from core.access.rules.product import ProductAccess, Thing
from core.access.scopes import Scope
from core.access.selectors import grants_by_thing
from core.audit.services import Actor
from core.hierarchy import reach, selectors
from core.hierarchy.policies import (
    PolicyRow,
    branch_of,
    check_editable,
    of_nodes_shown,
    paths_of_user,
    rows_of_nodes,
)
from core.hierarchy.product import Product
from core.kit.clock import now
from core.kit.problems import NotAllowed, NotFound
from core.tokens.models import ClientApp
from core.tokens.selectors import client_app_named, client_apps
from core.tokens.services import set_client_app_open

CLIENT_APP = "client_app"
# What a search in the sharing dialog shows of each kind of node.
FOUND = 6


@dataclass(frozen=True, slots=True)
class Sharing:
    """What one node says about a thing, as pages and REST show it."""

    id: UUID
    row: PolicyRow
    grant: rules.Grant
    created_by: str
    created_at: datetime

    @property
    def has_ended(self) -> bool:
        """Whether it does not count any more; a job takes it away soon."""
        return not self.grant.counts(now())


def _client_apps(product: str) -> list[Resource]:
    rows = client_apps(product).filter(revoked_at=None)
    return [Resource(CLIENT_APP, app.pk, app.name, is_open=app.is_open) for app in rows]


def _set_client_app_open(product: str, app_id: UUID, is_open: bool, actor: Actor) -> None:  # noqa: FBT001  as the port has it
    app = client_app_named(product, app_id)
    set_client_app_open(app=app, is_open=is_open, actor=actor)


resources.register(
    ResourceType(
        key=CLIENT_APP,
        title=_("Client app"),
        products=("copilot", "console"),
        icon="apps",
        all_of=_client_apps,
        set_open=_set_client_app_open,
    )
)


def resource_named(product: Product, kind: str, resource_id: UUID) -> Resource:
    """Return one thing that can be granted.

    Raises:
        NotFound: the product has none of this type and id.
    """
    found = resources.resource_type(kind)
    if found is not None and product.slug in found.products:
        for each in found.all_of(product.slug):
            if each.id == resource_id:
                return each
    raise NotFound("There is no such thing to share.")


def granting_access(
    product: Product, things: Sequence[Resource], nodes: Sequence[UUID] | None = None
) -> ProductAccess:
    """Return what decides about things that are granted, and about nothing else; one query."""
    return ProductAccess(
        product.slug,
        grants=grants_by_thing(product.slug, nodes),
        open_things=frozenset(each.thing for each in things if each.is_open),
    )


def can_use(product: Product, thing: Thing, *, is_open: bool, path: Path) -> bool:
    """Whether a thing is granted to who acts from a path; one query."""
    access = ProductAccess(
        product.slug,
        grants=grants_by_thing(product.slug, [node.id for node in path]),
        open_things=frozenset({thing}) if is_open else frozenset(),
    )
    return access.may_use(thing, path, at=now())


def acts_for(product: Product, app: ClientApp, user_id: UUID) -> bool:
    """Whether a client app may act for somebody from any of their places."""
    thing = (CLIENT_APP, app.pk)
    said = Grant.objects.filter(
        product=product.slug, resource_type=CLIENT_APP, resource_id=app.pk
    ).exists()
    if not said:
        return app.is_open
    return any(
        can_use(product, thing, is_open=app.is_open, path=path)
        for path in paths_of_user(product, user_id)
    )


def open_to_everyone(
    product: Product, scope: Scope, resource: Resource, *, is_open: bool, actor: Actor
) -> None:
    """Open a thing to everyone, or leave it to those it is shared with.

    Raises:
        NotAllowed: who asks administers a branch only, or the thing cannot be opened.
    """
    kind = resources.resource_type(resource.type)
    if not scope.everything or kind is None or kind.set_open is None:
        raise NotAllowed("Only an account admin decides whether everyone has it.")
    kind.set_open(product.slug, resource.id, is_open, actor)


def grants_for(product: Product, scope: Scope) -> QuerySet[Grant]:
    """Return the grants of nodes in a scope, oldest first; what has ended included.

    Those of things or nodes that are not in use any more say nothing to anybody, and stand nowhere.
    """
    things = [each.id for each in resources.resources_of(product.slug)]
    all_rows = Grant.objects.filter(product=product.slug, resource_id__in=things).order_by("pk")
    rows = of_nodes_shown(product, scope, all_rows)
    if scope.everything:
        return rows
    teams = reach.teams_within(product, scope).order_by()
    places = reach.places_within(product, scope).order_by()
    return rows.filter(
        Q(node_id__in=scope.organizations)
        | Q(node_id__in=teams.values("pk"))
        | Q(node_id__in=places.values("member"))
    )


def sharings(product: Product, scope: Scope, rows: Sequence[Grant]) -> list[Sharing]:
    """Return grants by the names of their nodes; those whose node is not in sight are left out."""
    nodes = rows_of_nodes(product, scope, {row.node_id for row in rows})
    return [
        Sharing(row.pk, nodes[row.node_id], row.as_grant(), row.created_by, row.created_at)
        for row in rows
        if row.node_id in nodes
    ]


def check_grant_within(
    access: ProductAccess,
    row: PolicyRow,
    scope: Scope,
    resource: Resource,
    grant: rules.Grant | None,
) -> None:
    """Refuse to give what is beyond the hands of who asks.

    Raises:
        NotAllowed: the node is not theirs to change, or they would give what they do not have.
    """
    check_editable(row)
    if scope.everything or grant is None or grant.is_denial:
        return
    branch, moment = branch_of(row, scope), now()
    if not access.may_use(resource.thing, branch, at=moment):
        raise NotAllowed(f"Your own branch does not have {resource.name}.")
    said = access.grants.get(resource.thing, {})
    if grant.carries_llm and not rules.carries_llm(rules.GrantCase(branch, moment, said)):
        raise NotAllowed(f"Your own branch does not have the LLM of {resource.name} by it.")


def nodes_like(product: Product, scope: Scope, term: str) -> list[PolicyRow]:
    """Return organizations, teams and members whose name has every word of a term, a few each."""
    rows: Mapping[str, QuerySet[Any]] = {
        "organization": selectors.organization_choices(product, scope),
        "team": selectors.team_choices(product, scope),
    }
    ids = [row.pk for query in rows.values() for row in reach.named(query, term, "name")[:FOUND]]
    members = selectors.members_for(product, scope).filter(archived_at=None)
    ids += [row.pk for row in selectors.named_like(members, term)[:FOUND]]
    named = rows_of_nodes(product, scope, ids)
    return [named[key] for key in ids if key in named]
