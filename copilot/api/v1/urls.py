"""Routes below `/api/copilot/v1/`."""

from django.urls import path

from copilot.product import PRODUCT
from core.api.audit.urls import audit_urls
from core.api.auth.views import SessionTokenView
from core.api.credits.urls import credits_urls
from core.api.hierarchy.urls import hierarchy_urls
from tenants.selectors import invitation_url

urlpatterns = [
    path("session-token", SessionTokenView.as_view(product=PRODUCT.slug), name="session-token"),
    *hierarchy_urls(PRODUCT, invitation_url=invitation_url),
    *audit_urls(PRODUCT),
    *credits_urls(PRODUCT),
]
