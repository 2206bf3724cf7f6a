"""The API reference of an account's host, and the pages that problem documents point at."""

import inspect
import json
from http import HTTPStatus

import yaml
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_safe

from core.kit.problems import NotFound, Problem, known_problems
from core.ui.context import current_product
from core.ui.pages import render_page
from core.ui.reference import openapi

# What one can do about it, by status, where the problem itself does not say.
_ADVICE = {
    400: gettext_lazy("Mend the request; sending it again as it is changes nothing."),
    401: gettext_lazy("Sign in, or ask for a new token: tokens live for five minutes."),
    402: gettext_lazy("Ask an account admin for more credits, or wait for the next cycle."),
    403: gettext_lazy("Ask an account admin, whose role includes it or who can give it to you."),
    404: gettext_lazy("Check the address and the id. What you may not see is answered like this."),
    409: gettext_lazy("Read the current state, mend what stands in the way, and try again."),
    410: gettext_lazy("Ask whoever sent it to you for a new one."),
    412: gettext_lazy("Read it again, and send the change with the new ETag."),
    422: gettext_lazy("The document lists each fault with a pointer to its place. Mend these."),
    429: gettext_lazy("Wait as long as the header Retry-After says, then go on more slowly."),
    500: gettext_lazy("Send it again later. If it stays, report it with its request id."),
}


@require_safe
@login_required
def reference(request: HttpRequest, name: str) -> HttpResponse:
    """Show one API: every operation with its fields, answers and examples."""
    try:
        shown = openapi.reference_of(name, of_platform=_is_platform(request))
    except NotFound as problem:
        raise Http404(problem.detail) from None
    return render_page(
        request,
        "reference/api.html",
        title=_("API reference"),
        reference=shown,
        documents=[
            (each, _label(each)) for each in openapi.names(of_platform=_is_platform(request))
        ],
        base_url=request.build_absolute_uri("/").rstrip("/"),
    )


@require_safe
@login_required
def references(request: HttpRequest) -> HttpResponse:
    """Lead to the API of the product in view, or to the platform's."""
    api = "superadmin" if _is_platform(request) else current_product(request)
    return HttpResponseRedirect(reverse("api-reference", args=(f"{api}-v1",)))


@require_safe
def document(request: HttpRequest, name: str, form: str) -> HttpResponse:
    """Return an OpenAPI document as it is, for generators of clients."""
    try:
        text = openapi.text_of(name, of_platform=_is_platform(request))
    except NotFound as problem:
        raise Http404(problem.detail) from None
    if form == "json":
        text = json.dumps(yaml.load(text, Loader=yaml.CSafeLoader))
    return HttpResponse(text, content_type=f"application/{form}")


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """List every kind of problem that the product answers with."""
    found = [_shown(kind) for kind in known_problems().values()]
    return render(request, "reference/problems.html", {"problems": found})


@require_safe
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """Explain one kind of problem: the page that the `type` of a document points at."""
    kind = known_problems().get(code.replace("-", "_"))
    if kind is None:
        raise Http404(_("There is no problem of this name."))
    return render(request, "reference/problem.html", {"problem": _shown(kind)})


def _is_platform(request: HttpRequest) -> bool:
    return getattr(request, "account", None) is None


def _label(name: str) -> str:
    """Return what a document is called beside the others: `Copilot v1`, of `copilot-v1`."""
    api, _separator, version = name.rpartition("-")
    return f"{api.capitalize()} {version}"


def _shown(kind: type[Problem]) -> dict[str, object]:
    status = HTTPStatus(kind.status)
    return {
        "code": kind.code,
        "path": kind.code.replace("_", "-"),
        "title": kind.title,
        "status": f"{status.value} {status.phrase}",
        "text": inspect.getdoc(kind) or "",
        "advice": _ADVICE.get(kind.status, ""),
    }
