"""Refunds: what a call of an account was charged is given back."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.credits.shapes import CreditsField
from core.api.documents import Operation, documented
from core.api.serializers import PreviewQuery
from superadmin.api.v1.base import PlatformViewSet, ProductField, ReasonInput
from superadmin.api.v1.credits import act_key_of
from tenants.services.refunds import Refunded, refund_call

_TAG = "Credits of an account"


class RefundInput(ReasonInput):
    """Which call, and how much of what it was charged."""

    product = ProductField()
    call = serializers.UUIDField(help_text="The request id of the call.")
    amount = CreditsField()


class BackOutput(serializers.Serializer[Any]):
    """What one of the wallets that paid gets back."""

    kind = serializers.CharField(help_text="What kind of wallet it is, in words.")
    amount = CreditsField()


class RefundOutput(serializers.Serializer[Any]):
    """A call after a refund, or as it would be."""

    preview = serializers.BooleanField(help_text="Whether nothing was given back.")
    call = serializers.UUIDField()
    charged = CreditsField()
    refunded = CreditsField(help_text="What came back of it so far, this refund included.")
    left = CreditsField(help_text="What can still be given back.")
    back = BackOutput(many=True)


class RefundViewSet(PlatformViewSet):
    """Refunds of calls, with a reason."""

    write_permission = "platform.manage_credits"
    output_class = RefundOutput
    input_classes = {"create": RefundInput}
    query_classes = {"create": PreviewQuery}
    key_required_for = frozenset({"create"})

    @documented(
        Operation(
            "refundCall",
            "Give back what a call was charged",
            _TAG,
            {
                "preview": False,
                "call": "0198a7c6-4e5f-7061-8273-849506172839",
                "charged": "12.5",
                "refunded": "10",
                "left": "2.5",
                "back": [{"kind": "Membership", "amount": "10"}],
            },
            output=RefundOutput,
            body=RefundInput,
            query=PreviewQuery,
            sent={
                "product": "console",
                "call": "0198a7c6-4e5f-7061-8273-849506172839",
                "amount": "10",
                "reason": "The answer broke off.",
            },
            needs_key=True,
            refusals=(404, 409),
        ),
        method="POST",
    )
    def create(self, request: Request, slug: str) -> Response:
        """Give credits back to the wallets that paid, the last payer first.

        They come back into the cycle that was charged, or the open one once that is closed. With
        `preview=1` nothing moves, and the answer says who would get what.
        """
        account, given = self.account, dict(self.input)
        with self.previewing():
            done = refund_call(
                account=account,
                call_id=given.pop("call"),
                idempotency_key=act_key_of(request),
                actor=self.actor,
                **given,
            )
        return Response(self.shown(_shown(done, is_preview=self.is_preview)))


def _shown(done: Refunded, *, is_preview: bool) -> dict[str, Any]:
    return {
        "preview": is_preview,
        "call": done.call.id,
        "charged": done.call.charged,
        "refunded": done.call.refunded,
        "left": done.call.left,
        "back": [{"kind": kind, "amount": amount} for kind, amount in done.back],
    }
