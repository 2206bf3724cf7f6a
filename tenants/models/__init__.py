"""Tables of the public schema."""

from core.credits.models import Period, Rollover, StatementState
from tenants.models.accounts import Account, AccountState, Domain
from tenants.models.anchors import AuditAnchor
from tenants.models.features import WithheldFeature
from tenants.models.figures import AccountFigure, DailyFigure
from tenants.models.llms import Llm, LlmKind, LlmOffer, PlatformDeployment, PriceRow
from tenants.models.own_llms import OwnLlmTerms
from tenants.models.prices import PRICE_FIELDS, PRICE_LABELS, PriceVersion
from tenants.models.signing import SigningKey
from tenants.models.statements import StatementSummary
from tenants.models.terms import CreditFactor, CreditTerms

__all__ = (
    "PRICE_FIELDS",
    "PRICE_LABELS",
    "Account",
    "AccountFigure",
    "AccountState",
    "AuditAnchor",
    "CreditFactor",
    "CreditTerms",
    "DailyFigure",
    "Domain",
    "Llm",
    "LlmKind",
    "LlmOffer",
    "OwnLlmTerms",
    "Period",
    "PlatformDeployment",
    "PriceRow",
    "PriceVersion",
    "Rollover",
    "SigningKey",
    "StatementState",
    "StatementSummary",
    "WithheldFeature",
)
