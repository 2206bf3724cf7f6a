"""What an account may bring along: vendors, hosts inside, and the least price."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, gettext_lazy as _

from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors
from superadmin.forms import NamedForm
from superadmin.pages.account import back_to, render_account
from tenants.forms import number_field
from tenants.models import OwnLlmTerms
from tenants.own_llms import own_llm_terms
from tenants.selectors import account_named
from tenants.services.own_llms import set_own_llm_terms
from tenants.vendors import VENDORS

_TAB = "account-own-llms"


class OwnLlmTermsForm(NamedForm):
    """The ceiling of an account's own LLMs."""

    vendors = forms.MultipleChoiceField(
        label=_("Vendors"),
        choices=[(vendor.slug, vendor.title) for vendor in VENDORS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Where the account may run LLMs of its own. With all ticked, also new ones."),
    )
    llms = forms.CharField(
        label=_("LLMs"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "openai/gpt-5*"}),
        help_text=_(
            "Which models at these vendors, one a line: vendor/model, with * for any characters. "
            "Left empty, all of them."
        ),
    )
    hosts = forms.CharField(
        label=_("Hosts inside"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "vllm.company.lan"}),
        help_text=_("Names that may lead to a private address, one a line."),
    )
    networks = forms.CharField(
        label=_("Ranges of addresses inside"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "10.20.0.0/16"}),
        help_text=_("Private ranges that may be called, one a line."),
    )
    allows_http = forms.BooleanField(
        label=_("Allow plain http for these hosts and ranges"), required=False
    )
    floor_usd = number_field(
        _("Least price of a million tokens, US dollars"),
        help_text=_("The account's own prices may not be lower."),
    )

    def terms(self) -> dict[str, Any]:
        """Return what was typed in as the service takes it."""
        values = self.cleaned_data
        has_all = len(values["vendors"]) == len(VENDORS)
        return {
            "vendors": None if has_all else values["vendors"],
            "llms": values["llms"].split() or None,
            "hosts": values["hosts"].split(),
            "networks": values["networks"].split(),
            "allows_http": values["allows_http"],
            "floor_usd": values["floor_usd"],
        }


@page(permission="platform.manage_accounts", methods=("GET", "POST"))
def own_llms_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show and change what an account may bring along."""
    account = account_named(slug)
    form = OwnLlmTermsForm(request.POST or None, initial=_initial(own_llm_terms(account.pk)))
    if request.method == "POST" and form.is_valid():
        with problems_as_form_errors(form):
            set_own_llm_terms(account=account, **form.terms(), actor=actor_of(request))
            messages.success(request, gettext("Saved. It counts at once."))
            return back_to(account, _TAB)
    return render_account(
        request,
        "superadmin/account/own_llms.html",
        account,
        tab=_TAB,
        status=form.http_status,
        form=form,
    )


def _initial(terms: OwnLlmTerms) -> dict[str, Any]:
    allowed = [vendor.slug for vendor in VENDORS] if terms.vendors is None else terms.vendors
    return {
        "vendors": allowed,
        "llms": "\n".join(terms.llms or ()),
        "hosts": "\n".join(terms.hosts),
        "networks": "\n".join(terms.networks),
        "allows_http": terms.allows_http,
        "floor_usd": f"{Decimal(terms.floor_usd).normalize():f}",
    }
