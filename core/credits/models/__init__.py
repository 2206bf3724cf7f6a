"""The ledger's tables. They stand in every account's schema; all amounts are micro-credits."""

from core.credits.models.books import Book, Cycle, CycleState, Dormancy
from core.credits.models.calls import (
    Label,
    Reservation,
    ReservationState,
    UsageEvent,
    UsageOutcome,
)
from core.credits.models.caps import Cap, CapCounter, CapWindow
from core.credits.models.movements import Act, Transfer, TransferKind
from core.credits.models.outlook import Forecast, ToldThreshold
from core.credits.models.plans import Period, Plan, Rollover
from core.credits.models.splits import SPLIT_LEVELS, RuleChange, Split
from core.credits.models.statements import OverflowStatement, StatementState
from core.credits.models.wallets import (
    AllocationMode,
    AllocationRule,
    Balance,
    Wallet,
    WalletKind,
)

__all__ = (
    "SPLIT_LEVELS",
    "Act",
    "AllocationMode",
    "AllocationRule",
    "Balance",
    "Book",
    "Cap",
    "CapCounter",
    "CapWindow",
    "Cycle",
    "CycleState",
    "Dormancy",
    "Forecast",
    "Label",
    "OverflowStatement",
    "Period",
    "Plan",
    "Reservation",
    "ReservationState",
    "Rollover",
    "RuleChange",
    "Split",
    "StatementState",
    "ToldThreshold",
    "Transfer",
    "TransferKind",
    "UsageEvent",
    "UsageOutcome",
    "Wallet",
    "WalletKind",
)
