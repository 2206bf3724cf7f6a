"""Every request knows its actor."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from core.audit.services import Actor


class ActorMiddleware:
    """Sets `request.actor`: who will stand in the audit entries of this request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]
        response = self.get_response(request)
        # What somebody quotes when they report a fault; the log has it too.
        if request_id := structlog.contextvars.get_contextvars().get("request_id"):
            response.headers.setdefault("X-Request-ID", str(request_id))
        return response


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in user as an actor.

    Raises:
        AssertionError: nobody is signed in; faces check that first.
    """
    assert request.user.is_authenticated
    return Actor(
        "user",
        str(request.user.pk),
        str(request.user),
        request_id=getattr(request, "id", "") or request.headers.get("X-Request-ID", "")[:64],
        address=request.META.get("REMOTE_ADDR", "")[:64],
    )
