"""What the resource `own-llms` takes and shows. Prices are US dollars as decimal strings."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from core.api.serializers import Input, LineField
from tenants.models import LlmKind
from tenants.services.llms import PRICE_FIELDS

PRICE = {
    "version": "own-2",
    "is_catalogue": False,
    **dict.fromkeys(PRICE_FIELDS, "0"),
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


def price_field(**options: Any) -> serializers.DecimalField:
    """Return the field of a price."""
    return serializers.DecimalField(max_digits=14, decimal_places=6, **options)


class OwnPriceOutput(serializers.Serializer[Any]):
    """The price that counts: the platform's where the LLM is in its catalogue."""

    version = serializers.CharField()
    is_catalogue = serializers.BooleanField()
    input_usd = serializers.CharField()
    output_usd = serializers.CharField()
    cache_read_usd = serializers.CharField()
    cache_write_usd = serializers.CharField()
    reasoning_usd = serializers.CharField()
    audio_input_usd = serializers.CharField()
    audio_output_usd = serializers.CharField()
    image_each_usd = serializers.CharField()
    request_usd = serializers.CharField()


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
                    "price": None if price is None else price_shown(price),
                    "deployments": [place.pk for place in instance.deployments.all()],
                }
            )
        )


def price_shown(price: Any) -> dict[str, Any]:
    """Return a price that counts as the API shows it."""
    values: dict[str, Decimal] = {name: getattr(price.row, name) for name in PRICE_FIELDS}
    return {
        "version": price.version,
        "is_catalogue": price.is_catalogue,
        **{name: f"{value.normalize():f}" for name, value in values.items()},
    }


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


class OwnPriceInput(Input):
    """US dollars per million tokens, for an image, for a request.

    Cached, written to a cache and heard tokens cost as input where they are left out; reasoning
    and spoken ones as output. Images and requests are free then.
    """

    input_usd = price_field(required=False)
    output_usd = price_field(required=False)
    cache_read_usd = price_field(required=False)
    cache_write_usd = price_field(required=False)
    reasoning_usd = price_field(required=False)
    audio_input_usd = price_field(required=False)
    audio_output_usd = price_field(required=False)
    image_each_usd = price_field(required=False)
    request_usd = price_field(required=False)
