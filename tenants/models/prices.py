"""PriceVersion: what a price row consists of, the platform's and an account's own."""

from decimal import Decimal
from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from tenants.rules import PLAIN_PRICES

# By part, what people call it. The order is that of forms and files.
PRICE_LABELS = {
    "input_usd": _("input"),
    "output_usd": _("output"),
    "cache_read_usd": _("input read from cache"),
    "cache_write_usd": _("input written to cache"),
    "reasoning_usd": _("reasoning"),
    "audio_input_usd": _("audio input"),
    "audio_output_usd": _("audio output"),
    "image_each_usd": _("one image"),
    "request_usd": _("one request"),
}
PRICE_FIELDS = tuple(PRICE_LABELS)


def _price(part: str) -> "models.DecimalField[Decimal, Decimal]":
    label: Any = PRICE_LABELS[part]
    return models.DecimalField(
        label,
        max_digits=14,
        decimal_places=6,
        default=Decimal(0),
        validators=(MinValueValidator(Decimal(0)),),
    )


class PriceVersion(models.Model):
    """What an LLM costs, in US dollars per million tokens unless the name says otherwise.

    Never edited: a new price is a new version, and every event keeps the version it was priced
    with. `llm` is the LLM that it is the price of.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField()
    input_usd = _price("input_usd")
    output_usd = _price("output_usd")
    cache_read_usd = _price("cache_read_usd")
    cache_write_usd = _price("cache_write_usd")
    reasoning_usd = _price("reasoning_usd")
    audio_input_usd = _price("audio_input_usd")
    audio_output_usd = _price("audio_output_usd")
    image_each_usd = _price("image_each_usd")
    request_usd = _price("request_usd")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254)

    class Meta:
        abstract = True
        ordering = ("-version",)

    def __str__(self) -> str:
        return f"v{self.version}"

    def parts(self) -> dict[str, Decimal]:
        """Return every part by name."""
        return {part: getattr(self, part) for part in PRICE_FIELDS}

    def named(self) -> dict[str, str]:
        """Return every part that costs something, as texts."""
        # Normalized alone, ten dollars would be 1E+1.
        return {part: f"{price.normalize():f}" for part, price in self.parts().items() if price}

    def typed(self) -> dict[str, str]:
        """Return the parts that somebody has to name, as they would type them.

        What is nothing, or the same as that of plain tokens, goes without saying.
        """
        parts = self.parts()
        plain = {part: parts.get(PLAIN_PRICES.get(part, ""), Decimal(0)) for part in parts}
        return {
            part: f"{price.normalize():f}" for part, price in parts.items() if price != plain[part]
        }

    def special(self) -> list[tuple[Any, Decimal]]:
        """Return what it names beside input and output, each with what people call it."""
        named = self.typed().keys() - {"input_usd", "output_usd"}
        return [(PRICE_LABELS[part], getattr(self, part)) for part in PRICE_FIELDS if part in named]
