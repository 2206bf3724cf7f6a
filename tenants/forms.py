"""Forms about LLMs that both who runs the platform and who runs an account fill in.

They check shapes; what may be is decided by the services.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from core.ui.forms import CockpitForm
from tenants.models import PRICE_FIELDS, PRICE_LABELS, PriceVersion
from tenants.vendors import Vendor, credential_fields

CAPABILITIES = ("tools", "vision", "reasoning", "json", "audio", "image")
# A name of a model or a key is no prose, and nothing that a browser should remember.
PLAIN = {"spellcheck": "false", "autocomplete": "off"}
_CREDENTIAL_LABELS = {
    "api_key": _("API key"),
    "aws_access_key_id": _("Access key ID"),
    "aws_secret_access_key": _("Secret access key"),
    "service_account": _("Service account key (JSON)"),
}


def number_field(label: Any, *, step: str = "any", **options: Any) -> forms.DecimalField:
    """Return the field of a number that is not negative."""
    return forms.DecimalField(
        label=label,
        max_digits=14,
        decimal_places=6,
        localize=False,
        widget=forms.NumberInput(attrs={"step": step, "inputmode": "decimal", "min": "0"}),
        **options,
    )


class LimitsForm(CockpitForm):
    """What an LLM takes and what it can."""

    context_window = forms.IntegerField(
        label=_("Context window, tokens"), min_value=0, max_value=100_000_000
    )
    max_output_tokens = forms.IntegerField(
        label=_("Longest answer, tokens"), min_value=0, max_value=100_000_000
    )
    capabilities = forms.MultipleChoiceField(
        label=_("Capabilities"),
        choices=[(name, name) for name in CAPABILITIES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class PricesForm(CockpitForm):
    """A price in US dollars per million tokens, for an image, for a request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for part, label in PRICE_LABELS.items():
            self.fields[part] = number_field(capfirst(str(label)), required=False)

    def prices(self) -> dict[str, Decimal]:
        """Return the prices that were named; a blank one has none of its own."""
        values = self.cleaned_data
        return {part: values[part] for part in PRICE_FIELDS if values[part] is not None}

    def main_fields(self) -> list[Any]:
        """Return what nearly every LLM has a price for."""
        return [self["input_usd"], self["output_usd"]]

    def more_fields(self) -> list[Any]:
        """Return the rest."""
        return [self[part] for part in PRICE_FIELDS[2:]]

    def has_more(self) -> bool:
        """Whether one of the rest is filled in or refused, so that the page shows them."""
        return any(field.errors or field.value() for field in self.more_fields())


def typed_price(price: PriceVersion | None) -> Mapping[str, str]:
    """Return what a form of prices is filled in with."""
    return {} if price is None else price.typed()


class CredentialForm(CockpitForm):
    """A vendor's credential. Never rendered with a value, not even after an error."""

    def __init__(self, *args: Any, vendor: Vendor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= credential_inputs(vendor)

    def credential(self) -> dict[str, str]:
        """Return what was typed in."""
        return {
            name: value for name, value in self.cleaned_data.items() if name in _CREDENTIAL_LABELS
        }


def credential_inputs(vendor: Vendor) -> dict[str, forms.Field]:
    """Return the fields of a vendor's credential, by name."""
    return {name: _credential_input(name, vendor) for name in credential_fields(vendor)}


def option_inputs(vendor: Vendor) -> dict[str, forms.Field]:
    """Return the fields of what a vendor needs besides, by name."""
    return {
        option.name: forms.CharField(
            label=str(option.label),
            max_length=63,
            required=option.is_required,
            widget=forms.TextInput(attrs={"placeholder": option.example, **PLAIN}),
        )
        for option in vendor.options
    }


def _credential_input(name: str, vendor: Vendor) -> forms.CharField:
    widget: forms.Widget
    if name == "service_account":
        # A password field has one line; what is typed here is never shown again all the same.
        widget = _UnseenTextarea(attrs={"rows": 4, **PLAIN})
    else:
        widget = forms.PasswordInput(attrs=PLAIN)
    return forms.CharField(
        label=_CREDENTIAL_LABELS[name],
        max_length=16_384,
        required=vendor.credential != "optional_key",
        widget=widget,
        help_text=_("Stored sealed. Nobody can read it again."),
    )


class _UnseenTextarea(forms.Textarea):
    """A text area that, like a password field, never comes back with what was typed in."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        return super().get_context(name, None, attrs)
