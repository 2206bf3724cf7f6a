"""The resource `grants`: what nodes say about things that are granted."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from core.access.granting import set_grants
from core.access.resources import Resource, resources_of
from core.access.rules.grants import Grant
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.api.access import shapes
from core.api.access.base import TAG, AccessViewSet, node_shown
from core.api.documents import (
    ETAG,
    IF_NONE_MATCH,
    Operation,
    documented,
    page_example,
    page_output,
)
from core.api.pagination import page_of
from core.api.serializers import ListQuery, PreviewQuery
from core.api.viewsets import unknown_reference
from core.hierarchy.effects import effect_of_grants
from core.hierarchy.sharing import (
    Sharing,
    check_grant_within,
    granting_access,
    grants_for,
    resource_named,
    sharings,
)
from core.kit.clock import now
from core.kit.problems import NotFound


class GrantViewSet(AccessViewSet):
    """Grants of things."""

    input_classes = {"create": shapes.GrantInput}
    query_classes = {
        "list": shapes.GrantQuery,
        "resources": ListQuery,
        "create": PreviewQuery,
        "destroy": PreviewQuery,
    }

    @documented(
        Operation(
            "listShareableResources", "List what can be granted", TAG,
            page_example(shapes.RESOURCE),
            output=page_output("ResourcePage", shapes.ResourceOutput), query=ListQuery,
        ),
        method="GET",
    )  # fmt: skip
    def resources(self, request: Request) -> Response:
        """Return everything in the product that can be granted."""
        found = resources_of(self.product.slug)
        return self.page_of_values([(each.id, _resource_shown(each)) for each in found])

    @documented(
        Operation(
            "listGrants", "List grants", TAG, page_example(shapes.GRANT),
            output=page_output("GrantPage", shapes.GrantOutput), query=shapes.GrantQuery,
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return what the nodes in the caller's scope say."""
        rows = grants_for(self.product, self.scope)
        for parameter, field in (
            ("resource_type", "resource_type"), ("resource_id", "resource_id"), ("node", "node_id"),
        ):  # fmt: skip
            if value := self.query.get(parameter):
                rows = rows.filter(**{field: value})
        page = page_of(rows, limit=self.query["limit"], cursor=self.query.get("cursor"))
        things = {each.thing: each for each in resources_of(self.product.slug)}
        keyed = {row.pk: things[row.resource_type, row.resource_id] for row in page.items}
        items = [
            _shown(keyed[each.id], each) for each in sharings(self.product, self.scope, page.items)
        ]
        return Response({"items": items, "next": page.next})

    @documented(
        Operation(
            "getGrant", "Get a grant", TAG, shapes.GRANT, output=shapes.GrantOutput,
            parameters=(ETAG, IF_NONE_MATCH), refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, grant_id: UUID) -> Response:
        """Return what one node says about one thing."""
        resource, found = self._find(grant_id)
        return self.tagged(_shown(resource, found))

    @documented(
        Operation(
            "setGrants", "Allow or deny a thing to nodes", TAG, shapes.GRANTED,
            output=shapes.GrantedOutput, body=shapes.GrantInput, query=PreviewQuery,
            sent={
                "resource": {"type": "client_app", "id": shapes.RESOURCE["id"]},
                "nodes": [{"kind": "team", "id": shapes.NODE["id"]}],
                "effect": "allow",
                "ends_at": "2027-01-01T00:00:00Z",
            },
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Say it for all of the nodes, or for none. What a node said of the thing is replaced."""
        given = self.input
        resource = self._resource_in_body(given["resource"])
        grant = Grant(
            is_denial=given["effect"] == "deny",
            ends_at=given["ends_at"],
            carries_llm=given["carries_llm"],
        )
        access = granting_access(self.product, [resource])
        changes: dict[PathNode, Grant | None] = {}
        for row in self.nodes_in_body(given["nodes"]):
            check_grant_within(access, row, self.scope, resource, grant)
            changes[row.node] = grant
        return self._change(access, resource, changes, given["reason"])

    @documented(
        Operation(
            "removeGrant", "Take a grant back", TAG, shapes.GRANTED, output=shapes.GrantedOutput,
            query=PreviewQuery, refusals=(404,),
        ),
        method="DELETE",
    )  # fmt: skip
    def destroy(self, request: Request, grant_id: UUID) -> Response:
        """Let a node say nothing about the thing: it has what is above it."""
        resource, found = self._find(grant_id)
        access = granting_access(self.product, [resource])
        check_grant_within(access, found.row, self.scope, resource, None)
        return self._change(access, resource, {found.row.node: None}, "")

    def _change(
        self,
        access: ProductAccess,
        resource: Resource,
        changes: dict[PathNode, Grant | None],
        reason: str,
    ) -> Response:
        effect = effect_of_grants(self.product, access, resource.thing, changes, now())
        with self.previewing():
            before = set_grants(
                product=self.product.slug,
                resource=resource,
                grants=changes,
                actor=self.actor,
                reason=reason,
            )
            rows = grants_for(self.product, self.scope).filter(
                resource_type=resource.type,
                resource_id=resource.id,
                node_id__in=[node.id for node in changes],
            )
            shown = [
                _shown(resource, each) for each in sharings(self.product, self.scope, list(rows))
            ]
        things = {resource.thing: {"id": str(resource.id), "name": resource.name}}
        return Response(
            {
                "preview": self.is_preview,
                "changed": len(before),
                "effect": self.effect_shown(effect, things),
                "grants": shown,
            }
        )

    def _resource_in_body(self, named: dict[str, Any]) -> Resource:
        try:
            return resource_named(self.product, named["type"], named["id"])
        except NotFound:
            raise unknown_reference("resource", "thing to grant") from None

    def _find(self, grant_id: UUID) -> tuple[Resource, Sharing]:
        """Return a grant with its thing.

        Raises:
            NotFound: there is none of this id in the caller's scope.
        """
        row = grants_for(self.product, self.scope).filter(pk=grant_id).first()
        found = sharings(self.product, self.scope, [row]) if row is not None else []
        if row is None or not found:
            raise NotFound("There is no such grant here.")
        return resource_named(self.product, row.resource_type, row.resource_id), found[0]


def _resource_shown(resource: Resource) -> dict[str, Any]:
    return {
        "type": resource.type,
        "id": str(resource.id),
        "name": resource.name,
        "is_open": resource.is_open,
    }


def _shown(resource: Resource, found: Sharing) -> dict[str, Any]:
    grant = found.grant
    return {
        "id": str(found.id),
        "resource": _resource_shown(resource),
        "node": node_shown(found.row),
        "effect": "deny" if grant.is_denial else "allow",
        "ends_at": None if grant.ends_at is None else _utc(grant.ends_at),
        "has_ended": found.has_ended,
        "carries_llm": grant.carries_llm,
        "created_by": found.created_by,
        "created_at": _utc(found.created_at),
    }


def _utc(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))
