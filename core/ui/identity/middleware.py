"""Super admins need a second factor."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from core.identity.models import User
from core.identity.selectors import has_second_factor
from core.tenancy.context import in_account_schema


class RequireSecondFactor:
    """Sends a super admin without a second factor to set one up, before anything else.

    It stands behind allauth's middleware and the one that chooses the schema.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self._is_due(request):
            return self.get_response(request)
        if request.path.startswith("/api/"):
            return JsonResponse(
                {
                    "type": "/problems/second-factor-required",
                    "title": "Set up two-factor authentication first",
                    "status": 403,
                    "code": "second_factor_required",
                    "detail": "Super admins need an authenticator app. Add it in a browser.",
                },
                status=403,
                content_type="application/problem+json",
            )
        return redirect("mfa_activate_totp")

    def _is_due(self, request: HttpRequest) -> bool:
        user = request.user
        return (
            settings.SUPER_ADMIN_NEEDS_TOTP
            and not in_account_schema()
            and isinstance(user, User)
            and not request.path.startswith(_reachable())
            and not has_second_factor(user)
        )


def _reachable() -> tuple[str, ...]:
    return (
        reverse("mfa_index"),
        reverse("account_reauthenticate"),
        reverse("account_logout"),
        reverse("invitation", args=("x",)).removesuffix("x/"),
        settings.STATIC_URL,
    )
