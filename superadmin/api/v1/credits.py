"""What an account pays and gets: its credit factor, its credit terms, credits given by hand."""

import hashlib
from collections.abc import Callable
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.access.permissions import PRODUCTS
from core.api import idempotency
from core.api.credentials import principal_of
from core.api.credits.shapes import CreditsField
from core.api.documents import ETAG, IF_NONE_MATCH, Operation, documented
from core.api.serializers import PreviewQuery
from core.credits.errors import InsufficientCredits
from superadmin.api.v1.base import PlatformViewSet, ProductField, ReasonInput
from tenants.models import Account, CreditTerms, Period, Rollover
from tenants.selectors import credit_terms_of, terms_of
from tenants.services import credits as services


class FactorInput(ReasonInput):
    """What one dollar of cost comes to."""

    factor = serializers.DecimalField(
        max_digits=12, decimal_places=6, help_text="Credits for one US dollar of cost."
    )


class TermsInput(ReasonInput):
    """A plan and an overflow limit for one product. What is not named is as in a new account."""

    product = ProductField()
    grant = CreditsField(help_text="Credits of each cycle.")
    overflow_limit = CreditsField(required=False, default=0)
    period = serializers.ChoiceField(required=False, default=Period.MONTH, choices=Period.values)
    anchor_day = serializers.IntegerField(required=False, default=1, min_value=1, max_value=31)
    anchor_month = serializers.IntegerField(required=False, default=1, min_value=1, max_value=12)
    rollover = serializers.ChoiceField(
        required=False, default=Rollover.NONE, choices=Rollover.values
    )
    rollover_cap = CreditsField(required=False, default=0)
    grant_now = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Grant the credits to the current cycle too: once in the account's life.",
    )


class MoveInput(ReasonInput):
    """Credits for or from Unallocated of the current cycle."""

    product = ProductField()
    amount = CreditsField()


class ProductTermsOutput(serializers.Serializer[Any]):
    """One version of what an account gets for a product."""

    product = ProductField()
    version = serializers.IntegerField()
    grant = CreditsField(source="grant_microcredits")
    overflow_limit = CreditsField(source="overflow_limit_microcredits")
    period = serializers.ChoiceField(choices=Period.values)
    anchor_day = serializers.IntegerField()
    anchor_month = serializers.IntegerField()
    rollover = serializers.ChoiceField(choices=Rollover.values)
    rollover_cap = CreditsField(source="rollover_cap_microcredits")
    effective_from = serializers.DateTimeField(
        allow_null=True, help_text="When the plan takes effect: a boundary of the cycles."
    )


class CreditTermsOutput(serializers.Serializer[Any]):
    """The factor in force and the latest terms of each product."""

    credit_factor = serializers.CharField(help_text="Credits for one US dollar, as a decimal.")
    factor_version = serializers.IntegerField()
    terms = ProductTermsOutput(many=True)


class SetTermsOutput(CreditTermsOutput):
    """The terms after a change, or as they would be."""

    preview = serializers.BooleanField(help_text="Whether nothing was changed.")


_EXAMPLE = {
    "credit_factor": "100",
    "factor_version": 1,
    "terms": [
        {
            "product": "console",
            "version": 2,
            "grant": "5000",
            "overflow_limit": "500",
            "period": "month",
            "anchor_day": 1,
            "anchor_month": 1,
            "rollover": "none",
            "rollover_cap": "0",
            "effective_from": "2026-12-01T00:00:00Z",
        }
    ],
}
_TAG = "Credits of an account"
_SENT = {"product": "console", "amount": "250", "reason": "Goodwill after the outage."}


class CreditTermsViewSet(PlatformViewSet):
    """Factor, plans and overflow limits of an account, all versioned."""

    read_permission = "platform.manage_credits"
    write_permission = "platform.manage_credits"
    output_class = CreditTermsOutput
    input_classes = {"create": TermsInput, "set_factor": FactorInput}
    query_classes = {"create": PreviewQuery}

    @documented(
        Operation(
            "getCreditTerms",
            "Read the credit terms of an account",
            _TAG,
            _EXAMPLE,
            output=CreditTermsOutput,
            parameters=(ETAG, IF_NONE_MATCH),
            refusals=(404,),
        ),
        method="GET",
    )
    def retrieve(self, request: Request, slug: str) -> Response:
        """Return the factor in force and the latest terms of each product."""
        return self.one(self.account)

    @documented(
        Operation(
            "setCreditTerms",
            "Set the credit terms of a product",
            _TAG,
            {**_EXAMPLE, "preview": False},
            output=SetTermsOutput,
            body=TermsInput,
            sent={"product": "console", "grant": "5000", "overflow_limit": "500"},
            query=PreviewQuery,
            parameters=(ETAG,),
            refusals=(404,),
        ),
        method="POST",
    )
    def create(self, request: Request, slug: str) -> Response:
        """Start a new version. The plan takes effect at the next boundary, the limit at once."""
        account, given = self.account, dict(self.input)
        amounts = {
            f"{name}_microcredits": given[name]
            for name in ("grant", "overflow_limit", "rollover_cap")
        }
        plan = {name: given[name] for name in ("period", "anchor_day", "anchor_month", "rollover")}
        with self.previewing():
            services.set_credit_terms(
                account=account,
                product=given["product"],
                terms=services.Terms(**amounts, **plan),
                grant_now=given["grant_now"],
                reason=given["reason"],
                actor=self.actor,
            )
            return self.one(account, preview=self.is_preview)

    @documented(
        Operation(
            "setCreditFactor",
            "Set the credit factor of an account",
            _TAG,
            _EXAMPLE,
            output=CreditTermsOutput,
            body=FactorInput,
            sent={"factor": "120", "reason": "New contract."},
            parameters=(ETAG,),
            refusals=(404,),
        ),
        method="POST",
    )
    def set_factor(self, request: Request, slug: str) -> Response:
        """Start a new version of the factor. What was charged so far stays as it is."""
        account = self.account
        services.set_credit_factor(account=account, actor=self.actor, **self.input)
        return self.one(account)

    def shown(self, found: Account) -> dict[str, Any]:
        terms, by_product = terms_of(found.pk), credit_terms_of(found)
        return {
            "credit_factor": f"{terms.credit_factor.normalize():f}",
            "factor_version": terms.factor_version,
            "terms": [_terms(by_product[one]) for one in PRODUCTS if one in by_product],
        }


class GrantViewSet(PlatformViewSet):
    """Credits given to an account, or taken back, by hand and with a reason."""

    write_permission = "platform.manage_credits"
    input_classes = {"create": MoveInput, "take_back": MoveInput}
    key_required_for = frozenset({"create", "take_back"})

    def handle_exception(self, exc: Exception) -> Response:
        # 402 is the gateway's word to those who call LLMs; here it is a conflict among the figures.
        if isinstance(exc, InsufficientCredits):
            exc.status = 409  # type: ignore[misc]  # of this answer, not of the class
        response: Response = super().handle_exception(exc)
        return response

    @documented(
        Operation(
            "grantCredits",
            "Give an account credits",
            _TAG,
            None,
            body=MoveInput,
            sent=_SENT,
            status=204,
            needs_key=True,
            refusals=(404,),
        ),
        method="POST",
    )
    def create(self, request: Request, slug: str) -> Response:
        """Put credits into Unallocated of the current cycle."""
        return self._move(services.top_up_account)

    @documented(
        Operation(
            "takeCreditsBack",
            "Take credits back from an account",
            _TAG,
            None,
            body=MoveInput,
            sent=_SENT,
            status=204,
            needs_key=True,
            refusals=(404,),
        ),
        method="POST",
    )
    def take_back(self, request: Request, slug: str) -> Response:
        """Take credits out of Unallocated of the current cycle."""
        return self._move(services.take_back_from_account)

    def _move(self, move: Callable[..., None]) -> Response:
        account, given = self.account, self.input
        key = act_key_of(self.request)
        move(account=account, idempotency_key=key, actor=self.actor, **given)
        return Response(status=204)


def act_key_of(request: Request) -> str:
    """Return the key under which the ledger itself does a call once, as long as it exists."""
    # The ledger's own keys are shorter than what a caller may send.
    sent = f"{principal_of(request)} {idempotency.key_in(request.headers)}"
    return f"platform:{hashlib.sha256(sent.encode()).hexdigest()}"


def _terms(row: CreditTerms) -> dict[str, Any]:
    return dict(ProductTermsOutput(row).data)
