"""Guided creation of an account, on one page with a review that follows what is typed."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.kit.problems import Problem
from core.tenancy.hosts import account_url
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, render_page
from superadmin.forms import PRODUCTS
from superadmin.new_account_form import NewAccountForm
from superadmin.pages.account import back_to
from superadmin.selectors.catalogue import catalogue_rows
from tenants.models import Account
from tenants.rules import SLUG_LENGTH, free_slug, slug_of
from tenants.selectors import domain_of, slug_fault
from tenants.services.accounts import NewAccount, create_account

_TEMPLATE = "superadmin/account/new.html"
_PERMISSION = "platform.manage_accounts"


@page(permission=_PERMISSION, methods=("GET", "POST"))
def new_account(request: HttpRequest) -> HttpResponse:
    """Ask for all that a new account needs, and create it."""
    form = NewAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with problems_as_form_errors(form):
            try:
                return _created(request, _create(request, form))
            except Problem:
                existing = Account.objects.filter(pk=form.cleaned_data["account_id"]).first()
                if existing is None:
                    raise
                messages.info(
                    request,
                    _(
                        "The account had been created already. If its admin’s link is lost, send a "
                        "new invitation from Admins."
                    ),
                )
                return back_to(existing)
    return render_page(
        request,
        _TEMPLATE,
        title=_("New account"),
        status=form.http_status,
        form=form,
        suggested="",
        base_host=settings.BASE_HOST,
        hint=_slug_hint(str(form["slug"].value() or "")),
        llms=_llm_choices(form),
        **_reviewed(form),
    )  # fmt: skip


@page(permission=_PERMISSION)
def check_slug(request: HttpRequest) -> HttpResponse:
    """Suggest a short name from the company's name, and say whether one is free."""
    typed = request.GET.get("slug", "").strip()[: SLUG_LENGTH + 1]
    suggested = request.GET.get("suggested", "")
    follows_name = request.GET.get("typing") == "name" and typed in {"", suggested}
    if follows_name:
        wanted = slug_of(request.GET.get("name", "")[:200])
        typed = suggested = free_slug(wanted, is_free=lambda slug: not slug_fault(slug))
    return render_page(
        request,
        _TEMPLATE,
        title=_("New account"),
        fragment="slug" if follows_name else "slug_hint",
        form=NewAccountForm(initial={"slug": typed}),
        suggested=suggested,
        base_host=settings.BASE_HOST,
        hint=_slug_hint(typed),
        llms=[],
    )


@page(permission=_PERMISSION, methods=("POST",))
def review(request: HttpRequest) -> HttpResponse:
    """Say what would be created from what is typed so far; creates nothing."""
    form = NewAccountForm(request.POST)
    return render_page(
        request,
        _TEMPLATE,
        title=_("New account"),
        fragment="review",
        form=form,
        suggested="",
        base_host=settings.BASE_HOST,
        llms=_llm_choices(form),
        **_reviewed(form),
    )


def _create(request: HttpRequest, form: NewAccountForm) -> NewAccount:
    values = form.cleaned_data
    return create_account(
        account_id=values["account_id"],
        name=values["name"],
        slug=values["slug"],
        time_zone=values["time_zone"],
        credit_factor=values["credit_factor"],
        terms={product: form.terms(product) for product, _title in PRODUCTS},
        llms=list(values["llms"]),
        admin_email=values["email"],
        admin_name=values["admin_name"],
        actor=actor_of(request),
    )


def _created(request: HttpRequest, new: NewAccount) -> HttpResponse:
    # Shown in the answer to the POST and never again: the link's token is stored hashed.
    return render_page(
        request,
        "superadmin/account/created.html",
        title=_("Account created"),
        status=201,
        account=new.account,
        account_address=account_url(new.account),
        admin=new.admin,
        invitation_url=new.invitation_url,
    )


def _slug_hint(slug: str) -> dict[str, Any]:
    if not slug:
        return {"tone": "", "text": _("Part of the web address and of every key. Never changes.")}
    fault = slug_fault(slug)
    if fault:
        return {"tone": "bad", "text": fault}
    return {"tone": "good", "text": _("%(slug)s is free.") % {"slug": slug}}


def _llm_choices(form: NewAccountForm) -> list[dict[str, Any]]:
    rows = catalogue_rows()
    if form.is_bound:
        chosen = {str(value) for value in form["llms"].value() or []}
    else:
        # All that can answer is offered at first; the super admin takes away what must not be.
        chosen = {str(row.llm.pk) for row in rows if row.price is not None}
    return [{"row": row, "is_chosen": str(row.llm.pk) in chosen} for row in rows]


def _reviewed(form: NewAccountForm) -> dict[str, Any]:
    """Return what the review says: only what is right so far; nothing is shown as wrong yet."""
    if not form.is_bound:
        initial = {name: field.initial for name, field in form.fields.items()}
        values: dict[str, Any] = {
            "time_zone": initial["time_zone"],
            "credit_factor": initial["credit_factor"],
            "llm_count": sum(choice["is_chosen"] for choice in _llm_choices(form)),
        }
        return {"review": values}
    is_right = form.is_valid()
    values = dict(form.cleaned_data)
    values["llm_count"] = len(values.get("llms") or ())
    values["address"] = domain_of(values["slug"]) if values.get("slug") else ""
    values["credits"] = [(title, form.terms(product)) for product, title in PRODUCTS]
    values["is_ready"] = is_right
    return {"review": values}
