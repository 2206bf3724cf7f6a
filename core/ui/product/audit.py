"""The audit log of one product of the account."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from core.ui.audit import audit_page
from core.ui.pages import page
from core.ui.product.urls import ProductSite


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the route of the audit log."""

    @page(permission=site.permission("view_audit"))
    def audit(request: HttpRequest) -> HttpResponse:
        return audit_page(request, product=site.slug)

    return [path("audit/", audit, name="audit")]
