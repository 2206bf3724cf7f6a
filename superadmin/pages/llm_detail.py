"""One LLM of the catalogue: prices, where it runs, its credential, who is offered it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from core.ui.audit import shown_entries
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from superadmin.forms import (
    PROVIDERS,
    DeploymentForm,
    DetailsForm,
    PlatformCredentialForm,
    PriceForm,
    ReasonForm,
)
from superadmin.selectors.catalogue import offers_of
from tenants.credentials import credential_states
from tenants.forms import typed_price
from tenants.models import Llm
from tenants.selectors import llm_by_id
from tenants.services import llms as services
from tenants.vendors import credential_fields, vendor_of

_PERMISSION = "platform.manage_catalogue"
_AUDIT_TAIL = 6


@page(permission=_PERMISSION)
def llm_page(request: HttpRequest, llm_id: UUID) -> HttpResponse:
    """Show one LLM."""
    return _llm(request, llm_by_id(llm_id))


@page(permission=_PERMISSION, methods=("POST",))
def change_details(request: HttpRequest, llm_id: UUID) -> HttpResponse:
    """Change what people read about an LLM, and its limits."""
    llm = llm_by_id(llm_id)
    form = DetailsForm(request.POST, name="details")
    if form.is_valid():
        with problems_as_form_errors(form):
            services.change_llm(llm=llm, **form.cleaned_data, actor=actor_of(request))
            return _done(request, llm, _("Saved."))
    return _llm(request, llm_by_id(llm_id), details=form)


@page(permission=_PERMISSION, methods=("POST",))
def change_deployment(request: HttpRequest, llm_id: UUID) -> HttpResponse:
    """Change where the platform runs an LLM."""
    llm = llm_by_id(llm_id)
    form = DeploymentForm(request.POST, name="deployment")
    if form.is_valid():
        with problems_as_form_errors(form):
            services.change_deployment(llm=llm, **form.where(), actor=actor_of(request))
            return _done(request, llm, _("Saved where it runs."))
    return _llm(request, llm, deployment=form)


@page(permission=_PERMISSION, methods=("POST",))
def set_price(request: HttpRequest, llm_id: UUID) -> HttpResponse:
    """Start a new version of the price."""
    llm = llm_by_id(llm_id)
    form = PriceForm(request.POST, name="price")
    if form.is_valid():
        with problems_as_form_errors(form):
            row = services.set_price(llm=llm, prices=form.prices(), actor=actor_of(request))
            text = _("Version %(version)s of the price counts.") % {"version": row.version}
            return _done(request, llm, text)
    return _llm(request, llm, price=form)


@page(permission=_PERMISSION, methods=("POST",))
def set_credential(request: HttpRequest, llm_id: UUID) -> HttpResponse:
    """Seal the platform's credential for an LLM."""
    llm = llm_by_id(llm_id)
    vendor = vendor_of(llm.deployment.provider)
    form = PlatformCredentialForm(request.POST, vendor=vendor, name="credential")
    if form.is_valid():
        with problems_as_form_errors(form):
            services.set_credential(
                deployment=llm.deployment,
                credential=form.credential(),
                actor=actor_of(request),
            )
            return _done(request, llm, _("The credential is stored sealed."))
    return _llm(request, llm, credential=form)


@page(permission=_PERMISSION, methods=("POST",))
def remove_credential(request: HttpRequest, llm_id: UUID) -> HttpResponse:
    """Forget the platform's key for an LLM."""
    llm = llm_by_id(llm_id)
    with problems_as_messages(request, done=_("The credential is gone.")):
        services.remove_credential(deployment=llm.deployment, actor=actor_of(request))
    return _back(llm)


@page(permission=_PERMISSION, methods=("POST",))
def retire(request: HttpRequest, llm_id: UUID) -> HttpResponse:
    """Take an LLM out of use everywhere."""
    llm = llm_by_id(llm_id)
    form = ReasonForm(request.POST, name="retire")
    if form.is_valid():
        with problems_as_form_errors(form):
            services.retire_llm(llm=llm, **form.cleaned_data, actor=actor_of(request))
            return _done(request, llm, _("Retired."))
    return _llm(request, llm, retire=form)


@page(permission=_PERMISSION, methods=("POST",))
def restore(request: HttpRequest, llm_id: UUID) -> HttpResponse:
    """Put a retired LLM back into use."""
    llm = llm_by_id(llm_id)
    with problems_as_messages(request, done=_("Back in use.")):
        services.restore_llm(llm=llm, actor=actor_of(request))
    return _back(llm)


def _llm(request: HttpRequest, llm: Llm, **bound: Any) -> HttpResponse:
    prices = list(llm.prices.all())
    deployment = getattr(llm, "deployment", None)
    vendor = vendor_of(deployment.provider if deployment else "")
    entries, _earlier = shown_entries(about=llm.pk, limit=_AUDIT_TAIL)
    forms = {
        "details": DetailsForm(name="details", initial=_details(llm)),
        "deployment": DeploymentForm(name="deployment", initial=_where(deployment)),
        "price": PriceForm(name="price", initial=typed_price(prices[0] if prices else None)),
        "credential": PlatformCredentialForm(vendor=vendor, name="credential"),
        "retire": ReasonForm(name="retire"),
        **bound,
    }
    return render_page(
        request,
        "superadmin/llm/detail.html",
        title=llm.title,
        crumbs=((_("LLMs and prices"), reverse("admin:tenants_llm_changelist")),),
        status=422 if bound else 200,
        llm=llm,
        deployment=deployment,
        prices=prices,
        price=prices[0] if prices else None,
        credential=credential_states([deployment]).get(deployment.pk) if deployment else None,
        offers=offers_of(llm, prices[0] if prices else None),
        forms=forms,
        providers=PROVIDERS,
        options=_options(deployment),
        takes_credential=bool(credential_fields(vendor)),
        entries=entries,
    )


def _details(llm: Llm) -> dict[str, Any]:
    return {field: getattr(llm, field) for field in DetailsForm.base_fields}


def _where(deployment: Any) -> dict[str, Any]:
    fields = {field: getattr(deployment, field, "") for field in DeploymentForm.base_fields}
    return {**fields, **getattr(deployment, "options", {})}


def _options(deployment: Any) -> list[tuple[Any, str]]:
    """Return what the vendor needs besides, each with what people call it."""
    if deployment is None:
        return []
    known = vendor_of(deployment.provider).options
    return [(each.label, deployment.options.get(each.name, "")) for each in known]


def _done(request: HttpRequest, llm: Llm, text: Any) -> HttpResponse:
    messages.success(request, text)
    return _back(llm)


def _back(llm: Llm) -> HttpResponse:
    return HttpResponseRedirect(reverse("platform:llm", args=(llm.pk,)))
