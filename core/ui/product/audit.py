"""The audit log of one product of the account."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from core.access.scopes import scope_of
from core.hierarchy.administration import nodes_in
from core.ui.audit import audit_page
from core.ui.pages import page
from core.ui.product.urls import ProductSite


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the route of the audit log."""

    @page(permission=site.permission("view_audit"))
    def audit(request: HttpRequest) -> HttpResponse:
        within = nodes_in(site.product, scope_of(request.user, site.slug))
        return audit_page(request, product=site.slug, within=within)

    return [path("audit/", audit, name="audit")]
