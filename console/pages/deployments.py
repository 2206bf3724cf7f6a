"""Where an own LLM runs: a form by vendor, a credential that nobody reads again, a test call."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from console.models import CheckOutcome, Deployment
from console.pages.deployment_forms import DeploymentForm, vendor_choices
from console.pages.own_llms import account_of, back_to, crumbs, llm_rows
from console.pages.verdicts import what_to_do
from console.selectors import own_llms as selectors
from console.selectors.deployment_health import HEALTH_HOURS
from console.services import deployment_tests, deployments as services
from core.kit.problems import NotFound
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from tenants.forms import CredentialForm
from tenants.own_llms import own_llm_ceiling
from tenants.vendors import Vendor, vendor_named

_MANAGE = selectors.MANAGE


def urls() -> list[URLPattern]:  # noqa: C901  one short view a route
    """Return the routes of deployments."""

    @page(permission=_MANAGE, methods=("GET", "POST"))
    def add(request: HttpRequest, own_llm_id: UUID) -> HttpResponse:
        llm = selectors.own_llm_named(own_llm_id)
        account = account_of(request)
        ceiling = own_llm_ceiling(account.id)
        vendors = vendor_choices(ceiling.allows)
        chosen = (request.POST or request.GET).get("vendor", "")
        vendor = next((each for each in vendors if each.slug == chosen), None)
        form = None
        if vendor is not None:
            form = DeploymentForm(request.POST or None, vendor=vendor, with_credential=True)
            if request.method == "POST" and form.is_valid():
                with problems_as_form_errors(form):
                    made = services.add_deployment(
                        account=account,
                        llm=llm,
                        vendor=vendor.slug,
                        credential=form.credential(),
                        **form.place(),
                        actor=actor_of(request),
                    )
                    return _tested(request, made)
        return render_page(
            request,
            "console/deployment_add.html",
            title=_("Add a deployment"),
            crumbs=crumbs(llm),
            status=form.http_status if form else 200,
            llm=llm,
            vendors=vendors,
            allowed_llms=ceiling.llms,
            vendor=vendor,
            form=form,
        )

    @page(permission=_MANAGE, methods=("GET", "POST"))
    def deployment(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
        row = selectors.deployment_named(deployment_id)
        vendor = _vendor_of(row)
        form = DeploymentForm(request.POST or None, vendor=vendor, initial=_initial(row))
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                services.change_deployment(
                    account=account_of(request),
                    deployment=row,
                    actor=actor_of(request),
                    **form.place(),
                )
                messages.success(request, _("Saved. It counts from the next call on."))
                return _back(row)
        return _show(request, row, form, CredentialForm(vendor=vendor))

    @page(permission=_MANAGE, methods=("POST",))
    def credential(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
        row = selectors.deployment_named(deployment_id)
        vendor = _vendor_of(row)
        form = CredentialForm(request.POST, vendor=vendor)
        if form.is_valid():
            with problems_as_form_errors(form):
                services.set_deployment_credential(
                    deployment=row, credential=form.credential(), actor=actor_of(request)
                )
                return _tested(request, row)
        return _show(request, row, DeploymentForm(vendor=vendor, initial=_initial(row)), form)

    @page(permission=_MANAGE, methods=("POST",))
    def test(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
        tested = _tested(request, selectors.deployment_named(deployment_id))
        if request.POST.get("next") == "health":
            return HttpResponseRedirect(reverse("console:deployment-health"))
        return tested

    @page(permission=_MANAGE, methods=("POST",))
    def switch(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
        row = selectors.deployment_named(deployment_id)
        with problems_as_messages(request):
            services.change_deployment(
                account=account_of(request),
                deployment=row,
                is_active=request.POST.get("on") == "1",
                actor=actor_of(request),
            )
        return back_to(row.llm)

    @page(permission=_MANAGE, methods=("POST",))
    def archive(request: HttpRequest, deployment_id: UUID) -> HttpResponse:
        row = selectors.deployment_named(deployment_id)
        with problems_as_messages(request, done=_("%s is no longer asked.") % row):
            services.archive_deployment(deployment=row, actor=actor_of(request))
        return back_to(row.llm)

    at = "deployments/<uuid:deployment_id>/"
    return [
        path("deployments/llms/<uuid:own_llm_id>/add/", add, name="deployment-add"),
        path(at, deployment, name="deployment"),
        path(f"{at}credential/", credential, name="deployment-credential"),
        path(f"{at}test/", test, name="deployment-test"),
        path(f"{at}switch/", switch, name="deployment-switch"),
        path(f"{at}archive/", archive, name="deployment-archive"),
    ]


def _vendor_of(row: Deployment) -> Vendor:
    vendor = vendor_named(row.vendor)
    if vendor is None:
        raise NotFound("This vendor is not known any more. Remove the deployment.")
    return vendor


def _tested(request: HttpRequest, row: Deployment) -> HttpResponse:
    done = deployment_tests.check_deployment(
        account=account_of(request), deployment=row, actor=actor_of(request)
    )
    say = messages.success if done.test_outcome == CheckOutcome.OK else messages.warning
    say(request, f"{done}: {CheckOutcome(done.test_outcome).label}.")
    return _back(row)


def _back(row: Deployment) -> HttpResponse:
    return HttpResponseRedirect(reverse("console:deployment", args=(row.pk,)))


def _show(
    request: HttpRequest, row: Deployment, form: DeploymentForm, credential_form: CredentialForm
) -> HttpResponse:
    [shown] = llm_rows([selectors.own_llm_named(row.llm_id)])
    place = next(each for each in shown.places if each.deployment.pk == row.pk)
    return render_page(
        request,
        "console/deployment.html",
        title=str(row),
        crumbs=crumbs(row.llm),
        status=max(form.http_status, credential_form.http_status),
        row=shown,
        place=place,
        what_to_do=what_to_do(row.test_outcome),
        vendor=form.vendor,
        form=form,
        credential_form=credential_form,
        hours=HEALTH_HOURS,
    )


def _initial(row: Deployment) -> dict[str, Any]:
    fields = ("upstream_model", "api_base", "weight", "order", "timeout_seconds")
    return {**{name: getattr(row, name) for name in fields}, **row.options}
