"""The audit log of the platform."""

from django.http import HttpRequest, HttpResponse

from core.ui.audit import audit_page
from core.ui.pages import page


@page(permission="platform.view_audit")
def platform_audit(request: HttpRequest) -> HttpResponse:
    """Show what super admins changed."""
    return audit_page(request)
