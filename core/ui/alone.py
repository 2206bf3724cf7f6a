"""Pages outside the shell, for people who have no place in it."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from core.kit.problems import NotAllowed, Problem


class NoPlace(NotAllowed):
    """The user can sign in but has neither a seat nor a role."""

    code = "no_place"
    title = "You have no seat here yet"


def alone(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Show what went wrong on a page that stands alone."""
    page = render_to_string("cockpit/problem_alone.html", {"problem": problem}, request=request)
    return HttpResponse(page, status=problem.status)


def no_place(request: HttpRequest) -> HttpResponse:
    """Explain to somebody who is signed in why there is nothing to see."""
    return alone(
        request,
        NoPlace(
            _(
                "Your login works, but nobody has given you a seat in Copilot or Console. "
                "Ask an account admin for one."
            )
        ),
    )
