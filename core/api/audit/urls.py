"""The routes of a product's audit log, below `/api/<product>/v1/`."""

from django.urls import URLPattern, path

from core.api.audit.views import AuditViewSet
from core.hierarchy.product import Product


def audit_urls(product: Product) -> list[URLPattern]:
    """Return the routes."""
    return [
        path("audit", AuditViewSet.as_view({"get": "list"}, product=product)),
        path("audit/<uuid:entry_id>", AuditViewSet.as_view({"get": "retrieve"}, product=product)),
    ]
