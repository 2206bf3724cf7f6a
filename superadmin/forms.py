"""Forms of the super admin's pages. They check shapes; what may be is decided by the services."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from core.ui.forms import CockpitForm, CreditsField
from tenants.models import LlmKind
from tenants.rules import time_zones
from tenants.services.llms import PRICE_FIELDS

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
CAPABILITIES = ("tools", "vision", "reasoning", "json", "audio", "image")


class NamedForm(CockpitForm):
    """A form among others on one page: its name keeps the ids of its fields apart."""

    def __init__(self, *args: Any, name: str = "", **kwargs: Any) -> None:
        if name:
            kwargs["auto_id"] = f"{name}_%s"
        super().__init__(*args, **kwargs)


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


class PriceForm(NamedForm):
    """A price row: US dollars per million tokens, for an image, for a request."""

    input_usd = number_field(_("Input"), required=False)
    output_usd = number_field(_("Output"), required=False)
    cache_read_usd = number_field(_("Input read from cache"), required=False)
    cache_write_usd = number_field(_("Input written to cache"), required=False)
    reasoning_usd = number_field(_("Reasoning"), required=False)
    audio_input_usd = number_field(_("Audio input"), required=False)
    audio_output_usd = number_field(_("Audio output"), required=False)
    image_each_usd = number_field(_("One image"), required=False)
    request_usd = number_field(_("One request"), required=False)

    def prices(self) -> dict[str, Decimal]:
        """Return the prices that were named; a blank one has none of its own."""
        return {
            field: value
            for field in PRICE_FIELDS
            if (value := self.cleaned_data[field]) is not None
        }

    def main_fields(self) -> list[Any]:
        """Return what nearly every LLM has a price for."""
        return [self["input_usd"], self["output_usd"]]

    def more_fields(self) -> list[Any]:
        """Return the rest."""
        return [self[field] for field in PRICE_FIELDS[2:]]

    def has_more(self) -> bool:
        """Whether one of the rest is filled in or refused, so that the page shows them."""
        return any(field.errors or field.value() for field in self.more_fields())


class DetailsForm(NamedForm):
    """What people read about an LLM, and its limits."""

    title = forms.CharField(label=_("Title"), max_length=120)
    vendor = forms.CharField(label=_("Vendor"), max_length=60)
    kind = forms.ChoiceField(label=_("Kind"), choices=LlmKind.choices)
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


class NewLlmForm(DetailsForm, DeploymentForm, PriceForm):
    """A new LLM: what it is, where it runs, what it costs."""

    name = forms.CharField(
        label=_("Name in calls"),
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "gpt-5", "spellcheck": "false"}),
        help_text=_("The exact model name that clients send. It can never be changed."),
    )
    field_order = ("name", "title", "vendor", "kind", "description")


class CredentialForm(NamedForm):
    """The platform's key for one LLM. Never rendered with a value, not even after an error."""

    api_key = forms.CharField(
        label=_("API key"),
        max_length=4096,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Stored sealed. Nobody can read it again; you see its last four characters."),
    )
