"""Prices in credits, plans, moments and credential states as the super admin reads them."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from core.ui.templatetags.cockpit import credits as credits_text
from superadmin.badges import credential_badge, statement_badge
from superadmin.wording import rhythm_text
from tenants.credentials import CredentialState
from tenants.models import Rollover

register = template.Library()


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
def moment_in(moment: datetime | None, time_zone: str) -> str:
    """A moment by the clocks of a time zone: 1 December 2026, 00:00 Europe/Berlin."""
    if moment is None:
        return "–"
    local = moment.astimezone(ZoneInfo(time_zone))
    return f"{date_format(local, 'j F Y, H:i')} {time_zone}"


@register.filter
def day_in(moment: datetime | None, time_zone: str) -> str:
    """The day of a moment in a time zone: 1 Dec 2026."""
    if moment is None:
        return "–"
    return date_format(moment.astimezone(ZoneInfo(time_zone)), "j M Y")


@register.filter
def rhythm(terms: Any) -> str:
    """When credits renew, as a few words: monthly on day 15."""
    return rhythm_text(terms.period, terms.anchor_day, terms.anchor_month)


@register.filter
def left_over(terms: Any) -> str:
    """What becomes of credits that are left, as a few words."""
    match terms.rollover:
        case Rollover.ALL:
            return gettext("what is left rolls over")
        case Rollover.CAPPED:
            return gettext("up to %(cap)s of what is left roll over") % {
                "cap": credits_text(terms.rollover_cap_microcredits)
            }
    return gettext("what is left expires")


@register.filter
def statement_state(state: str) -> SafeString:
    """The badge of a statement's state."""
    return statement_badge(state)


@register.filter
def badge(state: CredentialState | None) -> SafeString:
    """The badge of a credential's state."""
    return credential_badge(state)
