"""What the resource `own-llms` takes and shows. Prices are US dollars as decimal strings."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import Input, LineField
from tenants.models import LlmKind
from tenants.shapes import NO_PRICE, PricesInput, PricesOutput, price_shown

PRICE = {
    "version": "own-2",
    "is_catalogue": False,
    **NO_PRICE,
    "input_usd": "1.25",
    "output_usd": "10",
}
EXAMPLE: dict[str, Any] = {
    "id": "0198a7d1-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
    "name": "company-gpt",
    "title": "Company GPT",
    "kind": "chat",
    "description": "",
    "context_window": 128000,
    "max_output_tokens": 8192,
    "capabilities": ["tools"],
    "retries": 1,
    "fallback": "gpt-5-mini",
    "price": PRICE,
    "deployments": ["0198a7d1-2b3c-7d4e-8f50-6b7c8d9e0f10"],
}


class OwnPriceOutput(PricesOutput):
    """The price that counts: the platform's where the LLM is in its catalogue."""

    version = serializers.CharField()
    is_catalogue = serializers.BooleanField()


class OwnLlmOutput(serializers.Serializer[Any]):
    """An LLM that the account runs itself. Without a price its calls are refused."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.ChoiceField(choices=LlmKind.values)
    description = serializers.CharField()
    context_window = serializers.IntegerField()
    max_output_tokens = serializers.IntegerField()
    capabilities = serializers.ListField(child=serializers.CharField())
    retries = serializers.IntegerField()
    fallback = serializers.CharField(help_text="The name of an LLM that answers in its stead.")
    price = OwnPriceOutput(allow_null=True)
    deployments = serializers.ListField(child=serializers.UUIDField())

    def to_representation(self, instance: Any) -> dict[str, Any]:
        price = self.context.get("price")
        names = ("id", "name", "title", "kind", "description", "context_window",
                 "max_output_tokens", "capabilities", "retries", "fallback")  # fmt: skip
        return dict(
            super().to_representation(
                {
                    **{name: getattr(instance, name) for name in names},
                    "price": None if price is None else _price_shown(price),
                    "deployments": [place.pk for place in instance.deployments.all()],
                }
            )
        )


def _price_shown(price: Any) -> dict[str, Any]:
    known = {"version": price.version, "is_catalogue": price.is_catalogue}
    return {**known, **price_shown(price.row)}


class OwnLlmChangeInput(Input):
    """What is to change; what is left out stays."""

    title = LineField(max_length=120, required=False)
    description = LineField(max_length=300, required=False, allow_blank=True)
    context_window = serializers.IntegerField(required=False, min_value=0, max_value=100_000_000)
    max_output_tokens = serializers.IntegerField(required=False, min_value=0, max_value=100_000_000)
    capabilities = serializers.ListField(
        child=LineField(max_length=20), required=False, max_length=20
    )
    retries = serializers.IntegerField(required=False, min_value=0, max_value=3)
    fallback = LineField(max_length=80, required=False, allow_blank=True)


class OwnLlmInput(OwnLlmChangeInput):
    """A new LLM of the account's own."""

    name = LineField(max_length=80, help_text="What calls send. It can never be changed.")
    title = LineField(max_length=120)
    kind = serializers.ChoiceField(choices=LlmKind.values, required=False)


class OwnPriceInput(PricesInput):
    """A new price of an own LLM.

    Cached, written to a cache and heard tokens cost as input where they are left out; reasoning
    and spoken ones as output. Images and requests are free then.
    """
