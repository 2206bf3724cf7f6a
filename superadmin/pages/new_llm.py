"""A new LLM in the catalogue."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, render_page
from superadmin.forms import PROVIDERS, DetailsForm, NewLlmForm
from tenants.models import Llm
from tenants.services.llms import create_llm


@page(permission="platform.manage_catalogue", methods=("GET", "POST"))
def new_llm(request: HttpRequest) -> HttpResponse:
    """Ask what an LLM is, where it runs and what it costs, and add it."""
    form = NewLlmForm(request.POST or None, initial=_INITIAL)
    if request.method == "POST" and form.is_valid():
        with problems_as_form_errors(form):
            llm = _create(request, form)
            messages.success(request, _("In the catalogue. Offer it to accounts next."))
            return HttpResponseRedirect(reverse("platform:llm", args=(llm.pk,)))
    return render_page(
        request,
        "superadmin/llm/new.html",
        title=_("New LLM"),
        crumbs=((_("LLMs and prices"), reverse("admin:tenants_llm_changelist")),),
        status=form.http_status,
        form=form,
        details=[form[name] for name in ("title", "vendor", "kind", "description")],
        limits=[form[name] for name in ("context_window", "max_output_tokens")],
        deployment=form.where_fields(),
        providers=PROVIDERS,
    )


_INITIAL = {"context_window": 128_000, "max_output_tokens": 8_192, "kind": "chat"}


def _create(request: HttpRequest, form: NewLlmForm) -> Llm:
    values: dict[str, Any] = {
        name: form.cleaned_data[name] for name in ("name", *DetailsForm.base_fields)
    }
    return create_llm(**values, **form.where(), prices=form.prices(), actor=actor_of(request))
