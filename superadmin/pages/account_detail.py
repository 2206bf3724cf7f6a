"""An account's summary, its name and its state, and what was changed about it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.hierarchy.product import products
from core.ui.audit import shown_entries
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors
from superadmin.forms import ReasonForm, RenameForm
from superadmin.pages.account import back_to, render_account
from superadmin.pages.overview import credits_chart
from superadmin.selectors.overview import DAYS, account_figures
from tenants.models import Account
from tenants.selectors import account_named, credit_terms_of, standing_of, terms_of
from tenants.services import accounts as services

_AUDIT_TAIL = 5


@page(permission="platform.manage_accounts")
def summary(request: HttpRequest, slug: str) -> HttpResponse:
    """Show where an account stands."""
    return _summary(request, account_named(slug))


@page(permission="platform.manage_accounts", methods=("POST",))
def rename(request: HttpRequest, slug: str) -> HttpResponse:
    """Give an account another name."""
    account = account_named(slug)
    form = RenameForm(request.POST, name="rename")
    if form.is_valid():
        with problems_as_form_errors(form):
            services.rename_account(account=account, **form.cleaned_data, actor=actor_of(request))
            messages.success(request, _("Renamed."))
            return back_to(account)
    return _summary(request, account, rename=form)


@page(permission="platform.manage_accounts", methods=("POST",))
def suspend(request: HttpRequest, slug: str) -> HttpResponse:
    """Close an account for now."""
    return _move(request, slug, "suspend", services.suspend_account, _("Suspended."))


@page(permission="platform.manage_accounts", methods=("POST",))
def restore(request: HttpRequest, slug: str) -> HttpResponse:
    """Open an account again."""
    return _move(request, slug, "restore", services.restore_account, _("Open again."))


@page(permission="platform.manage_accounts", methods=("POST",))
def archive(request: HttpRequest, slug: str) -> HttpResponse:
    """Close an account for good."""
    return _move(request, slug, "archive", services.archive_account, _("Archived."))


@page(permission="platform.manage_accounts")
def audit_of_account(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what super admins changed about an account."""
    account = account_named(slug)
    before = _id(request.GET.get("before", ""))
    entries, earlier = shown_entries(about=account.pk, before=before)
    return render_account(
        request,
        "superadmin/account/audit.html",
        account,
        tab="account-audit",
        fragment="rows" if before else "",
        entries=entries,
        earlier=earlier,
        is_more=before is not None,
    )


def _move(
    request: HttpRequest, slug: str, act: str, service: Callable[..., Account], done: Any
) -> HttpResponse:
    account = account_named(slug)
    form = ReasonForm(request.POST, name=act)
    if form.is_valid():
        with problems_as_form_errors(form):
            service(account=account, **form.cleaned_data, actor=actor_of(request))
            messages.success(request, done)
            return back_to(account)
    # The state may have moved since the page was shown.
    account.refresh_from_db()
    return _summary(request, account, **{act: form})


def _summary(request: HttpRequest, account: Account, **bound: Any) -> HttpResponse:
    sums, days = account_figures(account)
    terms = credit_terms_of(account)
    entries, _earlier = shown_entries(about=account.pk, limit=_AUDIT_TAIL)
    forms = {
        "rename": RenameForm(name="rename", initial={"name": account.name}),
        **{act: ReasonForm(name=act) for act in ("suspend", "restore", "archive")},
        **bound,
    }
    return render_account(
        request,
        "superadmin/account/summary.html",
        account,
        tab="account",
        status=422 if bound else 200,
        forms=forms,
        standings=[
            {
                "product": product,
                "now": standing_of(account, product),
                "terms": terms.get(product.slug),
            }
            for product in products()
        ],
        factor=terms_of(account.pk),
        sums=sums,
        days=DAYS,
        chart=credits_chart(days),
        entries=entries,
    )


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
