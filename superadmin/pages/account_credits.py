"""An account's credit terms: factor, grants and overflow, and credits moved by hand."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.hierarchy.product import Product, products
from core.kit.money import format_credits
from core.kit.problems import NotFound
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors
from superadmin.forms import CreditsForm, FactorForm
from superadmin.pages.account import back_to, render_account
from superadmin.plan_forms import TermsForm, TimeZoneForm, initial_of
from tenants.models import Account, CreditTerms
from tenants.selectors import (
    account_named,
    credit_terms_of,
    cycles_of_account,
    factor_history,
    recommended_overflow_of,
    standing_of,
    terms_history,
)
from tenants.services import credits as services

CREDITS_TAB = "account-credits"


@page(permission="platform.manage_credits")
def credits_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what an account gets and what it has."""
    return show_credits(request, account_named(slug))


@page(permission="platform.manage_credits", methods=("POST",))
def set_factor(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a new version of the credit factor."""
    account = account_named(slug)
    form = FactorForm(request.POST, name="factor")
    if form.is_valid():
        with problems_as_form_errors(form):
            row = services.set_credit_factor(
                account=account, **form.cleaned_data, actor=actor_of(request)
            )
            messages.success(
                request, _("Version %(version)s of the factor counts.") % {"version": row.version}
            )
            return back_to(account, CREDITS_TAB)
    return show_credits(request, account, factor=form)


@page(permission="platform.manage_credits", methods=("POST",))
def top_up(request: HttpRequest, slug: str, product: str) -> HttpResponse:
    """Give an account credits by hand."""
    return _move(
        request,
        slug,
        product,
        name="top-up",
        service=services.top_up_account,
        done=_("Gave %(credits)s %(product)s credits."),
    )


@page(permission="platform.manage_credits", methods=("POST",))
def take_back(request: HttpRequest, slug: str, product: str) -> HttpResponse:
    """Take credits back from what is unallocated."""
    return _move(
        request,
        slug,
        product,
        name="take-back",
        service=services.take_back_from_account,
        done=_("Took %(credits)s %(product)s credits back."),
    )


def _move(
    request: HttpRequest,
    slug: str,
    product: str,
    *,
    name: str,
    service: Callable[..., None],
    done: Any,
) -> HttpResponse:
    account, of = account_named(slug), product_in(product)
    form = CreditsForm(request.POST, name=f"{name}-{of.slug}")
    if form.is_valid():
        values = form.cleaned_data
        with problems_as_form_errors(form):
            service(
                account=account,
                product=of.slug,
                amount=values["amount"],
                reason=values["reason"],
                idempotency_key=f"{name}:{values['nonce']}",
                actor=actor_of(request),
            )
            moved = {"credits": format_credits(values["amount"]), "product": of.title}
            messages.success(request, done % moved)
            return back_to(account, CREDITS_TAB)
    return show_credits(request, account, **{f"{name}-{of.slug}": form})


def show_credits(request: HttpRequest, account: Account, **bound: Any) -> HttpResponse:
    """Render the tab; `bound` are forms that came back with errors, by their names."""
    history = factor_history(account)
    terms = credit_terms_of(account)
    fresh = FactorForm(name="factor", initial={"factor": f"{history[0].factor.normalize():f}"})
    zone = TimeZoneForm(name="time-zone", initial={"time_zone": account.time_zone})
    return render_account(
        request,
        "superadmin/account/credits.html",
        account,
        tab=CREDITS_TAB,
        status=422 if bound else 200,
        history=history,
        factor=history[0],
        factor_form=bound.get("factor", fresh),
        zone_form=bound.get("time-zone", zone),
        books=[_book(account, product, terms.get(product.slug), bound) for product in products()],
    )


def product_in(slug: str) -> Product:
    """Return the product that an address names.

    Raises:
        NotFound: there is none.
    """
    found = {product.slug: product for product in products()}
    if slug not in found:
        raise NotFound(f"There is no product called {slug}.")
    return found[slug]


def _book(
    account: Account, product: Product, terms: CreditTerms | None, bound: dict[str, Any]
) -> dict[str, Any]:
    names = {form: f"{form}-{product.slug}" for form in ("terms", "top-up", "take-back")}
    return {
        "product": product,
        "now": standing_of(account, product),
        "terms": terms,
        "recommended": recommended_overflow_of(account, product),
        "versions": terms_history(account, product.slug),
        "cycles": cycles_of_account(account, product.slug),
        "terms_form": bound.get(names["terms"])
        or TermsForm(name=names["terms"], initial=initial_of(terms)),
        "top_up_form": bound.get(names["top-up"]) or CreditsForm(name=names["top-up"]),
        "take_back_form": bound.get(names["take-back"]) or CreditsForm(name=names["take-back"]),
    }
