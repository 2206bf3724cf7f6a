"""What the APIs take and show of prices and credentials, the platform's and accounts' own."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from core.api.serializers import Input, LineField
from tenants.models import PRICE_FIELDS, PriceVersion

_EACH = {"image_each_usd": "For one image.", "request_usd": "For one request."}
NO_PRICE = dict.fromkeys(PRICE_FIELDS, "0")


class PriceField(serializers.DecimalField):
    """US dollars; for a million tokens, unless the name says otherwise."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=14, decimal_places=6, required=False, **options)


class PricesInput(Input):
    """US dollars per million tokens, for an image, for a request.

    Cached, written to a cache and heard tokens cost as input where they are left out; reasoning
    and spoken ones as output. Images and requests are free then.
    """

    def get_fields(self) -> dict[str, Any]:
        prices = {part: PriceField(help_text=_EACH.get(part)) for part in PRICE_FIELDS}
        return {**super().get_fields(), **prices}


class PricesOutput(serializers.Serializer[Any]):
    """Every part of a price, in US dollars."""

    def get_fields(self) -> dict[str, Any]:
        prices = {part: serializers.CharField() for part in PRICE_FIELDS}
        return {**super().get_fields(), **prices}


def price_shown(price: PriceVersion) -> Mapping[str, str]:
    """Return every part of a price as the APIs show it."""
    return {part: f"{amount.normalize():f}" for part, amount in price.parts().items()}


class CredentialInput(Input):
    """What a vendor's credential consists of: a key, a pair of AWS keys, a service account.

    It is sealed, and nobody reads it again.
    """

    api_key = serializers.CharField(required=False, write_only=True, max_length=4096)
    aws_access_key_id = serializers.CharField(required=False, write_only=True, max_length=4096)
    aws_secret_access_key = serializers.CharField(required=False, write_only=True, max_length=4096)
    service_account = serializers.CharField(required=False, write_only=True, max_length=16_384)


def options_field() -> serializers.DictField:
    """Return the field of what a vendor needs besides, such as a region."""
    return serializers.DictField(child=LineField(max_length=63), required=False)
