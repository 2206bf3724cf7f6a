"""Routes below `/api/console/v1/`."""

from django.urls import path

from console.api.v1.keys.views import KeyViewSet
from console.product import PRODUCT
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

_keys = KeyViewSet.as_view

urlpatterns = [
    path("session-token", SessionTokenView.as_view(product=PRODUCT.slug), name="session-token"),
    path("keys", _keys({"get": "list", "post": "create"}), name="keys"),
    path("keys/<uuid:key_id>", _keys({"get": "retrieve", "patch": "partial_update"}), name="key"),
    path("keys/<uuid:key_id>/rotate", _keys({"post": "rotate"}), name="key-rotate"),
    path("keys/<uuid:key_id>/revoke", _keys({"post": "revoke"}), name="key-revoke"),
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
