"""Routes below `/api/superadmin/v1/`, on the public host."""

from typing import Any

from django.urls import URLPattern, path

from superadmin.api.v1.accounts import AccountViewSet
from superadmin.api.v1.admins import AdminViewSet
from superadmin.api.v1.catalogue import LlmViewSet, PriceViewSet
from superadmin.api.v1.ceilings import FeaturesViewSet, OffersViewSet
from superadmin.api.v1.credits import CreditTermsViewSet, GrantViewSet
from superadmin.api.v1.cycles import AccountCyclesViewSet
from superadmin.api.v1.refunds import RefundViewSet
from superadmin.api.v1.statements import PlatformStatementViewSet
from superadmin.api.v1.usage import PlatformAuditViewSet, UsageViewSet

_MANY = {"get": "list", "post": "create"}
_ONE = {"get": "retrieve", "patch": "partial_update"}
_ACCOUNT = "accounts/<slug:slug>"
_STATEMENT = "overflow-statements/<uuid:statement_id>"
_LLM = "catalog/llms/<uuid:llm_id>"


def _route(at: str, view: Any, actions: dict[str, str]) -> URLPattern:
    found: URLPattern = path(at, view.as_view(actions))
    return found


urlpatterns = [
    _route("accounts", AccountViewSet, _MANY),
    _route(_ACCOUNT, AccountViewSet, _ONE),
    *(
        _route(f"{_ACCOUNT}/{act}", AccountViewSet, {"post": act})
        for act in ("suspend", "restore", "archive")
    ),
    _route(f"{_ACCOUNT}/admins", AdminViewSet, _MANY),
    _route(f"{_ACCOUNT}/admins/<uuid:user_id>", AdminViewSet, {"delete": "destroy"}),
    _route(f"{_ACCOUNT}/admins/<uuid:user_id>/invite", AdminViewSet, {"post": "invite"}),
    _route(f"{_ACCOUNT}/features", FeaturesViewSet, _ONE),
    _route(f"{_ACCOUNT}/llms", OffersViewSet, _ONE),
    _route(f"{_ACCOUNT}/credit-terms", CreditTermsViewSet, {"get": "retrieve", "post": "create"}),
    _route(f"{_ACCOUNT}/credit-cycles", AccountCyclesViewSet, {"get": "list"}),
    _route(f"{_ACCOUNT}/credit-factor", CreditTermsViewSet, {"post": "set_factor"}),
    _route(f"{_ACCOUNT}/grants", GrantViewSet, {"post": "create"}),
    _route(f"{_ACCOUNT}/take-backs", GrantViewSet, {"post": "take_back"}),
    _route(f"{_ACCOUNT}/refunds", RefundViewSet, {"post": "create"}),
    _route("overflow-statements", PlatformStatementViewSet, {"get": "list"}),
    _route(_STATEMENT, PlatformStatementViewSet, {"get": "retrieve"}),
    _route(f"{_STATEMENT}.csv", PlatformStatementViewSet, {"get": "as_csv"}),
    _route(f"{_STATEMENT}.pdf", PlatformStatementViewSet, {"get": "as_pdf"}),
    *(
        _route(f"{_STATEMENT}/{act}", PlatformStatementViewSet, {"post": act})
        for act in ("invoice", "settle")
    ),
    _route("catalog/llms", LlmViewSet, _MANY),
    _route(_LLM, LlmViewSet, _ONE),
    _route(f"{_LLM}/deployment", LlmViewSet, {"post": "set_deployment"}),
    _route(
        f"{_LLM}/credential",
        LlmViewSet,
        {"post": "set_credential", "delete": "remove_credential"},
    ),
    *(_route(f"{_LLM}/{act}", LlmViewSet, {"post": act}) for act in ("retire", "restore")),
    _route("catalog/prices", PriceViewSet, _MANY),
    _route("usage", UsageViewSet, {"get": "list"}),
    _route("audit", PlatformAuditViewSet, {"get": "list"}),
    _route("audit/<uuid:entry_id>", PlatformAuditViewSet, {"get": "retrieve"}),
]
