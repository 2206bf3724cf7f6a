"""The routes of a product's credits, below `/api/<product>/v1/credits/`."""

from typing import Any

from django.urls import URLPattern, path

from core.api.credits.book import (
    AlertsViewSet,
    CycleViewSet,
    ForecastViewSet,
    PlanViewSet,
    PoolViewSet,
    StatementViewSet,
)
from core.api.credits.caps import CapViewSet
from core.api.credits.files import AllocationFileViewSet, WalletStatementViewSet
from core.api.credits.moves import (
    ActViewSet,
    AllocationViewSet,
    OnceViewSet,
    SplitViewSet,
    UndoViewSet,
)
from core.api.credits.overrides import OverrideViewSet
from core.api.credits.wallets import (
    EffectiveViewSet,
    MembershipCreditsViewSet,
    TransferViewSet,
    WalletViewSet,
)
from core.hierarchy.product import Product


def credits_urls(product: Product) -> list[URLPattern]:
    """Return the routes."""

    def route(at: str, view: Any, actions: dict[str, str]) -> URLPattern:
        found: URLPattern = path(f"credits/{at}", view.as_view(actions, product=product))
        return found

    return [
        route("plan", PlanViewSet, {"get": "retrieve"}),
        route("spill", PlanViewSet, {"patch": "spill"}),
        route("forecast", ForecastViewSet, {"get": "retrieve"}),
        route("cycles", CycleViewSet, {"get": "list"}),
        route("statements", StatementViewSet, {"get": "list"}),
        route("alerts", AlertsViewSet, {"get": "retrieve", "patch": "partial_update"}),
        route("pool", PoolViewSet, {"get": "retrieve", "post": "create"}),
        route("wallets", WalletViewSet, {"get": "list"}),
        route("wallets/<uuid:wallet_id>", WalletViewSet, {"get": "retrieve"}),
        route("wallets/<uuid:wallet_id>/statement", WalletStatementViewSet, {"get": "retrieve"}),
        route("wallets/<uuid:wallet_id>/statement.csv", WalletStatementViewSet, {"get": "as_csv"}),
        route("effective", EffectiveViewSet, {"get": "retrieve"}),
        route("effective/memberships", MembershipCreditsViewSet, {"get": "list"}),
        route("transfers", TransferViewSet, {"get": "list"}),
        route("allocations", AllocationViewSet, {"get": "list", "post": "create"}),
        route("allocations/<uuid:wallet_id>/end", AllocationViewSet, {"post": "end"}),
        route("allocations.csv", AllocationFileViewSet, {"get": "retrieve"}),
        route("allocation-files", AllocationFileViewSet, {"post": "create"}),
        route("top-ups", OnceViewSet, {"post": "top_up"}),
        route("reclaims", OnceViewSet, {"post": "reclaim"}),
        route("moves", OnceViewSet, {"post": "move"}),
        route("splits", SplitViewSet, {"post": "create"}),
        route("overrides", OverrideViewSet, {"post": "create"}),
        route("overrides/<uuid:wallet_id>/end", OverrideViewSet, {"post": "end"}),
        route("acts", ActViewSet, {"get": "list"}),
        route("acts/<uuid:act_id>/undo", UndoViewSet, {"post": "create"}),
        route("caps", CapViewSet, {"get": "list", "post": "create"}),
        route("caps/<uuid:cap_id>", CapViewSet, {"delete": "destroy"}),
    ]
