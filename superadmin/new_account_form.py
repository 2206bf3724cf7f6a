"""The form of the guided creation of an account."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from core.ui.forms import CockpitForm, CreditsField
from superadmin.forms import PRODUCTS, grouped_time_zones
from superadmin.plan_forms import plan_fields, terms_from
from tenants.forms import number_field
from tenants.models import Account, Llm
from tenants.rules import SLUG_LENGTH, is_credit_factor
from tenants.selectors import slug_fault
from tenants.services.credits import Terms


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
        choices=grouped_time_zones,
        initial="UTC",
        help_text=_("Days, months and caps of the company begin in it."),
    )
    credit_factor = number_field(
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for product, _title in PRODUCTS:
            for name, field in _terms_fields().items():
                self.fields[f"{product}_{name}"] = field

    def products(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield each product's title with the fields of its terms; for the template."""
        for product, title in PRODUCTS:
            yield title, [self[f"{product}_{name}"] for name in _terms_fields()]

    def terms(self, product: str) -> Terms:
        """Return what a product gets; fields that are not right say nothing."""
        values = {
            name.removeprefix(f"{product}_"): value
            for name, value in self.cleaned_data.items()
            if name.startswith(f"{product}_")
        }
        return terms_from({**values, "overflow_limit": values.get("overflow")})


def _terms_fields() -> dict[str, forms.Field]:
    return {
        "grant": CreditsField(
            label=_("Credits"),
            required=False,
            initial="0",
            help_text=_("Granted at once, and in each cycle to come."),
        ),
        "overflow": CreditsField(
            label=_("Overflow limit"), required=False, initial="0", help_text=_("Billed later.")
        ),
        **plan_fields(),
    }
