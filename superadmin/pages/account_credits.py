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
from superadmin.forms import CreditsForm, FactorForm, TermsForm
from superadmin.pages.account import back_to, render_account
from tenants.models import Account, CreditTerms, Period
from tenants.selectors import account_named, credit_terms_of, factor_history, standing_of
from tenants.services import credits as services

_TAB = "account-credits"


@page(permission="platform.manage_credits")
def credits_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what an account gets and what it has."""
    return _credits(request, account_named(slug))


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
            return back_to(account, _TAB)
    return _credits(request, account, factor=form)


@page(permission="platform.manage_credits", methods=("POST",))
def set_terms(request: HttpRequest, slug: str, product: str) -> HttpResponse:
    """Set what an account gets for a product."""
    account, of = account_named(slug), _product(product)
    form = TermsForm(request.POST, name=f"terms-{of.slug}")
    if form.is_valid():
        values = form.cleaned_data
        with problems_as_form_errors(form):
            services.set_credit_terms(
                account=account,
                product=of.slug,
                terms=services.Terms(
                    grant_microcredits=values["grant"],
                    overflow_limit_microcredits=values["overflow_limit"],
                    period=values["period"],
                ),
                actor=actor_of(request),
            )
            messages.success(request, _("The %(product)s terms are set.") % {"product": of.title})
            return back_to(account, _TAB)
    return _credits(request, account, **{f"terms-{of.slug}": form})


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
    account, of = account_named(slug), _product(product)
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
            return back_to(account, _TAB)
    return _credits(request, account, **{f"{name}-{of.slug}": form})


def _credits(request: HttpRequest, account: Account, **bound: Any) -> HttpResponse:
    history = factor_history(account)
    terms = credit_terms_of(account)
    fresh = FactorForm(name="factor", initial={"factor": history[0].factor.normalize()})
    return render_account(
        request,
        "superadmin/account/credits.html",
        account,
        tab=_TAB,
        status=422 if bound else 200,
        history=history,
        factor=history[0],
        factor_form=bound.get("factor", fresh),
        books=[_book(account, product, terms.get(product.slug), bound) for product in products()],
    )


def _book(
    account: Account, product: Product, terms: CreditTerms | None, bound: dict[str, Any]
) -> dict[str, Any]:
    names = {form: f"{form}-{product.slug}" for form in ("terms", "top-up", "take-back")}
    return {
        "product": product,
        "now": standing_of(account, product),
        "terms": terms,
        "terms_form": bound.get(names["terms"])
        or TermsForm(name=names["terms"], initial=_initial(terms)),
        "top_up_form": bound.get(names["top-up"]) or CreditsForm(name=names["top-up"]),
        "take_back_form": bound.get(names["take-back"]) or CreditsForm(name=names["take-back"]),
    }


def _initial(terms: CreditTerms | None) -> dict[str, Any]:
    if terms is None:
        return {"grant": 0, "overflow_limit": 0, "period": Period.MONTH}
    return {
        "grant": terms.grant_microcredits,
        "overflow_limit": terms.overflow_limit_microcredits,
        "period": terms.period,
    }


def _product(slug: str) -> Product:
    found = {product.slug: product for product in products()}
    if slug not in found:
        raise NotFound(f"There is no product called {slug}.")
    return found[slug]
