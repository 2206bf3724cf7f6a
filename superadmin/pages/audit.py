"""The audit log of the platform."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from core.ui.audit import audit_page, kinds_page
from core.ui.audit_file import audit_csv, audit_jsonl
from core.ui.audit_view import view_of
from core.ui.pages import page


@page(permission="platform.view_audit")
def platform_audit(request: HttpRequest) -> HttpResponse:
    """Show what super admins changed, and what the product changed by itself."""
    return audit_page(request, view_of(request))


@page(permission="platform.view_audit")
def platform_audit_csv(request: HttpRequest) -> HttpResponseBase:
    """Return it as CSV."""
    return audit_csv(request, view_of(request))


@page(permission="platform.view_audit")
def platform_audit_jsonl(request: HttpRequest) -> HttpResponseBase:
    """Return it as JSON lines."""
    return audit_jsonl(request, view_of(request))


@page(permission="platform.view_audit")
def platform_audit_kinds(request: HttpRequest) -> HttpResponse:
    """Show everything that is ever recorded."""
    above = [(_("Audit log"), reverse("platform:audit"))]
    return kinds_page(request, title=_("What is recorded"), crumbs=above)
