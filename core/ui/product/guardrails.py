"""Guardrails: which presets check every call of the product, and how strictly."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.guardrails import services
from core.guardrails.models import GuardrailAction, GuardrailStage
from core.guardrails.presets import all_presets
from core.guardrails.selectors import binding_named, bindings_of
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from core.ui.product.urls import ProductSite


class BindForm(CockpitForm):
    """Lets a preset check every call of the product."""

    preset = forms.ChoiceField(
        label=gettext_lazy("Guardrail"),
        choices=lambda: [(preset.slug, preset.title) for preset in all_presets()],
    )
    action = forms.ChoiceField(
        label=gettext_lazy("When something is found"),
        choices=GuardrailAction.choices,
        initial=GuardrailAction.MASK,
        help_text=gettext_lazy(
            "Block refuses the call. Mask replaces what was found. Flag only records it."
        ),
    )
    stages = forms.MultipleChoiceField(
        label=gettext_lazy("Where it looks"),
        choices=GuardrailStage.choices,
        initial=[GuardrailStage.INPUT],
        widget=forms.CheckboxSelectMultiple,
    )
    is_mandatory = forms.BooleanField(
        label=gettext_lazy("Refuse calls when the check itself cannot run"), required=False
    )


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the guardrails page."""
    home = f"{site.slug}:guardrails"
    manage = site.permission("manage_guardrails")

    @page(permission=manage, methods=("GET", "POST"))
    def guardrails(request: HttpRequest) -> HttpResponse:
        form = BindForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            values: dict[str, Any] = form.cleaned_data
            with problems_as_form_errors(form):
                bound = services.bind_preset(product=site.slug, **values, actor=actor_of(request))
                messages.success(request, _("%s checks every call now.") % bound.guardrail)
                return HttpResponseRedirect(reverse(home))
        return render_page(
            request,
            "product/guardrails.html",
            title=_("Guardrails"),
            status=form.http_status,
            form=form,
            bindings=[
                (binding, [GuardrailStage(stage).label for stage in binding.stages])
                for binding in bindings_of(site.slug)
            ],
            presets=all_presets(),
            unbind_url=f"{site.slug}:guardrail-unbind",
        )

    @page(permission=manage, methods=("POST",))
    def unbind(request: HttpRequest, binding_id: UUID) -> HttpResponse:
        binding = binding_named(site.slug, binding_id)
        done = _("%s no longer checks calls.") % binding.guardrail
        with problems_as_messages(request, done=done):
            services.unbind_guardrail(binding=binding, actor=actor_of(request))
        return HttpResponseRedirect(reverse(home))

    return [
        path("guardrails/", guardrails, name="guardrails"),
        path("guardrails/<uuid:binding_id>/unbind/", unbind, name="guardrail-unbind"),
    ]
