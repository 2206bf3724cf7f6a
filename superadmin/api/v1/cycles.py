"""The cycles of an account: what each was given, what it used, what became of the rest."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits.shapes import CYCLE_STATES, CreditsField
from core.api.documents import Operation, documented
from core.api.serializers import Input
from core.hierarchy.product import product_named
from superadmin.api.v1.base import PlatformViewSet, ProductField
from tenants.selectors import cycles_of_account, recommended_overflow_of


class CyclesQuery(Input):
    """Of which product."""

    product = ProductField()


class AccountCycleOutput(serializers.Serializer[Any]):
    """One cycle. All but the last three figures leave overflow out."""

    number = serializers.IntegerField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(choices=CYCLE_STATES)
    plan_version = serializers.IntegerField()
    granted = CreditsField()
    carried_in = CreditsField()
    used = CreditsField()
    rolled_over = CreditsField()
    expired = CreditsField()
    left = CreditsField()
    shortfall = CreditsField(help_text="By how much the grant was less than the allocation rules.")
    overflow_used = CreditsField()
    covered = CreditsField(help_text="Of the overflow paid from what the cycle had left.")
    billed = CreditsField(allow_null=True, help_text="Of the statement; null until it is closed.")
    statement = serializers.UUIDField(source="statement_id", allow_null=True)


# Else an action named `list` is documented as an array of these.
@extend_schema_serializer(many=False)
class AccountCyclesOutput(serializers.Serializer[Any]):
    """The latest cycles of a product, and the overflow limit that they suggest."""

    recommended_overflow = CreditsField(
        source="suggested", allow_null=True, help_text="Null where there is no ledger yet."
    )
    items = AccountCycleOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="Null: all come at once.")


class AccountCyclesViewSet(PlatformViewSet):
    """Cycles of one account, from its own ledger."""

    read_permission = "platform.manage_credits"
    output_class = AccountCyclesOutput
    query_classes = {"list": CyclesQuery}

    @documented(
        Operation(
            "listAccountCycles",
            "List the cycles of an account",
            "Credits of an account",
            {
                "recommended_overflow": "150",
                "items": [
                    {
                        "number": 2,
                        "starts_at": "2026-11-01T00:00:00Z",
                        "ends_at": "2026-12-01T00:00:00Z",
                        "state": "open",
                        "plan_version": 1,
                        "granted": "5000",
                        "carried_in": "250",
                        "used": "1204.5",
                        "rolled_over": "0",
                        "expired": "0",
                        "left": "4045.5",
                        "shortfall": "0",
                        "overflow_used": "0",
                        "covered": "0",
                        "billed": None,
                        "statement": None,
                    }
                ],
                "next": None,
            },
            output=AccountCyclesOutput,
            query=CyclesQuery,
            refusals=(404,),
        ),
        method="GET",
    )
    def list(self, request: Request, slug: str) -> Response:
        """Return what each of the latest cycles was given, what it used, what became of the rest.

        The newest first, with the overflow limit that past use suggests.
        """
        account, product = self.account, self.query["product"]
        found = {
            "suggested": recommended_overflow_of(account, product_named(product)),
            "items": cycles_of_account(account, product),
            "next": None,
        }
        return Response(self.shown(found))
