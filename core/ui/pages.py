"""Pages: views of one task, inside the same shell as the admin.

A page template holds its fragments as partials, so the full page and a fragment cannot drift. GET
shows, POST changes; a fragment's address works without HTMX and gives the whole page.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.forms import BaseForm
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
)
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from core.access.permissions import may, permissions_of
from core.identity.selectors import account_admins
from core.kit.problems import NotAllowed, NotFound, Problem
from core.tenancy.context import in_account_schema
from core.ui.alone import no_place
from core.ui.forms import add_problem
from core.ui.sites import account_site, super_site

View = Callable[..., HttpResponseBase]


def page(*, permission: str, methods: tuple[str, ...] = ("GET",)) -> Callable[[View], View]:
    """Turn a function into a page for those who carry a codename.

    An empty codename is for anybody who is signed in.

    Nobody signed in: the login page. Not carried: 403 with a sentence. A `Problem` that the view
    does not catch becomes a page with its status, never a 500.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refusal = _refusal(request, permission, methods)
            response = refusal or _answer(view, request, *args, **kwargs)
            # Nothing of an account stays on a shared machine after somebody has signed out.
            if not response.has_header("Cache-Control"):
                add_never_cache_headers(response)
            return response

        guarded.permission = permission  # type: ignore[attr-defined]
        guarded.methods = methods  # type: ignore[attr-defined]
        return guarded

    return decorate


def render_page(
    request: HttpRequest,
    template: str,
    *,
    title: str,
    status: int = 200,
    fragment: str = "",
    crumbs: Sequence[tuple[str, str]] = (),
    **context: Any,
) -> HttpResponse:
    """Render a page in the shell, or one of its partials when HTMX asks for `fragment`.

    `crumbs` are the pages above this one, as (title, address). Messages travel with a fragment.
    """
    if fragment and is_partial(request):
        response = render(request, f"{template}#{fragment}", context, status=status)
        response.write(_toasts(request))
    else:
        site = account_site if in_account_schema() else super_site
        shell = site.each_context(request)
        own = {"title": title, "crumbs": crumbs, "is_page": True}
        response = render(request, template, {**shell, **own, **context}, status=status)
    patch_vary_headers(response, ("HX-Request",))
    return response


def is_partial(request: HttpRequest) -> bool:
    """Whether HTMX asks for a part of the page that is already there."""
    asked = getattr(request, "htmx", None)
    return bool(asked) and not asked.boosted and not asked.history_restore_request  # type: ignore[union-attr]


def problem_page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Show what went wrong and what to do next: as a page, or as a message beside a fragment."""
    if is_partial(request):
        messages.error(request, problem.detail)
        response = HttpResponse(_toasts(request), status=422)
        response["HX-Reswap"] = "none"
        return response
    return render_page(
        request,
        "cockpit/problem.html",
        title=problem.title,
        status=problem.status,
        problem=problem,
        # Who can change what somebody may do.
        helpers=list(account_admins()[:3]) if _needs_an_admin(problem) else [],
    )


def _needs_an_admin(problem: Problem) -> bool:
    return problem.status == NotAllowed.status and in_account_schema()


@contextmanager
def problems_as_form_errors(form: BaseForm) -> Iterator[None]:
    """Turn a `Problem` raised inside into errors of the form."""
    try:
        yield
    except Problem as problem:
        add_problem(form, problem)


@contextmanager
def problems_as_messages(request: HttpRequest, *, done: str = "") -> Iterator[None]:
    """Turn a `Problem` raised inside into a message; say `done` when there was none."""
    try:
        yield
    except Problem as problem:
        messages.error(request, problem.detail)
    else:
        if done:
            messages.success(request, done)


def _refusal(request: HttpRequest, permission: str, methods: Sequence[str]) -> HttpResponse | None:
    if not request.user.is_authenticated:
        return _to_login(request)
    if request.method not in methods and not (request.method == "HEAD" and "GET" in methods):
        return _wrong_method(request, methods)
    if permission and not may(request.user, permission):
        if not permissions_of(request.user):
            return no_place(request)
        return problem_page(
            request, NotAllowed("Your role does not include this page. Ask an account admin.")
        )
    return None


def _answer(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    try:
        return view(request, *args, **kwargs)
    except NotFound as problem:
        raise Http404(problem.detail) from None
    except Problem as problem:
        return problem_page(request, problem)


def _wrong_method(request: HttpRequest, methods: Sequence[str]) -> HttpResponse:
    """Somebody opened the address of a button: a page that says so, and the status that fits."""
    response = problem_page(
        request, Problem("This address only takes what a button of another page sends.")
    )
    response.status_code = HttpResponseNotAllowed.status_code
    response["Allow"] = ", ".join(methods)
    return response


def _to_login(request: HttpRequest) -> HttpResponse:
    if is_partial(request):
        # Back to the page as a whole, not to the address of one of its fragments.
        shown = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(redirect_to_login(shown)["Location"])
    return redirect_to_login(request.get_full_path())


def _toasts(request: HttpRequest) -> str:
    return render_to_string("components/toasts.html", {"swap": True}, request=request)
