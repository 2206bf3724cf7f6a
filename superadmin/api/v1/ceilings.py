"""What an account may have at all: features and LLMs, which its own admins cannot pass."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.access.features import features_of
from core.access.permissions import PRODUCTS
from core.api.documents import ETAG, IF_MATCH, IF_NONE_MATCH, Operation, documented
from core.api.serializers import Input
from core.api.viewsets import unknown_reference
from superadmin.api.v1.base import PlatformViewSet
from tenants.models import Account, Llm
from tenants.selectors import offered_ids, withheld_features
from tenants.services.features import set_features
from tenants.services.offers import set_offers


class FeaturesInput(Input):
    """Exactly which features the account has; a product that is not named stays as it is."""

    copilot = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=200
    )
    console = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=200
    )


class FeaturesOutput(serializers.Serializer[Any]):
    """The features that each product of an account has."""

    copilot = serializers.ListField(child=serializers.CharField())
    console = serializers.ListField(child=serializers.CharField())


class LlmsInput(Input):
    """Exactly which LLMs the account is offered, by their ids in the catalogue."""

    copilot = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=1000)
    console = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=1000)


class LlmsOutput(serializers.Serializer[Any]):
    """The LLMs that each product of an account is offered, by their ids."""

    copilot = serializers.ListField(child=serializers.UUIDField())
    console = serializers.ListField(child=serializers.UUIDField())


_LLM = "0198a7c6-1f2e-7d3c-8b4a-596877869504"
_FEATURES = {"copilot": ["image_generation"], "console": []}
_LLMS = {"copilot": [_LLM], "console": [_LLM]}
_READ: dict[str, Any] = {"parameters": (ETAG, IF_NONE_MATCH), "refusals": (404,)}
_CHANGE: dict[str, Any] = {"parameters": (ETAG, IF_MATCH), "refusals": (404,)}


class FeaturesViewSet(PlatformViewSet):
    """The features of an account."""

    read_permission = "platform.manage_accounts"
    write_permission = "platform.manage_accounts"
    output_class = FeaturesOutput
    input_classes = {"partial_update": FeaturesInput}

    @documented(
        Operation(
            "getAccountFeatures",
            "Read which features an account has",
            "Features",
            _FEATURES,
            output=FeaturesOutput,
            **_READ,
        ),
        method="GET",
    )
    def retrieve(self, request: Request, slug: str) -> Response:
        """Return the features of both products."""
        return self.one(self.account)

    @documented(
        Operation(
            "setAccountFeatures",
            "Set which features an account has",
            "Features",
            _FEATURES,
            output=FeaturesOutput,
            body=FeaturesInput,
            sent={"copilot": ["image_generation"]},
            **_CHANGE,
        ),
        method="PATCH",
    )
    def partial_update(self, request: Request, slug: str) -> Response:
        """Give and take features; it counts at once."""
        _ = self.account
        given = self.input
        with self.changing(lambda: self.account) as account:
            for product, features in given.items():
                set_features(account=account, product=product, features=features, actor=self.actor)
        return self.one(self.account)

    def shown(self, found: Account) -> dict[str, Any]:
        return {product: _features(found, product) for product in PRODUCTS}


class OffersViewSet(PlatformViewSet):
    """The LLMs that an account is offered; its admins switch them on."""

    read_permission = "platform.manage_accounts"
    write_permission = "platform.manage_accounts"
    output_class = LlmsOutput
    input_classes = {"partial_update": LlmsInput}

    @documented(
        Operation(
            "getAccountLlms",
            "Read which LLMs an account is offered",
            "LLMs of an account",
            _LLMS,
            output=LlmsOutput,
            **_READ,
        ),
        method="GET",
    )
    def retrieve(self, request: Request, slug: str) -> Response:
        """Return the ids of the LLMs on offer, by product."""
        return self.one(self.account)

    @documented(
        Operation(
            "setAccountLlms",
            "Set which LLMs an account is offered",
            "LLMs of an account",
            _LLMS,
            output=LlmsOutput,
            body=LlmsInput,
            sent=_LLMS,
            **_CHANGE,
        ),
        method="PATCH",
    )
    def partial_update(self, request: Request, slug: str) -> Response:
        """Offer exactly these; what is withdrawn is refused from the next call on."""
        _ = self.account
        given = self.input
        with self.changing(lambda: self.account) as account, transaction.atomic():
            for product, ids in given.items():
                found = list(Llm.objects.filter(pk__in=ids))
                if len(found) < len(set(ids)):
                    raise unknown_reference(product, "LLM")
                set_offers(account=account, product=product, llms=found, actor=self.actor)
        return self.one(self.account)

    def shown(self, found: Account) -> dict[str, Any]:
        offered = offered_ids(found)
        return {
            product: sorted(str(one) for one in offered.get(product, frozenset()))
            for product in PRODUCTS
        }


def _features(account: Account, product: str) -> list[str]:
    withheld = withheld_features(account.pk, product)
    return sorted(feature.key for feature in features_of(product) if feature.key not in withheld)
