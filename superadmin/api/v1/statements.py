"""What accounts owe for overflow: the statements of closed cycles, and their way to being paid."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits.shapes import STATEMENT_STATES, CreditsField
from core.api.documents import Operation, documented, page_example, page_output
from core.api.pagination import page_of
from core.api.serializers import LineField, ListQuery
from superadmin.api.v1.base import SLUG, PlatformViewSet, ProductField, ReasonInput
from superadmin.selectors.statements import FullStatement, full_statement, summaries, summary_with
from superadmin.statement_files import statement_csv, statement_pdf
from tenants.services import statements as services


class StatementQuery(ListQuery):
    """Filters of statements."""

    state = serializers.ChoiceField(required=False, choices=STATEMENT_STATES)
    product = ProductField(required=False)
    account = LineField(required=False, max_length=40, help_text="Of this short name only.")


class WhyInput(ReasonInput):
    """Why, for the audit log."""

    reason = LineField(max_length=500)


class InvoiceInput(WhyInput):
    """What a statement was billed with."""

    reference = LineField(
        required=False, default="", allow_blank=True, max_length=120, help_text="The invoice."
    )


class PlatformStatementOutput(serializers.Serializer[Any]):
    """What one account owes for the overflow of one cycle, as it was frozen at the cycle's end."""

    id = serializers.UUIDField()
    account = serializers.SlugField(source="account.slug")
    product = ProductField()
    cycle = serializers.IntegerField(source="cycle_number")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    used = CreditsField(source="used_microcredits", help_text="Drawn on the credit line.")
    covered = CreditsField(
        source="covered_microcredits", help_text="Of it paid from what the cycle had left."
    )
    amount = CreditsField(source="amount_microcredits", help_text="To bill.")
    limit = CreditsField(source="limit_microcredits")
    state = serializers.ChoiceField(choices=STATEMENT_STATES)
    reference = serializers.CharField()
    frozen_at = serializers.DateTimeField()
    invoiced_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)


class DrawnOutput(serializers.Serializer[Any]):
    """How much of the overflow somebody, or some LLM, has drawn."""

    name = serializers.CharField()
    amount = CreditsField()
    calls = serializers.IntegerField()


class FullStatementOutput(PlatformStatementOutput):
    """A statement with who drew the overflow, from the account's own ledger."""

    by_organization = DrawnOutput(many=True)
    by_llm = DrawnOutput(many=True)


_ONE = {
    "id": "01934d2f-6a00-7000-8000-00000000000a",
    "account": SLUG,
    "product": "console",
    "cycle": 3,
    "starts_at": "2026-10-01T00:00:00Z",
    "ends_at": "2026-11-01T00:00:00Z",
    "used": "120",
    "covered": "20",
    "amount": "100",
    "limit": "500",
    "state": "open",
    "reference": "",
    "frozen_at": "2026-11-01T00:04:11Z",
    "invoiced_at": None,
    "settled_at": None,
}
_FULL = {
    **_ONE,
    "by_organization": [{"name": "Research", "amount": "120", "calls": 311}],
    "by_llm": [{"name": "gpt-5", "amount": "120", "calls": 311}],
}
_TAG = "Overflow statements"


class PlatformStatementViewSet(PlatformViewSet):
    """Statements of all accounts: open, invoiced, settled."""

    read_permission = "platform.manage_credits"
    write_permission = "platform.manage_credits"
    output_class = PlatformStatementOutput
    input_classes = {"invoice": InvoiceInput, "settle": WhyInput}
    query_classes = {"list": StatementQuery}
    file_actions = frozenset({"as_csv", "as_pdf"})

    @documented(
        Operation(
            "listAllOverflowStatements", "List what accounts owe for overflow", _TAG,
            page_example(_ONE), query=StatementQuery,
            output=page_output("PlatformStatementPage", PlatformStatementOutput),
        ),
        method="GET",
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Return the statements of all accounts, the newest first."""
        narrowed = dict(self.query)
        limit, cursor = narrowed.pop("limit"), narrowed.pop("cursor", None)
        rows = summaries(**narrowed)
        return self.many(page_of(rows, limit=limit, cursor=cursor, newest_first=True))

    @documented(
        Operation(
            "getOverflowStatement", "Read a statement in full", _TAG, _FULL,
            output=FullStatementOutput, refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, statement_id: UUID) -> Response:
        """Return a statement with who drew the overflow and for which LLMs."""
        return Response(_full(full_statement(statement_id)))

    @documented(
        Operation(
            "invoiceOverflowStatement", "Say that a statement has been billed", _TAG, _ONE,
            output=PlatformStatementOutput, body=InvoiceInput, refusals=(404,),
            sent={"reference": "INV-2026-118", "reason": "Billed with November."},
        ),
        method="POST",
    )  # fmt: skip
    def invoice(self, request: Request, statement_id: UUID) -> Response:
        """Take an open statement to invoiced."""
        summary = summary_with(statement_id)
        services.invoice_statement(
            account=summary.account, statement_id=summary.pk, actor=self.actor, **self.input
        )
        return self.one(summary_with(statement_id))

    @documented(
        Operation(
            "settleOverflowStatement", "Say that a statement has been paid", _TAG, _ONE,
            output=PlatformStatementOutput, body=WhyInput, refusals=(404,),
            sent={"reason": "Paid on 12 November."},
        ),
        method="POST",
    )  # fmt: skip
    def settle(self, request: Request, statement_id: UUID) -> Response:
        """Take an invoiced statement to settled."""
        summary = summary_with(statement_id)
        services.settle_statement(
            account=summary.account, statement_id=summary.pk, actor=self.actor, **self.input
        )
        return self.one(summary_with(statement_id))

    @documented(
        Operation(
            "getOverflowStatementCsv", "Get a statement as a CSV file", _TAG, None,
            output=OpenApiTypes.STR, media="text/csv", refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def as_csv(self, request: Request, statement_id: UUID) -> HttpResponse:
        """Return the statement and who drew it, with exact amounts."""
        return statement_csv(full_statement(statement_id))

    @documented(
        Operation(
            "getOverflowStatementPdf", "Get a statement as a PDF", _TAG, None,
            output=OpenApiTypes.BINARY, media="application/pdf", refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def as_pdf(self, request: Request, statement_id: UUID) -> HttpResponse:
        """Return the statement to go with an invoice."""
        return statement_pdf(full_statement(statement_id))


def _full(full: FullStatement) -> dict[str, Any]:
    return {
        **PlatformStatementOutput(full.summary).data,
        "by_organization": DrawnOutput(full.by_organization, many=True).data,
        "by_llm": DrawnOutput(full.by_llm, many=True).data,
    }
