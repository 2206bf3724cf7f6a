"""What the ledger writes into the audit log. Calls are not changes: they are usage events."""

from core.audit.verbs import register

BOOK_OPENED = register("credits.book_opened", "{actor} opened the book of {target}", icon="book")
GRANTED = register(
    "credits.granted", "{actor} granted {after[credits]} credits to {target}", icon="add_card"
)
TAKEN_BACK = register(
    "credits.taken_back",
    "{actor} took {after[credits]} credits back from {target}",
    icon="remove_circle",
)
ALLOCATED = register(
    "credits.allocated",
    "{actor} allocated {after[credits]} credits to {target}",
    icon="account_balance_wallet",
)
ALLOCATION_CHANGED = register(
    "credits.allocation_changed",
    "{actor} changed the allocation of {target} from {before[credits]} to {after[credits]} credits",
    icon="account_balance_wallet",
)
UNALLOCATED = register(
    "credits.allocation_removed",
    "{actor} removed the allocation of {target}; {after[credits]} credits went back",
    icon="wallet",
)
TOPPED_UP = register(
    "credits.topped_up", "{actor} topped {target} up by {after[credits]} credits", icon="add_circle"
)
RECLAIMED = register(
    "credits.reclaimed",
    "{actor} reclaimed {after[credits]} credits from {target}",
    icon="undo",
)
OVERFLOW_SET = register(
    "credits.overflow_limit_set",
    "{actor} set the overflow limit of {target} from {before[credits]} to {after[credits]} credits",
    icon="trending_up",
)
SPILL_SET = register(
    "credits.spill_set",
    "{actor} changed where calls of {target} may spill to",
    icon="conversion_path",
)
SPLIT = register(
    "credits.split",
    "{actor} split {after[credits]} credits of {target} equally into {after[count]} shares",
    icon="call_split",
)
ALLOCATED_MANY = register(
    "credits.allocated_many",
    "{actor} set {after[count]} allocations of {target} from a file, {after[credits]} credits",
    icon="upload_file",
)
OVERRIDDEN = register(
    "credits.override_pinned",
    "{actor} pinned {target} at {after[credits]} credits, from {before[credits]}",
    icon="push_pin",
)
OVERRIDE_ENDED = register(
    "credits.override_ended",
    "{actor} gave {target} its equal share of {after[credits]} credits again, from "
    "{before[credits]}",
    icon="balance",
)
MOVED = register(
    "credits.moved",
    "{actor} moved {after[credits]} credits from {target} to {after[destination]}",
    icon="swap_horiz",
)
UNDONE = register("credits.undone", "{actor} undid an act on {target}: {before[act]}", icon="undo")
JOINED = register(
    "credits.joiner_served",
    "{target} joined an equal split and got {after[credits]} credits",
    icon="group_add",
)
LEFT = register(
    "credits.leaver_reclaimed",
    "{after[credits]} credits of {target} went back when it left",
    icon="group_remove",
)
ALERTS_SET = register(
    "credits.alerts_set",
    "{actor} lets people of {target} be told at {after[percents]} percent, before at "
    "{before[percents]}",
    icon="notifications_active",
)
CAP_SET = register(
    "credits.cap_set",
    "{actor} capped {target} at {after[credits]} credits each {after[window]}",
    icon="speed",
)
CAP_REMOVED = register(
    "credits.cap_removed",
    "{actor} removed the cap of {target} of {before[credits]} credits each {before[window]}",
    icon="speed",
)

# An act's only: the audit log tells it with the node, as `team.moved` or `membership.moved`.
WALLET_MOVED = register(
    "credits.wallet_moved",
    "{actor} moved the wallet of {target} to another place",
    icon="drive_file_move",
)
PLAN_SET = register(
    "credits.plan_set",
    "{actor} set the plan of {target}: {after[grant]} credits, {after[period]}",
    icon="event_repeat",
)
ZONE_SET = register(
    "credits.time_zone_set",
    "{actor} set the time zone of {target} from {before[time_zone]} to {after[time_zone]}",
    icon="schedule",
)
RENEWED = register(
    "credits.renewed",
    "{actor} renewed {target}: cycle {after[cycle]} began with {after[granted]} credits",
    icon="autorenew",
)
REFUNDED = register(
    "credits.refunded",
    "{actor} refunded {after[credits]} credits of a call of {target}",
    icon="undo",
)
SHORT = register(
    "credits.shortfall",
    "The allocations of {target} ask for {after[shortfall]} credits more than cycle "
    "{after[cycle]} began with",
    icon="production_quantity_limits",
)
CYCLE_CLOSED = register(
    "credits.cycle_closed",
    "{actor} closed cycle {after[cycle]} of {target}: {after[amount]} credits of overflow to bill",
    icon="receipt_long",
)
STATEMENT_INVOICED = register(
    "credits.statement_invoiced",
    "{actor} invoiced {after[amount]} credits of overflow of {target}",
    icon="receipt",
)
STATEMENT_SETTLED = register(
    "credits.statement_settled",
    "{actor} settled the statement over {after[amount]} credits of overflow of {target}",
    icon="task_alt",
)
