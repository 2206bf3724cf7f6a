"""The resources of credits that are files: allocations out and in, the statement of a wallet."""

from collections.abc import Iterator
from itertools import chain
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits import examples, shapes
from core.api.credits.base import TAG, CreditsViewSet
from core.api.documents import Operation, documented
from core.api.serializers import PreviewQuery
from core.credits.models import Act
from core.credits.selectors import open_cycle_of
from core.credits.services.allocating_many import allocate_many
from core.credits.statements_of_wallets import WalletStatement, statement_of
from core.hierarchy.allocation_file import HEADER, FilePlan, allocation_rows, plan_file, rows_of
from core.hierarchy.node_wallets import NodeWallet, wallet_for
from core.hierarchy.wallets import statement_rows
from core.kit.problems import InvalidInput
from core.kit.tables import csv_lines
from core.tenancy.context import in_account

_CSV = "text/csv; charset=utf-8"
_MOST_FAULTS = 100


class AllocationFileViewSet(CreditsViewSet):
    """What every node gets in each cycle, as one file."""

    output_class = shapes.AllocationFileOutput
    input_classes = {"create": shapes.AllocationFileInput}
    query_classes = {"retrieve": shapes.WalletOneQuery, "create": PreviewQuery}
    key_required_for = frozenset({"create"})
    file_actions = frozenset({"retrieve"})

    @documented(
        Operation(
            "getAllocationFile", "Get all allocations as a CSV file", TAG, None,
            output=OpenApiTypes.STR, media="text/csv", query=shapes.WalletOneQuery,
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request) -> HttpResponseBase:
        """Return a row for each node of the caller's: its allocation, what is used and free."""
        account, scope = request.account, self.scope  # type: ignore[attr-defined]
        cycle = self.cycle or open_cycle_of(self.book)
        product = self.product

        def lines() -> Iterator[str]:
            # The server reads these after the request has left the account.
            with in_account(account):
                yield from csv_lines(chain([HEADER], allocation_rows(product, scope, cycle)))

        return StreamingHttpResponse(lines(), content_type=_CSV)

    @documented(
        Operation(
            "setAllocationFile", "Set many allocations from a file", TAG, examples.FILE,
            output=shapes.AllocationFileOutput, body=shapes.AllocationFileInput,
            query=PreviewQuery, needs_key=True, sent=examples.FILE_SENT,
        ),
        method="POST",
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Set the allocations of the file's rows, as one act or not at all.

        Rows without an allocation are left as they are. With `preview=1` nothing moves, and the
        answer says what each row would change, what is wrong with it, and who lacks credits.
        """
        plan = plan_file(self.product, self.scope, rows_of(self.input["csv"]))
        act = None if self.is_preview else self._apply(plan)
        return Response(self.shown(_shown(plan, act, is_preview=self.is_preview)))

    def _apply(self, plan: FilePlan) -> Act:
        if plan.faults:
            raise InvalidInput(
                f"{len(plan.faults)} rows of the file cannot be read; the first is in line "
                f"{plan.faults[0].line}: {plan.faults[0].fault}",
                errors=[
                    {
                        "pointer": "/csv",
                        "code": "row",
                        "detail": f"Line {change.line}: {change.fault}",
                    }
                    for change in plan.faults[:_MOST_FAULTS]
                ],
            )
        return allocate_many(
            book=self.book,
            amounts=plan.amounts,
            reason=self.input["reason"],
            actor=self.actor,
            idempotency_key=self.act_key,
        )


class WalletStatementViewSet(CreditsViewSet):
    """What happened to one wallet in a cycle."""

    output_class = shapes.WalletStatementOutput
    query_classes = {"retrieve": shapes.WalletOneQuery, "as_csv": shapes.WalletOneQuery}
    file_actions = frozenset({"as_csv"})

    @documented(
        Operation(
            "getWalletStatement", "Get the statement of a wallet", TAG, examples.WALLET_STATEMENT,
            output=shapes.WalletStatementOutput, query=shapes.WalletOneQuery, refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def retrieve(self, request: Request, wallet_id: UUID) -> Response:
        """Return the opening balance of a cycle, every movement, and the closing balance."""
        return self.one(self._made(self._found(wallet_id)))

    @documented(
        Operation(
            "getWalletStatementCsv", "Get the statement of a wallet as a CSV file", TAG, None,
            output=OpenApiTypes.STR, media="text/csv", query=shapes.WalletOneQuery,
            refusals=(404,),
        ),
        method="GET",
    )  # fmt: skip
    def as_csv(self, request: Request, wallet_id: UUID) -> HttpResponse:
        """Return the same with the other ends by name."""
        rows = statement_rows(self.product, self._made(self._found(wallet_id)))
        return HttpResponse("".join(csv_lines(rows)), content_type=_CSV)

    def _found(self, wallet_id: UUID) -> NodeWallet:
        return wallet_for(self.product, self.scope, wallet_id)

    def _made(self, found: NodeWallet) -> WalletStatement:
        return statement_of(found.wallet, self.cycle or open_cycle_of(found.wallet.book))


def _shown(plan: FilePlan, act: Act | None, *, is_preview: bool) -> dict[str, Any]:
    return {
        "preview": is_preview,
        "possible": plan.is_fine,
        "act": act,
        "rows": plan.changes,
        "lacking": [{"name": name, "lacks": lacks} for name, lacks in plan.lacking.items()],
    }
