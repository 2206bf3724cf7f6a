"""The routes of access, below `/api/<product>/v1/`."""

from typing import Any

from django.urls import URLPattern, path

from core.api.access.base import Offer
from core.api.access.explain import ExplainViewSet
from core.api.access.features import FeatureViewSet
from core.api.access.grants import GrantViewSet
from core.api.access.llms import LlmViewSet
from core.api.access.policies import LlmPolicyViewSet
from core.hierarchy.product import Product


def access_urls(product: Product, offer: Offer) -> list[URLPattern]:
    """Return the routes."""

    def route(at: str, view: Any, actions: dict[str, str]) -> URLPattern:
        found: URLPattern = path(at, view.as_view(actions, product=product, offer=offer))
        return found

    node = "<str:kind>/<uuid:node_id>"
    policy = {"get": "retrieve", "put": "update", "delete": "destroy"}
    return [
        route("llms", LlmViewSet, {"get": "list"}),
        route("llms/<uuid:llm_id>/switch-on", LlmViewSet, {"post": "switch_on"}),
        route("llms/<uuid:llm_id>/switch-off", LlmViewSet, {"post": "switch_off"}),
        route("llm-policies", LlmPolicyViewSet, {"get": "list"}),
        route("llm-policies/bulk", LlmPolicyViewSet, {"post": "bulk"}),
        route(f"llm-policies/{node}", LlmPolicyViewSet, policy),
        route("features", FeatureViewSet, {"get": "list"}),
        route("features/bulk", FeatureViewSet, {"post": "bulk"}),
        route(
            f"features/<slug:feature>/{node}",
            FeatureViewSet,
            {"get": "retrieve", "put": "update"},
        ),
        route("grants", GrantViewSet, {"get": "list", "post": "create"}),
        route("grants/resources", GrantViewSet, {"get": "resources"}),
        route("grants/<uuid:grant_id>", GrantViewSet, {"get": "retrieve", "delete": "destroy"}),
        route("explain", ExplainViewSet, {"get": "list"}),
        route("explain/<uuid:refusal_id>", ExplainViewSet, {"get": "retrieve"}),
    ]
