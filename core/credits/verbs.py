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

# An act's only: the audit log tells it with the node, as `team.moved` or `membership.moved`.
WALLET_MOVED = register(
    "credits.wallet_moved",
    "{actor} moved the wallet of {target} to another place",
    icon="drive_file_move",
)
