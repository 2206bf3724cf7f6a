"""Forms of own LLMs and of where they run. What may be is decided by the services."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.ui.forms import CockpitForm
from tenants.models import LlmKind
from tenants.services.llms import PRICE_FIELDS
from tenants.vendors import VENDORS, Vendor, credential_fields

CAPABILITIES = ("tools", "vision", "reasoning", "json", "audio", "image")
_PLAIN = {"spellcheck": "false", "autocomplete": "off"}
_CREDENTIAL_LABELS = {
    "api_key": _("API key"),
    "aws_access_key_id": _("Access key ID"),
    "aws_secret_access_key": _("Secret access key"),
    "service_account": _("Service account key (JSON)"),
}


class OwnLlmForm(CockpitForm):
    """What an own LLM is called and what it can."""

    name = forms.CharField(
        label=_("Name in calls"),
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "company-gpt", **_PLAIN}),
        help_text=_("The exact model name that your developers send. It can never be changed."),
    )
    title = forms.CharField(label=_("Title"), max_length=120)
    kind = forms.ChoiceField(label=_("Kind"), choices=LlmKind.choices)


class OwnLlmDetailsForm(CockpitForm):
    """What people read about an own LLM, its limits, and who answers in its stead."""

    title = forms.CharField(label=_("Title"), max_length=120)
    description = forms.CharField(label=_("Description"), max_length=300, required=False)
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
    retries = forms.IntegerField(
        label=_("Retries"),
        min_value=0,
        max_value=3,
        help_text=_("How often all its deployments are asked again when all of them fail."),
    )
    fallback = forms.ChoiceField(
        label=_("Fallback"),
        required=False,
        help_text=_("Answers in its stead when no deployment does, at its own price."),
    )

    def said_fields(self) -> list[Any]:
        """Return the fields that say what the LLM is."""
        return [self["title"], self["description"]]

    def limit_fields(self) -> list[Any]:
        """Return the fields that come in pairs: its limits, and what happens when it fails."""
        names = ("context_window", "max_output_tokens", "retries", "fallback")
        return [self[name] for name in names]

    def __init__(self, *args: Any, others: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["fallback"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("None")), *others.items()]


class OwnPriceForm(CockpitForm):
    """A price in US dollars per million tokens, for an image, for a request."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in PRICE_FIELDS:
            self.fields[name] = forms.DecimalField(
                label=_PRICE_LABELS[name],
                max_digits=14,
                decimal_places=6,
                required=False,
                widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal", "min": "0"}),
            )

    def prices(self) -> dict[str, Decimal]:
        """Return the prices that were named; a blank one has none of its own."""
        values = self.cleaned_data
        return {name: values[name] for name in PRICE_FIELDS if values[name] is not None}

    def main_fields(self) -> list[Any]:
        """Return what nearly every LLM has a price for."""
        return [self["input_usd"], self["output_usd"]]

    def more_fields(self) -> list[Any]:
        """Return the rest."""
        return [self[name] for name in PRICE_FIELDS[2:]]

    def has_more(self) -> bool:
        """Whether one of the rest is filled in or refused, so that the page shows them."""
        return any(field.errors or field.value() for field in self.more_fields())


_PRICE_LABELS = {
    "input_usd": _("Input"),
    "output_usd": _("Output"),
    "cache_read_usd": _("Input read from cache"),
    "cache_write_usd": _("Input written to cache"),
    "reasoning_usd": _("Reasoning"),
    "audio_input_usd": _("Audio input"),
    "audio_output_usd": _("Audio output"),
    "image_each_usd": _("One image"),
    "request_usd": _("One request"),
}


class CredentialForm(CockpitForm):
    """A vendor's credential. Never rendered with a value, not even after an error."""

    def __init__(self, *args: Any, vendor: Vendor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in credential_fields(vendor):
            self.fields[name] = _credential_field(name, vendor)

    def credential(self) -> dict[str, str]:
        """Return what was typed in."""
        return {
            name: value for name, value in self.cleaned_data.items() if name in _CREDENTIAL_LABELS
        }


class DeploymentForm(CockpitForm):
    """Where a deployment runs, with the fields that its vendor needs."""

    upstream_model = forms.CharField(
        label=_("Model at the vendor"), max_length=120, widget=forms.TextInput(attrs=_PLAIN)
    )

    def __init__(
        self, *args: Any, vendor: Vendor, with_credential: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.vendor = vendor
        self.fields["upstream_model"].widget.attrs["placeholder"] = vendor.model_example
        if vendor.takes_address:
            self.fields["api_base"] = forms.CharField(
                label=_("Address"),
                max_length=300,
                widget=forms.URLInput(attrs={"placeholder": vendor.address_example, **_PLAIN}),
                help_text=str(vendor.address_help),
            )
        for option in vendor.options:
            self.fields[option.name] = forms.CharField(
                label=str(option.label),
                max_length=63,
                required=option.is_required,
                widget=forms.TextInput(attrs={"placeholder": option.example, **_PLAIN}),
            )
        if with_credential:
            for name in credential_fields(vendor):
                self.fields[name] = _credential_field(name, vendor)
        for name, label, low, high, first, help_text in _NUMBERS:
            self.fields[name] = forms.IntegerField(
                label=label, min_value=low, max_value=high, initial=first, help_text=help_text
            )

    def place_fields(self) -> list[Any]:
        """Return the fields that say where it runs, with the credential."""
        numbers = {name for name, *_ in _NUMBERS}
        return [self[name] for name in self.fields if name not in numbers]

    def number_fields(self) -> list[Any]:
        """Return the fields that say how often it is asked."""
        return [self[name] for name, *_ in _NUMBERS]

    def place(self) -> dict[str, Any]:
        """Return where it runs and how often it is asked, as the services take it."""
        values = self.cleaned_data
        options = {option.name: values[option.name] for option in self.vendor.options}
        return {
            "upstream_model": values["upstream_model"],
            "api_base": values.get("api_base", ""),
            "options": {name: value for name, value in options.items() if value},
            **{name: values[name] for name, *_ in _NUMBERS},
        }

    def credential(self) -> dict[str, str]:
        """Return what was typed in as its credential."""
        return {name: self.cleaned_data[name] for name in credential_fields(self.vendor)}


_NUMBERS = (
    ("order", _("Order"), 1, 100, 1, _("The lowest is asked first.")),
    ("weight", _("Weight"), 0, 1_000, 1, _("Shares the calls among those of the same order.")),
    (
        "timeout_seconds",
        _("Seconds to the first word"),
        1,
        600,
        60,
        _("After that the next deployment is asked."),
    ),
)


def vendor_choices(allowed: Any) -> list[Vendor]:
    """Return the vendors that an account may use."""
    return [vendor for vendor in VENDORS if allowed(vendor.slug)]


def _credential_field(name: str, vendor: Vendor) -> forms.CharField:
    help_text = _("Stored sealed. Nobody can read it again.")
    widget: forms.Widget
    if name == "service_account":
        # A password field has one line; what is typed here is never shown again all the same.
        widget = _UnseenTextarea(attrs={"rows": 4, **_PLAIN})
    else:
        widget = forms.PasswordInput(attrs=_PLAIN)
    return forms.CharField(
        label=_CREDENTIAL_LABELS[name],
        max_length=16_384,
        required=vendor.credential != "optional_key",
        widget=widget,
        help_text=help_text,
    )


class _UnseenTextarea(forms.Textarea):
    """A text area that, like a password field, never comes back with what was typed in."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        return super().get_context(name, None, attrs)
