"""Every request knows its actor."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from core.audit.services import Actor


class ActorMiddleware:
    """Sets `request.actor`: who will stand in the audit entries of this request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]
        return self.get_response(request)


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
        request_id=getattr(request, "id", ""),
        address=request.META.get("REMOTE_ADDR", "")[:64],
    )
