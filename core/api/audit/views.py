"""The resource `audit`: entries of the audit log, newest first."""

from typing import Any, cast
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.documents import Operation, documented, page_example, page_output
from core.api.pagination import Page, cursor_of, id_of
from core.api.serializers import LineField, ListQuery
from core.api.viewsets import CockpitViewSet
from core.audit import verbs
from core.audit.documents import as_document
from core.audit.models import AuditEntry
from core.audit.selectors import entries, entry_named
from core.hierarchy.administration import nodes_in
from core.hierarchy.product import Product


class AuditPartyOutput(serializers.Serializer[Any]):
    """Who caused a change, or what it is about: with the label as of then."""

    kind = serializers.CharField()
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF's own name


class AuditEntryOutput(serializers.Serializer[Any]):
    """One change. `product` is empty where it concerns the account as a whole."""

    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    product = serializers.CharField(allow_blank=True)
    category = serializers.ChoiceField(choices=list(verbs.CATEGORIES))
    verb = serializers.CharField()
    sentence = serializers.CharField()
    actor = AuditPartyOutput()
    on_behalf_of = serializers.CharField(allow_blank=True)
    target = AuditPartyOutput()
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField(allow_blank=True)
    address = serializers.CharField(allow_blank=True)

    def to_representation(self, instance: AuditEntry) -> dict[str, Any]:
        return as_document(instance)


class AuditQuery(ListQuery):
    """Which entries, besides how many."""

    verb = LineField(required=False, max_length=64, help_text="One verb, or all of a noun: `team.`")
    category = serializers.ChoiceField(required=False, choices=list(verbs.CATEGORIES))
    actor = LineField(required=False, max_length=64, help_text="Id of who caused them.")
    target = LineField(required=False, max_length=64, help_text="Id of what they are about.")
    request_id = LineField(required=False, max_length=64)
    since = serializers.DateTimeField(required=False, help_text="Not before this time.")
    until = serializers.DateTimeField(required=False, help_text="Before this time.")
    q = LineField(
        required=False,
        max_length=100,
        help_text="Beginnings of words in who, what or why; or an id.",
    )


EXAMPLE = {
    "id": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5c",
    "created_at": "2026-11-02T09:30:00Z",
    "product": "copilot",
    "category": "people",
    "verb": "team.renamed",
    "sentence": "Kim Okafor renamed the team Contents to Content",
    "actor": {"kind": "user", "id": "1", "label": "Kim Okafor"},
    "on_behalf_of": "",
    "target": {
        "kind": "team",
        "id": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5d",
        "label": "Content",
    },
    "before": {"name": "Contents"},
    "after": {"name": "Content"},
    "reason": "",
    "request_id": "f6a0c8d2-6d1c-4f0c-8f0e-1b1c8a1f7d11",
    "address": "203.0.113.7",
}
_TAG = "Audit"


class AuditViewSet(CockpitViewSet):
    """Entries of a product and of its account. Who administers a branch reads those of it."""

    product = cast("Product", None)
    output_class = AuditEntryOutput
    query_classes = {"list": AuditQuery}

    @property
    def read_permission(self) -> str:
        """The codename of who may look."""
        return f"{self.product.slug}.view_audit"

    @documented(
        Operation(
            "listAuditEntries",
            "List audit entries",
            _TAG,
            page_example(EXAMPLE),
            output=page_output("AuditEntryPage", AuditEntryOutput),
            query=AuditQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return entries of the audit log, the newest first."""
        query = dict(self.query)
        limit, cursor = query.pop("limit"), query.pop("cursor", None)
        names = {"actor": "by", "target": "about", "request_id": "request", "q": "text"}
        found = entries(
            limit=limit + 1,
            before=id_of(cursor) if cursor else None,
            **{names.get(name, name): value for name, value in query.items()},
            **self._seen(),
        )
        items = found[:limit]
        return self.many(Page(items, cursor_of(items[-1].pk) if len(found) > limit else None))

    @documented(
        Operation(
            "getAuditEntry",
            "Read an audit entry",
            _TAG,
            EXAMPLE,
            output=AuditEntryOutput,
            refusals=(404,),
        ),
        method="GET",
    )
    def retrieve(self, request: Request, entry_id: UUID) -> Response:
        """Return one entry."""
        return self.one(entry_named(entry_id, **self._seen()))

    def _seen(self) -> dict[str, Any]:
        return {"product": self.product.slug, "within": nodes_in(self.product, self.scope)}
