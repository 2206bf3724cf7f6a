"""Own LLMs: what the account runs itself, how its deployments do, and what they cost."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from console.models import Deployment, OwnLlm
from console.pages.deployment_forms import (
    OwnLlmDetailsForm,
    OwnLlmForm,
    vendor_choices,
)
from console.selectors import own_llms as selectors
from console.selectors.deployment_health import (
    HEALTH_HOURS,
    DeploymentHealth,
    State,
    health_of,
    state_of,
)
from console.services import own_llms as services
from core.access.selectors import active_llm_ids
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from tenants.forms import PricesForm, typed_price
from tenants.own_llms import own_llm_ceiling

_HOME = "console:own-llms"
_MANAGE = selectors.MANAGE


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A deployment with what people may see of its credential, and how it has done lately."""

    deployment: Deployment
    credential: Any
    health: DeploymentHealth

    @property
    def state(self) -> State:
        """The verdict on it."""
        return state_of(self.deployment, self.health)


@dataclass(frozen=True, slots=True)
class LlmRow:
    """An own LLM with its deployments and the price that counts."""

    llm: OwnLlm
    price: selectors.EffectivePrice | None
    places: list[PlaceRow]
    is_on: bool

    @property
    def answers(self) -> bool:
        """Whether a call of it would be admitted, as far as the LLM itself goes."""
        active = any(place.deployment.is_active for place in self.places)
        return self.is_on and self.price is not None and active


def urls() -> list[URLPattern]:
    """Return the routes of own LLMs."""

    @page(permission=_MANAGE, methods=("GET", "POST"))
    def own_llms(request: HttpRequest) -> HttpResponse:
        form = OwnLlmForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                llm = services.create_own_llm(
                    account=account_of(request), **form.cleaned_data, actor=actor_of(request)
                )
                messages.success(request, _("%s is there. Say where it runs.") % llm)
                return HttpResponseRedirect(reverse("console:deployment-add", args=(llm.pk,)))
        return render_page(
            request,
            "console/own_llms.html",
            title=_("Own LLMs"),
            status=form.http_status,
            form=form,
            rows=llm_rows(list(selectors.own_llms())),
            hours=HEALTH_HOURS,
        )

    @page(permission=_MANAGE, methods=("GET", "POST"))
    def own_llm(request: HttpRequest, own_llm_id: UUID) -> HttpResponse:
        llm = selectors.own_llm_named(own_llm_id)
        form = _details_form(request, llm, request.POST or None)
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                services.change_own_llm(llm=llm, actor=actor_of(request), **form.cleaned_data)
                messages.success(request, _("Saved. It counts from the next call on."))
                return back_to(llm)
        return _show(request, llm, form, _price_form(llm))

    @page(permission=_MANAGE, methods=("POST",))
    def price(request: HttpRequest, own_llm_id: UUID) -> HttpResponse:
        llm = selectors.own_llm_named(own_llm_id)
        form = PricesForm(request.POST)
        if form.is_valid():
            with problems_as_form_errors(form):
                services.set_own_price(
                    account=account_of(request),
                    llm=llm,
                    prices=form.prices(),
                    actor=actor_of(request),
                )
                messages.success(request, _("The price counts from the next call on."))
                return back_to(llm)
        return _show(request, llm, _details_form(request, llm, None), form)

    @page(permission=_MANAGE, methods=("POST",))
    def archive(request: HttpRequest, own_llm_id: UUID) -> HttpResponse:
        llm = selectors.own_llm_named(own_llm_id)
        with problems_as_messages(request, done=_("%s no longer answers.") % llm):
            services.archive_own_llm(llm=llm, actor=actor_of(request))
        return HttpResponseRedirect(reverse(_HOME))

    at = "deployments/llms/<uuid:own_llm_id>/"
    return [
        path("deployments/", own_llms, name="own-llms"),
        path(at, own_llm, name="own-llm"),
        path(f"{at}price/", price, name="own-llm-price"),
        path(f"{at}archive/", archive, name="own-llm-archive"),
    ]


def account_of(request: HttpRequest) -> Any:
    """Return the account whose host was asked."""
    return request.account  # type: ignore[attr-defined]


def back_to(llm: OwnLlm) -> HttpResponse:
    """Return to the page of an own LLM after a change."""
    return HttpResponseRedirect(reverse("console:own-llm", args=(llm.pk,)))


def crumbs(llm: OwnLlm | None = None) -> list[tuple[str, str]]:
    """Return the pages above."""
    above = [(_("Own LLMs"), reverse(_HOME))]
    return [*above, (llm.title, reverse("console:own-llm", args=(llm.pk,)))] if llm else above


def llm_rows(llms: list[OwnLlm]) -> list[LlmRow]:
    """Return own LLMs as pages show them; seven queries for any number of them."""
    places = [place for llm in llms for place in llm.deployments.all()]
    credentials = selectors.credential_states(places)
    health = health_of(places)
    prices = selectors.effective_prices(llms)
    on = active_llm_ids("console")
    return [
        LlmRow(
            llm,
            prices.get(llm.pk),
            [
                PlaceRow(place, credentials.get(place.pk), health[place.pk])
                for place in llm.deployments.all()
            ],
            llm.pk in on,
        )
        for llm in llms
    ]


def _show(
    request: HttpRequest, llm: OwnLlm, form: OwnLlmDetailsForm, price_form: PricesForm
) -> HttpResponse:
    [row] = llm_rows([llm])
    ceiling = own_llm_ceiling(account_of(request).id)
    return render_page(
        request,
        "console/own_llm.html",
        title=llm.title,
        crumbs=crumbs(),
        status=max(form.http_status, price_form.http_status),
        row=row,
        form=form,
        price_form=price_form,
        floor=f"{ceiling.floor_usd.normalize():f}",
        has_suggestion=row.price is None and bool(_suggested(llm)),
        versions=list(llm.own_prices.all()),
        vendors=vendor_choices(ceiling.allows),
        hours=HEALTH_HOURS,
    )


def _details_form(request: HttpRequest, llm: OwnLlm, posted: Any) -> OwnLlmDetailsForm:
    fields = OwnLlmDetailsForm.base_fields
    others = {
        each.name: each.title
        for each in selectors.offered_llms(account_of(request).id, "console")
        if each.kind == llm.kind and each.name != llm.name
    }
    # What it falls back to now stays a choice, also while it is not offered.
    others |= {llm.fallback: llm.fallback} if llm.fallback and llm.fallback not in others else {}
    return OwnLlmDetailsForm(
        posted, others=others, initial={name: getattr(llm, name) for name in fields}
    )


def _price_form(llm: OwnLlm) -> PricesForm:
    last = next(iter(llm.own_prices.all()), None)
    return PricesForm(initial=typed_price(last) if last else _suggested(llm))


def _suggested(llm: OwnLlm) -> dict[str, str]:
    """Return what LiteLLM's list says of the first deployment that it knows."""
    found = (place.suggestion.get("prices") for place in llm.deployments.all())
    return next((prices for prices in found if prices), {})
