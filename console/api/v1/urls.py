"""Routes below `/api/console/v1/`."""

from typing import Any

from django.urls import path

from console.api.v1.deployments.views import DeploymentViewSet
from console.api.v1.keys.views import KeyViewSet
from console.api.v1.logs.views import ContentPolicyViewSet, LogViewSet
from console.api.v1.own_llms.views import OwnLlmViewSet
from console.product import PRODUCT
from console.selectors.own_llms import offered_llms
from core.api.access.base import Offer
from core.api.access.urls import access_urls
from core.api.audit.urls import audit_urls
from core.api.auth.views import SessionTokenView
from core.api.credits.urls import credits_urls
from core.api.hierarchy.urls import hierarchy_urls
from tenants.selectors import credit_factor_of, invitation_url, withheld_features

_llms = OwnLlmViewSet.as_view
_places = DeploymentViewSet.as_view
_ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
_keys, _logs = KeyViewSet.as_view, LogViewSet.as_view

urlpatterns = [
    path("session-token", SessionTokenView.as_view(product=PRODUCT.slug), name="session-token"),
    path("keys", _keys({"get": "list", "post": "create"}), name="keys"),
    path("keys/<uuid:key_id>", _keys({"get": "retrieve", "patch": "partial_update"}), name="key"),
    path("keys/<uuid:key_id>/rotate", _keys({"post": "rotate"}), name="key-rotate"),
    path("keys/<uuid:key_id>/revoke", _keys({"post": "revoke"}), name="key-revoke"),
    path("own-llms", _llms({"get": "list", "post": "create"})),
    path("own-llms/<uuid:own_llm_id>", _llms(_ONE)),
    path("own-llms/<uuid:own_llm_id>/prices", _llms({"post": "price"})),
    path("deployments", _places({"get": "list", "post": "create"})),
    path("deployments/<uuid:deployment_id>", _places(_ONE)),
    path("deployments/<uuid:deployment_id>/credential", _places({"post": "credential"})),
    path("deployments/<uuid:deployment_id>/test", _places({"post": "test"})),
    path("deployments/<uuid:deployment_id>/health", _places({"get": "health"})),
    path("logs", _logs({"get": "list"}), name="logs"),
    path("logs/tail", _logs({"get": "tail"}), name="logs-tail"),
    path("logs/<uuid:call_id>", _logs({"get": "retrieve"}), name="log"),
    path("logs/<uuid:call_id>/content", _logs({"post": "content"}), name="log-content"),
    path(
        "content-policy",
        ContentPolicyViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="content-policy",
    ),
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
