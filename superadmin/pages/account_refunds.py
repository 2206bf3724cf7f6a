"""Giving back what a call was charged: look at the call, see who gets what, then do it."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.credits.refunds import ChargedCall
from core.kit.money import format_credits
from core.kit.problems import NotFound, Problem
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import is_partial, page, problems_as_form_errors
from superadmin.forms import CreditsForm
from superadmin.pages.account import back_to, render_account
from superadmin.pages.account_credits import CREDITS_TAB, product_in
from tenants.models import Account
from tenants.selectors import account_named
from tenants.services import refunds as services


class CallForm(CockpitForm):
    """Names the call."""

    call = forms.UUIDField(
        label=gettext_lazy("Request id"),
        help_text=gettext_lazy("It stands on the call's page and in the answer's header."),
        error_messages={"invalid": gettext_lazy("A request id looks like 0198a7c6-4e5f-7061-….")},
    )


@page(permission="platform.manage_credits", methods=("GET", "POST"))
def refund(request: HttpRequest, slug: str, product: str) -> HttpResponse:
    """Show a call and what would come back; with POST, give it back."""
    account, of = account_named(slug), product_in(product)
    named = CallForm(request.GET if "call" in request.GET else None)
    call = _found(named, account, of.slug)
    form = CreditsForm(request.POST or None, initial=_left(call))
    if request.method == "POST" and call is not None and form.is_valid():
        values = form.cleaned_data
        with problems_as_form_errors(form):
            services.refund_call(
                account=account,
                product=of.slug,
                call_id=call.id,
                amount=values["amount"],
                reason=values["reason"],
                idempotency_key=f"refund:{values['nonce']}",
                actor=actor_of(request),
            )
            done = {"credits": format_credits(values["amount"]), "product": of.title}
            messages.success(request, _("Gave %(credits)s %(product)s credits back.") % done)
            return back_to(account, CREDITS_TAB)
    is_wrong = (named.is_bound and call is None) or bool(form.errors)
    return render_account(
        request,
        "superadmin/account/refund.html",
        account,
        tab=CREDITS_TAB,
        status=422 if is_wrong else 200,
        product=of,
        named=named,
        call=call,
        form=form,
        preview_url="platform:account-refund-preview",
        **_preview(request, account, of.slug, call, form),
    )


@page(permission="platform.manage_credits")
def preview(request: HttpRequest, slug: str, product: str) -> HttpResponse:
    """Say who would get how much of what is typed so far; changes nothing."""
    account, of = account_named(slug), product_in(product)
    if not is_partial(request):
        at = reverse("platform:account-refund", args=(account.slug, of.slug))
        return HttpResponseRedirect(f"{at}?{urlencode({'call': request.GET.get('call', '')})}")
    call = _found(CallForm(request.GET), account, of.slug)
    form = CreditsForm(request.GET)
    return render_account(
        request,
        "superadmin/account/refund.html",
        account,
        tab=CREDITS_TAB,
        fragment="outcome",
        product=of,
        call=call,
        **_preview(request, account, of.slug, call, form),
    )


def _found(named: CallForm, account: Account, product: str) -> ChargedCall | None:
    if not named.is_bound or not named.is_valid():
        return None
    call_id: UUID = named.cleaned_data["call"]
    try:
        return services.refundable_call(account=account, product=product, call_id=call_id)
    except NotFound as problem:
        named.add_error("call", problem.detail)
        return None


def _left(call: ChargedCall | None) -> dict[str, Any]:
    return {"amount": format_credits(call.left)} if call is not None else {}


def _preview(
    request: HttpRequest,
    account: Account,
    product: str,
    call: ChargedCall | None,
    form: CreditsForm,
) -> dict[str, Any]:
    """Return what would come back: of what is typed, or of all that is left."""
    if call is None:
        return {}
    amount = call.left
    if form.is_bound:
        form.is_valid()
        amount = form.cleaned_data.get("amount") or 0
    if not amount:
        return {}
    try:
        outcome = services.preview_refund(
            account=account,
            product=product,
            call_id=call.id,
            amount=amount,
            actor=actor_of(request),
        )
    except Problem as problem:
        return {"fault": problem.detail}
    return {"outcome": outcome}
