"""An account's plans: what it gets for a product and when, and the time zone of its days."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.credits.services.plans import Taking
from core.hierarchy.product import Product
from core.kit.problems import Problem
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors
from superadmin.pages.account import back_to, render_account
from superadmin.pages.account_credits import CREDITS_TAB, product_in, show_credits
from superadmin.plan_forms import TermsForm, TimeZoneForm
from superadmin.templatetags.platform import moment_in
from tenants.models import Account, CreditTerms
from tenants.selectors import account_named
from tenants.services import accounts, credits as services


@page(permission="platform.manage_credits", methods=("POST",))
def set_terms(request: HttpRequest, slug: str, product: str) -> HttpResponse:
    """Start a new version of what an account gets for a product."""
    account, of = account_named(slug), product_in(product)
    form = TermsForm(request.POST, name=f"terms-{of.slug}")
    if form.is_valid():
        with problems_as_form_errors(form):
            row = services.set_credit_terms(
                account=account,
                product=of.slug,
                terms=form.terms,
                reason=form.cleaned_data["reason"],
                actor=actor_of(request),
            )
            messages.success(request, _done(row, of, account))
            return back_to(account, CREDITS_TAB)
    return show_credits(request, account, **{f"terms-{of.slug}": form})


@page(permission="platform.manage_credits", methods=("POST",))
def preview_terms(request: HttpRequest, slug: str, product: str) -> HttpResponse:
    """Say when what is typed so far would take effect; changes nothing."""
    account, of = account_named(slug), product_in(product)
    form = TermsForm(request.POST, name=f"terms-{of.slug}")
    sentence = ""
    # Nothing is shown as wrong while somebody types.
    if form.is_valid():
        try:
            taking = services.preview_terms(account=account, product=of.slug, terms=form.terms)
        except Problem as problem:
            sentence = problem.detail
        else:
            sentence = taking_text(taking, account)
    return render_account(
        request,
        "superadmin/account/preview.html",
        account,
        tab=CREDITS_TAB,
        fragment="sentence",
        sentence=sentence,
    )


@page(permission="platform.manage_credits", methods=("POST",))
def set_time_zone(request: HttpRequest, slug: str) -> HttpResponse:
    """Let the account's days begin in another time zone."""
    account = account_named(slug)
    form = TimeZoneForm(request.POST, name="time-zone")
    if form.is_valid():
        with problems_as_form_errors(form):
            accounts.set_time_zone(account=account, **form.cleaned_data, actor=actor_of(request))
            messages.success(request, _("The days of this account have a new time zone."))
            return back_to(account, CREDITS_TAB)
    account.refresh_from_db()
    return show_credits(request, account, **{"time-zone": form})


def taking_text(taking: Taking, account: Account) -> str:
    """Return the sentence that says when a plan takes effect and when its first cycle ends."""
    if taking.effective_from is None:
        return _("The open cycle has no end, so this never takes effect by itself. Use Top up.")
    zone = account.time_zone
    sentence = _("The change takes effect on %(moment)s.") % {
        "moment": moment_in(taking.effective_from, zone)
    }
    if taking.first_ends_at is None:
        return sentence + " " + _("The cycle that begins then has no end.")
    first = _("The cycle that begins then ends on %(moment)s.") % {
        "moment": moment_in(taking.first_ends_at, zone)
    }
    return f"{sentence} {first}"


def _done(row: CreditTerms, product: Product, account: Account) -> Any:
    if row.effective_from is None:
        return _("The %(product)s terms are set.") % {"product": product.title}
    return _("The %(product)s terms are set; the plan takes effect on %(moment)s.") % {
        "product": product.title,
        "moment": moment_in(row.effective_from, account.time_zone),
    }
