"""The resource `organizations`."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import (
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    Operation,
    documented,
    page_example,
    page_output,
)
from core.api.hierarchy.archiving import STOPS, ArchivedFields, archived
from core.api.hierarchy.base import HierarchyViewSet, NameInput, NodeQuery, ReasonInput
from core.api.pagination import page_of
from core.api.serializers import Input, PreviewQuery, StateField
from core.hierarchy import reach, states
from core.hierarchy.archiving import preview_node_archive
from core.hierarchy.services import nodes


class OrganizationOutput(serializers.Serializer[Any]):
    """An organization. `global` is the one that holds everyone."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    is_global = serializers.BooleanField()
    state = StateField(states.node_state, choices=states.NODE_STATES)
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class ArchivedOrganizationOutput(OrganizationOutput, ArchivedFields):
    """An organization that was archived, or would be, and what stops with it."""


EXAMPLE = {
    "id": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5c",
    "name": "Marketing",
    "is_global": False,
    "state": "active",
    "created_at": "2026-11-02T09:30:00Z",
    "archived_at": None,
}
_TAG = "Organizations"
_ONE: dict[str, Any] = {"output": OrganizationOutput, "example": EXAMPLE, "tag": _TAG}
_ARCHIVED: dict[str, Any] = {
    **_ONE,
    "output": ArchivedOrganizationOutput,
    "example": {**EXAMPLE, "state": "archived", "preview": False, "effects": STOPS},
}


class OrganizationViewSet(HierarchyViewSet):
    """Organizations of a product, the first level of its hierarchy."""

    output_class = OrganizationOutput
    input_classes = {
        "create": NameInput,
        "partial_update": NameInput,
        "archive": ReasonInput,
        "restore": Input,
    }
    query_classes = {"list": NodeQuery, "archive": PreviewQuery}
    verbs_of_actions = dict.fromkeys(("create", "archive", "restore"), "manage_organizations")

    @documented(
        Operation(
            "listOrganizations",
            "List organizations",
            _TAG,
            page_example(EXAMPLE),
            output=page_output("OrganizationPage", OrganizationOutput),
            query=NodeQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return the organizations that the caller administers whole, the oldest first."""
        query = self.query
        rows = reach.organizations_within(self.product, self.scope)
        rows = states.nodes_in_state(rows, query["state"])
        rows = reach.named(rows, query.get("q", ""), "name")
        return self.many(page_of(rows, limit=query["limit"], cursor=query.get("cursor")))

    @documented(
        Operation(
            "createOrganization",
            "Create an organization",
            body=NameInput,
            sent={"name": "Marketing"},
            status=201,
            parameters=(ETAG,),
            **_ONE,
        ),
        method="POST",
    )
    def create(self, request: Request) -> Response:
        """Create an organization without teams and without credits."""
        node = nodes.create_organization(product=self.product, actor=self.actor, **self.input)
        return self.one(node, status=201)

    @documented(
        Operation(
            "getOrganization",
            "Read an organization",
            parameters=(ETAG, IF_NONE_MATCH),
            refusals=(404,),
            **_ONE,
        ),
        method="GET",
    )
    def retrieve(self, request: Request, organization_id: UUID) -> Response:
        """Return one organization."""
        return self.one(self._find(organization_id))

    @documented(
        Operation(
            "renameOrganization",
            "Rename an organization",
            body=NameInput,
            sent={"name": "Marketing and sales"},
            parameters=(ETAG, IF_MATCH),
            refusals=(404,),
            **_ONE,
        ),
        method="PATCH",
    )
    def partial_update(self, request: Request, organization_id: UUID) -> Response:
        """Give an organization another name. `global` keeps its own."""
        with self.changing(lambda: self._find(organization_id)) as node:
            nodes.rename_node(product=self.product, node=node, actor=self.actor, **self.input)
        return self.one(node)

    @documented(
        Operation(
            "archiveOrganization",
            "Archive an organization",
            body=ReasonInput,
            sent={"reason": "Merged into Sales."},
            parameters=(ETAG, IF_MATCH),
            refusals=(404,),
            query=PreviewQuery,
            **_ARCHIVED,
        ),
        method="POST",
    )
    def archive(self, request: Request, organization_id: UUID) -> Response:
        """Archive an organization that has no teams and no members any more."""
        self._find(organization_id)
        given = self.input
        with self.previewing(), self.changing(lambda: self._find(organization_id)) as node:
            return archived(
                self,
                node,
                preview_node_archive(self.product, node),
                lambda: nodes.archive_node(
                    product=self.product, node=node, actor=self.actor, **given
                ),
            )

    @documented(
        Operation(
            "restoreOrganization",
            "Restore an organization",
            parameters=(ETAG, IF_MATCH),
            refusals=(404,),
            **_ONE,
        ),
        method="POST",
    )
    def restore(self, request: Request, organization_id: UUID) -> Response:
        """Bring an archived organization back."""
        _ = self.input
        with self.changing(lambda: self._find(organization_id)) as node:
            nodes.restore_node(product=self.product, node=node, actor=self.actor)
        return self.one(node)

    def _find(self, organization_id: UUID) -> Any:
        return reach.found(reach.organizations_within(self.product, self.scope), organization_id)
