"""What the resources about own LLMs have in common."""

from typing import Any

from rest_framework import serializers

from console.product import PRODUCT
from console.selectors.own_llms import MANAGE
from core.api.documents import ETAG, IF_MATCH, IF_NONE_MATCH, Operation, page_example, page_output
from core.api.pagination import Page, page_of
from core.api.serializers import ListQuery
from core.api.viewsets import CockpitViewSet

TAG = "Own LLMs"
# How operations on one row are documented.
READ: dict[str, Any] = {"parameters": (ETAG, IF_NONE_MATCH), "refusals": (404,)}
CHANGE: dict[str, Any] = {"parameters": (ETAG, IF_MATCH), "refusals": (404,)}
ACT: dict[str, Any] = {"parameters": (ETAG,), "refusals": (404,)}


class OwnLlmsViewSet(CockpitViewSet):
    """A resource that whoever manages deployments reads and changes."""

    product = PRODUCT
    read_permission = write_permission = MANAGE

    def page(self, rows: Any) -> Page:
        """Return the page of some rows that the caller asks for."""
        return page_of(rows, limit=self.query["limit"], cursor=self.query.get("cursor"))


def listing(
    name: str, title: str, page_name: str, output: type[serializers.Serializer[Any]],
    example: Any, *, query: type[ListQuery] = ListQuery,
) -> Operation:  # fmt: skip
    """Return how the list of a resource is documented."""
    return Operation(
        name, title, TAG, page_example(example), output=page_output(page_name, output), query=query
    )
