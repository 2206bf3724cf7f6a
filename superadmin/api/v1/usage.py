"""The resources `usage` and `audit` of the platform."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.audit.views import AuditViewSet
from core.api.credits.shapes import CreditsField
from core.api.documents import Operation, documented
from core.api.serializers import Input, LineField
from superadmin.api.v1.base import SLUG, PlatformViewSet, ProductField
from superadmin.selectors.usage import GROUPS, usage_by


class UsageQuery(Input):
    """Which days, and by what."""

    group_by = serializers.ChoiceField(required=False, default="account", choices=GROUPS)
    since = serializers.DateField(required=False, help_text="The first day, in UTC.")
    until = serializers.DateField(required=False, help_text="The last day, in UTC.")
    account = LineField(required=False, max_length=40, help_text="Of this short name only.")
    product = ProductField(required=False)


class UsageRowOutput(serializers.Serializer[Any]):
    """What one account, product or day came to."""

    group = serializers.CharField(help_text="A short name, a product, or a day.")
    calls = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # DRF's own name
    credits = CreditsField(source="charged")
    cost_usd = serializers.CharField()


# Else an action named `list` is documented as an array of these.
@extend_schema_serializer(many=False)
class UsageOutput(serializers.Serializer[Any]):
    """Usage of all accounts; groups without calls are left out."""

    group_by = serializers.ChoiceField(choices=GROUPS)
    items = UsageRowOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="Null: all come at once.")


class UsageViewSet(PlatformViewSet):
    """Usage of all accounts, from the daily figures that each pushes."""

    read_permission = "platform.view_overview"
    output_class = UsageRowOutput
    query_classes = {"list": UsageQuery}

    @documented(
        Operation(
            "getUsage",
            "Read the usage of all accounts",
            "Usage",
            {
                "group_by": "account",
                "items": [
                    {
                        "group": SLUG,
                        "calls": 1204,
                        "errors": 3,
                        "credits": "311.25",
                        "cost_usd": "3.1125",
                    }
                ],
                "next": None,
            },
            output=UsageOutput,
            query=UsageQuery,
        ),
        method="GET",
    )
    def list(self, request: Request) -> Response:
        """Return calls, credits and cost by account, product or day; the most credits first.

        Days come in order. Figures are some minutes old at most; the accounts' own ledgers are
        the truth.
        """
        query = dict(self.query)
        group_by = query.pop("group_by")
        rows = [self.shown(row) for row in usage_by(group_by, **query)]
        return Response({"group_by": group_by, "items": rows, "next": None})


class PlatformAuditViewSet(PlatformViewSet, AuditViewSet):
    """What super admins changed, and what the platform changed by itself."""

    read_permission = "platform.view_audit"

    def _seen(self) -> dict[str, Any]:
        return {}
