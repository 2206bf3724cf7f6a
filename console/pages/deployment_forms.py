"""Forms of own LLMs and of where they run. What may be is decided by the services."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.ui.forms import CockpitForm
from tenants.forms import PLAIN, LimitsForm, credential_inputs, option_inputs
from tenants.models import LlmKind
from tenants.vendors import VENDORS, Vendor, credential_fields


class OwnLlmForm(CockpitForm):
    """What an own LLM is called and what it can."""

    name = forms.CharField(
        label=_("Name in calls"),
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "company-gpt", **PLAIN}),
        help_text=_("The exact model name that your developers send. It can never be changed."),
    )
    title = forms.CharField(label=_("Title"), max_length=120)
    kind = forms.ChoiceField(label=_("Kind"), choices=LlmKind.choices)


class OwnLlmDetailsForm(LimitsForm):
    """What people read about an own LLM, its limits, and who answers in its stead."""

    title = forms.CharField(label=_("Title"), max_length=120)
    description = forms.CharField(label=_("Description"), max_length=300, required=False)
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


class DeploymentForm(CockpitForm):
    """Where a deployment runs, with the fields that its vendor needs."""

    upstream_model = forms.CharField(
        label=_("Model at the vendor"), max_length=120, widget=forms.TextInput(attrs=PLAIN)
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
                widget=forms.URLInput(attrs={"placeholder": vendor.address_example, **PLAIN}),
                help_text=str(vendor.address_help),
            )
        self.fields |= option_inputs(vendor)
        if with_credential:
            self.fields |= credential_inputs(vendor)
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
