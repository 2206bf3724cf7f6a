"""The pages of 400, 403, 404 and 500.

They must work when little else does: before the account is known, without a user, without a
database. Whoever is signed in sees them inside the shell; the rest get a page that stands alone.
"""

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from core.access.permissions import permissions_of
from core.kit.problems import BadRequest, NotAllowed, NotFound, Problem
from core.ui.alone import alone
from core.ui.pages import problem_page

_API_PATHS = ("/api/", "/scim/")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400 to what Django itself refuses, such as a host that is none of ours."""
    if isinstance(exception, DisallowedHost):
        return _answer(request, BadRequest(_("This address is not one of this installation.")))
    return _answer(request, BadRequest(_("Check what is sent.")))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    detail = str(exception) if exception is not None and _is_ours(exception) else ""
    return _answer(
        request,
        NotFound(
            detail or _("The address may be mistyped, or it was removed, or it is not yours.")
        ),
    )


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403."""
    detail = str(exception) if exception is not None else ""
    return _answer(
        request,
        NotAllowed(detail or _("Your role does not include this page. An account admin can help.")),
    )


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 500 without asking the database or the user for anything."""
    request_id = str(getattr(request, "id", ""))
    if request.path.startswith(_API_PATHS):
        return _document("internal_error", "This is our fault", 500, request_id=request_id)
    page = render_to_string("cockpit/broken.html", {"request_id": request_id})
    return HttpResponse(page, status=500)


def _answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    if request.path.startswith(_API_PATHS):
        return _document(problem.code, problem.title, problem.status, detail=problem.detail)
    # The middleware may have refused before it knew the account, and so before any user.
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not permissions_of(user):
        return alone(request, problem)
    return problem_page(request, problem)


def _document(code: str, title: str, status: int, **more: str) -> JsonResponse:
    body = {
        "type": f"/problems/{code.replace('_', '-')}",
        "title": title,
        "status": status,
        "code": code,
        **more,
    }
    return JsonResponse(body, status=status, content_type="application/problem+json")


def _is_ours(exception: Exception) -> bool:
    # Django's resolver raises 404 with a mapping of everything that it has tried.
    return bool(exception.args) and isinstance(exception.args[0], str)
