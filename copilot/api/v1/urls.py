"""Routes below `/api/copilot/v1/`."""

from django.urls import path

from copilot.product import PRODUCT
from core.api.access.base import Offer
from core.api.access.urls import access_urls
from core.api.audit.urls import audit_urls
from core.api.auth.views import SessionTokenView
from core.api.credits.urls import credits_urls
from core.api.hierarchy.urls import hierarchy_urls
from tenants.selectors import (
    credit_factor_of,
    invitation_url,
    offered_llms,
    withheld_features,
)

urlpatterns = [
    path("session-token", SessionTokenView.as_view(product=PRODUCT.slug), name="session-token"),
    *hierarchy_urls(PRODUCT, invitation_url=invitation_url),
    *audit_urls(PRODUCT),
    *credits_urls(PRODUCT),
    *access_urls(
        PRODUCT,
        Offer(
            llms=offered_llms,
            withheld_features=withheld_features,
            credit_factor=credit_factor_of,
        ),
    ),
]
