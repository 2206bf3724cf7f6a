"""The audit log of one product of the account."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.access.scopes import scope_of
from core.hierarchy.administration import nodes_in
from core.ui.audit import audit_page, kinds_page
from core.ui.audit_file import audit_csv, audit_jsonl
from core.ui.audit_view import AuditView, view_of
from core.ui.pages import page
from core.ui.product.urls import ProductSite


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the audit log."""

    def view(request: HttpRequest) -> AuditView:
        within = nodes_in(site.product, scope_of(request.user, site.slug))
        return view_of(request, site.slug, within=within)

    @page(permission=site.permission("view_audit"))
    def audit(request: HttpRequest) -> HttpResponse:
        return audit_page(request, view(request))

    @page(permission=site.permission("view_audit"))
    def as_csv(request: HttpRequest) -> HttpResponseBase:
        return audit_csv(request, view(request))

    @page(permission=site.permission("view_audit"))
    def as_jsonl(request: HttpRequest) -> HttpResponseBase:
        return audit_jsonl(request, view(request))

    @page(permission=site.permission("view_audit"))
    def kinds(request: HttpRequest) -> HttpResponse:
        above = [(_("Audit log"), reverse(f"{site.slug}:audit"))]
        return kinds_page(request, title=_("What is recorded"), crumbs=above)

    return [
        path("audit/", audit, name="audit"),
        path("audit/export.csv", as_csv, name="audit-csv"),
        path("audit/export.jsonl", as_jsonl, name="audit-jsonl"),
        path("audit/kinds/", kinds, name="audit-kinds"),
    ]
