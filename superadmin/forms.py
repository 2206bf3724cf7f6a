"""Forms of the super admin's pages. They check shapes; what may be is decided by the services."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from core.ui.forms import CockpitForm, CreditsField
from tenants.models import Account, Llm, LlmKind, Period
from tenants.rules import SLUG_LENGTH, is_credit_factor, time_zones
from tenants.selectors import slug_fault
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


def _number(label: Any, *, step: str = "any", **options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        max_digits=14,
        decimal_places=6,
        localize=False,
        widget=forms.NumberInput(attrs={"step": step, "inputmode": "decimal", "min": "0"}),
        **options,
    )


def _grouped_time_zones() -> list[Any]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in time_zones():
        area, _separator, place = name.partition("/")
        groups.setdefault(area, []).append((name, place.replace("_", " ") or name))
    return [("UTC", "UTC"), *((area, rows) for area, rows in groups.items() if area != "UTC")]


class NewAccountForm(CockpitForm):
    """All that a new account needs, in the order in which the page asks for it."""

    # Chosen before the account exists, so that the same form sent twice creates one account.
    account_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    name = forms.CharField(
        label=_("Company name"),
        max_length=120,
        widget=forms.TextInput(
            attrs={"placeholder": "Northwind Traders", "autocomplete": "off", "autofocus": True}
        ),
    )
    slug = forms.CharField(
        label=_("Short name"),
        max_length=SLUG_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=_grouped_time_zones,
        initial="UTC",
        help_text=_("Days, months and caps of the company begin in it."),
    )
    credit_factor = _number(
        _("Credit factor"),
        initial=Decimal(100),
        help_text=_("Credits for one US dollar of provider cost, in both products."),
    )
    llms = forms.ModelMultipleChoiceField(
        label=_("LLMs"), queryset=Llm.objects.filter(retired_at=None), required=False
    )
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "ada@company.com"}),
    )
    admin_name = forms.CharField(
        label=_("Name"),
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Ada Lovelace"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for product, _title in PRODUCTS:
            for name, field in _terms_fields().items():
                self.fields[f"{product}_{name}"] = field

    def clean_slug(self) -> str:
        """Say that a short name is taken together with all else that is wrong."""
        slug = str(self.cleaned_data["slug"])
        fault = slug_fault(slug)
        # The account of this very form has the name once it is created; the page says so.
        if (
            fault
            and not Account.objects.filter(
                pk=self.cleaned_data.get("account_id"), slug=slug
            ).exists()
        ):
            raise forms.ValidationError(fault, code="slug")
        return slug

    def clean_credit_factor(self) -> Decimal:
        """Say that a factor cannot be together with all else that is wrong."""
        factor = Decimal(self.cleaned_data["credit_factor"])
        if not is_credit_factor(factor):
            raise forms.ValidationError(
                _("Enter a positive number below one million."), code="credit_factor"
            )
        return factor

    def products(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield each product's title with its three fields; for the template."""
        for product, title in PRODUCTS:
            yield title, [self[f"{product}_{name}"] for name in ("grant", "overflow", "period")]


def _terms_fields() -> dict[str, forms.Field]:
    return {
        "grant": CreditsField(
            label=_("Credits"), required=False, initial="0", help_text=_("Granted at once.")
        ),
        "overflow": CreditsField(
            label=_("Overflow limit"), required=False, initial="0", help_text=_("Billed later.")
        ),
        "period": forms.ChoiceField(
            label=_("Renewal"), choices=Period.choices, initial=Period.MONTH
        ),
    }


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

    factor = _number(_("Credits for one US dollar"))
    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)


class TermsForm(NamedForm):
    """What an account gets for one product."""

    grant = CreditsField(label=_("Credits per cycle"))
    period = forms.ChoiceField(label=_("Renewal"), choices=Period.choices)
    overflow_limit = CreditsField(
        label=_("Overflow limit"),
        help_text=_("Counts at once. Drawn only when all else is empty; billed later."),
    )


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

    input_usd = _number(_("Input"), required=False)
    output_usd = _number(_("Output"), required=False)
    cache_read_usd = _number(_("Input read from cache"), required=False)
    cache_write_usd = _number(_("Input written to cache"), required=False)
    reasoning_usd = _number(_("Reasoning"), required=False)
    audio_input_usd = _number(_("Audio input"), required=False)
    audio_output_usd = _number(_("Audio output"), required=False)
    image_each_usd = _number(_("One image"), required=False)
    request_usd = _number(_("One request"), required=False)

    def prices(self) -> dict[str, Decimal]:
        """Return the prices that were named; a blank one costs nothing."""
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
