"""Prices and credential states as the super admin reads them."""

from decimal import Decimal

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from superadmin.badges import credential_badge
from tenants.credentials import CredentialState
from tenants.models import PriceRow

register = template.Library()


@register.filter
def dollars(price: Decimal | None) -> str:
    """A price in US dollars with the digits it was set with, and at least two."""
    if price is None:
        return "–"
    text = f"{price.normalize():f}"
    whole, _point, fraction = text.partition(".")
    return f"${int(whole):,}.{fraction.ljust(2, '0')}"


@register.filter
def other_parts(row: PriceRow) -> str:
    """What a price names beside input and output."""
    return ", ".join(
        f"{label} {dollars(price)}"
        for label, price in (
            (_("cached input"), row.cache_read_usd),
            (_("written to cache"), row.cache_write_usd),
            (_("reasoning"), row.reasoning_usd),
            (_("audio in"), row.audio_input_usd),
            (_("audio out"), row.audio_output_usd),
            (_("image"), row.image_each_usd),
            (_("request"), row.request_usd),
        )
        if price
    )


@register.filter
def credit_price(amount: Decimal | None) -> str:
    """A price in credits; small ones keep the digits that matter."""
    if amount is None:
        return "–"
    if amount and amount < 1:
        return f"{amount.quantize(Decimal('0.000001')).normalize():f}"
    return f"{amount:,.2f}".removesuffix(".00")


@register.filter
def factor(value: Decimal | None) -> str:
    """A credit factor without zeros that nobody typed."""
    return "–" if value is None else f"{value.normalize():,f}"


@register.filter
def badge(state: CredentialState | None) -> SafeString:
    """The badge of a credential's state."""
    return credential_badge(state)
