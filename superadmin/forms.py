"""Forms of the super admin's pages. They check shapes; what may be is decided by the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from core.ui.forms import CockpitForm, CreditsField
from tenants.forms import CredentialForm, LimitsForm, PricesForm, number_field, option_inputs
from tenants.models import LlmKind
from tenants.rules import time_zones
from tenants.vendors import vendor_of

PRODUCTS = (("copilot", "Copilot"), ("console", "Console"))
PROVIDERS = (
    "anthropic",
    "azure",
    "bedrock",
    "cohere",
    "deepseek",
    "fireworks_ai",
    "gemini",
    "groq",
    "hosted_vllm",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "together_ai",
    "vertex_ai",
    "xai",
)


class NamedForm(CockpitForm):
    """A form among others on one page: its name keeps the ids of its fields apart."""

    def __init__(self, *args: Any, name: str = "", **kwargs: Any) -> None:
        if name:
            kwargs["auto_id"] = f"{name}_%s"
        super().__init__(*args, **kwargs)


def grouped_time_zones() -> list[Any]:
    """Return the choices of a time zone, by continent."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in time_zones():
        area, _separator, place = name.partition("/")
        groups.setdefault(area, []).append((name, place.replace("_", " ") or name))
    return [("UTC", "UTC"), *((area, rows) for area, rows in groups.items() if area != "UTC")]


class RenameForm(NamedForm):
    """Another name for an account."""

    name = forms.CharField(label=_("Company name"), max_length=120)


class ReasonForm(NamedForm):
    """Why a super admin does something grave; it stands in the audit log."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Stands in the audit log."),
    )


class FactorForm(NamedForm):
    """A new version of an account's credit factor."""

    factor = number_field(_("Credits for one US dollar"))
    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)


class CreditsForm(NamedForm):
    """Credits given or taken back by hand."""

    amount = CreditsField(label=_("Credits"), allow_zero=False)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Stands in both audit logs, yours and the company's."),
    )
    # The same form sent twice moves once.
    nonce = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)


class PersonForm(NamedForm):
    """Somebody to invite."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=150, required=False)


class PriceForm(PricesForm, NamedForm):
    """A price row of the catalogue."""


class DetailsForm(LimitsForm, NamedForm):
    """What people read about an LLM, and its limits."""

    title = forms.CharField(label=_("Title"), max_length=120)
    vendor = forms.CharField(label=_("Vendor"), max_length=60)
    kind = forms.ChoiceField(label=_("Kind"), choices=LlmKind.choices)
    description = forms.CharField(label=_("Description"), max_length=300, required=False)
    field_order: tuple[str, ...] = ("title", "vendor", "kind", "description")


class DeploymentForm(NamedForm):
    """Where the platform runs an LLM."""

    provider = forms.CharField(
        label=_("Provider"),
        max_length=40,
        widget=forms.TextInput(attrs={"list": "providers", "spellcheck": "false"}),
        help_text=_("As LiteLLM calls it, such as openai or anthropic."),
    )
    upstream_model = forms.CharField(
        label=_("Model at the provider"),
        max_length=120,
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    api_base = forms.CharField(
        label=_("Base URL"),
        max_length=200,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://…", "spellcheck": "false"}),
        help_text=_("Only for a deployment of your own, such as vLLM or Azure."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A vendor that needs more asks for it as soon as it is named.
        provider = str(self.data.get("provider") or self.initial.get("provider") or "")
        self.options = option_inputs(vendor_of(provider.strip()))
        self.fields |= self.options

    def where_fields(self) -> list[Any]:
        """Return the fields that say where it runs."""
        return [self[name] for name in (*DeploymentForm.base_fields, *self.options)]

    def where(self) -> dict[str, Any]:
        """Return where it runs, as the services take it."""
        values = self.cleaned_data
        return {
            **{name: values[name] for name in DeploymentForm.base_fields},
            "options": {name: values[name] for name in self.options},
        }


class NewLlmForm(DetailsForm, DeploymentForm, PriceForm):
    """A new LLM: what it is, where it runs, what it costs."""

    name = forms.CharField(
        label=_("Name in calls"),
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "gpt-5", "spellcheck": "false"}),
        help_text=_("The exact model name that clients send. It can never be changed."),
    )
    field_order = ("name", "title", "vendor", "kind", "description")


class PlatformCredentialForm(CredentialForm, NamedForm):
    """The platform's credential for one LLM."""
