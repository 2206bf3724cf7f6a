"""How credits look in the API and what is sent to move them. Amounts are decimal strings."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.hierarchy.base import ReasonInput
from core.api.serializers import Input, ListQuery
from core.credits.models import (
    CapWindow,
    CycleState,
    Period,
    Rollover,
    StatementState,
    TransferKind,
    WalletKind,
)
from core.kit.money import format_credits, parse_credits

# The OpenAPI documents name these.
WALLET_KINDS = tuple(WalletKind.values)
TRANSFER_KINDS = tuple(TransferKind.values)
CYCLE_STATES = tuple(CycleState.values)
STATEMENT_STATES = tuple(StatementState.values)


@extend_schema_field({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,6})?$"})
class CreditsField(serializers.Field[int, str, str, int]):
    """A number of credits as a decimal string, such as "250" or "12.5"; micro-credits inside."""

    default_error_messages = {
        "text": 'Send credits as a string, such as "12.5".',
        "number": "{reason}",
    }

    def to_internal_value(self, data: Any) -> int:
        # A JSON number would pass through a float somewhere.
        if not isinstance(data, str) or len(data) > 40:
            self.fail("text")
        try:
            return parse_credits(data)
        except ValueError as error:
            self.fail("number", reason=str(error))

    def to_representation(self, value: int) -> str:
        return format_credits(value)


# -- the book --------------------------------------------------------------------------------------


class PlanVersionOutput(serializers.Serializer[Any]):
    """One version of the plan: what the platform grants, and when it renews."""

    version = serializers.IntegerField()
    grant = CreditsField()
    period = serializers.ChoiceField(choices=Period.values)
    anchor_day = serializers.IntegerField()
    anchor_month = serializers.IntegerField()
    rollover = serializers.ChoiceField(choices=Rollover.values)
    rollover_cap = CreditsField()
    effective_from = serializers.DateTimeField(allow_null=True)


class SpillOutput(serializers.Serializer[Any]):
    """Where a call may go on looking for credits once its own wallet is empty."""

    team = serializers.BooleanField(source="spill_team")
    organization = serializers.BooleanField(source="spill_organization")
    pool = serializers.BooleanField(source="spill_pool")


class SpillInput(Input):
    """The three switches. One that is left out stays as it is."""

    team = serializers.BooleanField(required=False)
    organization = serializers.BooleanField(required=False)
    pool = serializers.BooleanField(required=False)


class FiguresOutput(serializers.Serializer[Any]):
    """Where the credits of the open cycle are."""

    granted = CreditsField()
    unallocated = CreditsField()
    pool = CreditsField()
    nodes = CreditsField(help_text="Free in organizations, teams and memberships.")
    reserved = CreditsField()
    used = CreditsField()
    overflow_limit = CreditsField()
    overflow_used = CreditsField()


class PlanOutput(serializers.Serializer[Any]):
    """The plan in force, the next version of it if there is one, and the switches."""

    time_zone = serializers.CharField()
    plan = PlanVersionOutput(allow_null=True)
    next_plan = PlanVersionOutput(allow_null=True)
    spill = SpillOutput()
    figures = FiguresOutput()


class CycleOutput(serializers.Serializer[Any]):
    """One period of the book."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=CYCLE_STATES)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    plan_version = serializers.IntegerField()


class StatementOutput(serializers.Serializer[Any]):
    """The overflow of one closed cycle."""

    id = serializers.UUIDField()
    cycle = CycleOutput()
    used = CreditsField()
    covered = CreditsField()
    amount = CreditsField(help_text="What is billed: used less covered.")
    limit = CreditsField()
    state = serializers.ChoiceField(choices=STATEMENT_STATES)
    frozen_at = serializers.DateTimeField()


class ForecastOutput(serializers.Serializer[Any]):
    """How long the credits of the open cycle last if every day uses what the last ones did."""

    cycle = CycleOutput()
    left = CreditsField(help_text="Neither used nor held; the credit line left out.")
    burn = CreditsField(help_text="What a day uses: the mean of the last 14 whole days.")
    runs_out_on = serializers.DateField(
        allow_null=True, help_text="Null if they last to the end of the cycle, or for a year."
    )
    used_at_end = CreditsField(allow_null=True, help_text="Null for a cycle without end.")
    error_percent = serializers.IntegerField(
        allow_null=True,
        help_text="By how much forecasts of a week missed; null as long as none is a week old.",
    )
    recommended_overflow = CreditsField(help_text="The credit line that past cycles suggest.")
    days = serializers.ListField(
        child=CreditsField(), help_text="What each of the last days used, today last."
    )


# -- wallets ---------------------------------------------------------------------------------------


class NodeOutput(serializers.Serializer[Any]):
    """The node that a wallet belongs to."""

    id = serializers.UUIDField(allow_null=True, help_text="Null for the book's own wallets.")
    name = serializers.CharField()


class WalletOutput(serializers.Serializer[Any]):
    """What one node has in the open cycle.

    `allocation` is what it gets in each cycle; null means that it has no credits of its own and
    draws on the nearest node above that has. `short` is by how much the cycle began with less than
    that, because there was too little; setting the allocation again makes up for it.
    """

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=WALLET_KINDS)
    node = NodeOutput()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]  # DRF's own name
    allocation = CreditsField(allow_null=True)
    short = CreditsField()
    credited = CreditsField()
    used = CreditsField()
    reserved = CreditsField()
    limit = CreditsField()
    free = CreditsField()


class WalletQuery(ListQuery):
    """Filters of wallets."""

    kind = serializers.ChoiceField(required=False, choices=WALLET_KINDS)
    allocated = serializers.ChoiceField(
        required=False, choices=("0", "1"), help_text="1: only those with an own allocation."
    )
    cycle = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=10**6,
        help_text="The number of an earlier cycle, to look back; the open one if left out.",
    )


class WalletOneQuery(Input):
    """Which cycle of a wallet."""

    cycle = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=10**6,
        help_text="The number of an earlier cycle, to look back; the open one if left out.",
    )


class EffectiveQuery(Input):
    """Whose calls."""

    wallet = serializers.UUIDField(help_text="The wallet that a call acts for.")


class PayerOutput(serializers.Serializer[Any]):
    """A wallet that may pay, and why."""

    wallet = serializers.UUIDField(source="wallet_id")
    kind = serializers.ChoiceField(choices=WALLET_KINDS)
    via = serializers.ChoiceField(choices=("own", "leftover", "inherits", "spill", "overflow"))
    free = CreditsField(
        allow_null=True, help_text="Null where it is above what the caller administers."
    )


class EffectiveOutput(serializers.Serializer[Any]):
    """What calls of a wallet can spend now, from where, in this order."""

    wallet = serializers.UUIDField()
    spendable = CreditsField()
    payers = PayerOutput(many=True)


# -- movements -------------------------------------------------------------------------------------


class AmountInput(ReasonInput):
    """A number of credits."""

    amount = CreditsField()


class WalletAmountInput(AmountInput):
    """A number of credits for one wallet."""

    wallet = serializers.UUIDField()


class MoveInput(AmountInput):
    """A number of credits from one node to another, once."""

    source = serializers.UUIDField()  # type: ignore[assignment]  # DRF's own name
    destination = serializers.UUIDField()


class SplitInput(ReasonInput):
    """Divide what a node has free equally: over all of a level below it, or over chosen wallets."""

    source = serializers.UUIDField(  # type: ignore[assignment]  # DRF's own name
        required=False, help_text="A wallet. Left out: the nearest one above all that is chosen."
    )
    level = serializers.ChoiceField(
        required=False,
        choices=(WalletKind.ORGANIZATION, WalletKind.TEAM, WalletKind.MEMBERSHIP),
        help_text="All active nodes of this kind below the source; who joins them is served too.",
    )
    wallets = serializers.ListField(
        child=serializers.UUIDField(), required=False, allow_empty=False, max_length=10_000
    )
    total = CreditsField()
    keep_overrides = serializers.BooleanField(required=False, default=True)
    mark = serializers.CharField(
        required=False,
        max_length=64,
        help_text="What the preview answered. If others take part by now, or what they get in each "
        "cycle was changed, nothing is applied: 409 `split_changed`; preview it again.",
    )


class ActOutput(serializers.Serializer[Any]):
    """One thing that somebody did to the credits; its movements are in `transfers`."""

    id = serializers.UUIDField()
    verb = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    undoes = serializers.UUIDField(source="undoes_id", allow_null=True)


class TransferOutput(serializers.Serializer[Any]):
    """One movement. A missing end is outside the book."""

    id = serializers.UUIDField()
    act = serializers.UUIDField(source="act_id")
    cycle = serializers.UUIDField(source="cycle_id")
    kind = serializers.ChoiceField(choices=TRANSFER_KINDS)
    source = serializers.UUIDField(  # type: ignore[assignment]  # DRF's own name
        source="from_wallet_id", allow_null=True
    )
    destination = serializers.UUIDField(source="to_wallet_id", allow_null=True)
    amount = CreditsField()
    created_at = serializers.DateTimeField()


class TransferQuery(ListQuery):
    """Filters of movements."""

    wallet = serializers.UUIDField(required=False, help_text="Into or out of this wallet.")
    act = serializers.UUIDField(required=False, help_text="Of this act.")
    cycle = serializers.IntegerField(
        required=False, min_value=1, max_value=10**6, help_text="Of the cycle of this number."
    )


class ChangeOutput(serializers.Serializer[Any]):
    """One wallet before and after a split."""

    wallet = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=WALLET_KINDS)
    allocation_before = CreditsField(allow_null=True)
    allocation_after = CreditsField(allow_null=True)
    free_before = CreditsField()
    free_after = CreditsField()
    lacks = CreditsField(help_text="Above 0: it has this much too little to give.")


class SplitOutput(serializers.Serializer[Any]):
    """What a split changes, node by node, the source first. `act` is null in a preview."""

    preview = serializers.BooleanField()
    possible = serializers.BooleanField(help_text="Whether it can be applied now.")
    mark = serializers.CharField(help_text="Send it along to apply just this.")
    act = ActOutput(allow_null=True)
    changes = ChangeOutput(many=True)


class OverrideInput(WalletAmountInput):
    """An amount of its own for one share of an equal split."""

    how = serializers.ChoiceField(
        choices=("pinned", "added"),
        help_text=(
            "pinned: it counts in the split's total, and the others share the rest. added: the "
            "others keep their shares, and the parent gives the difference."
        ),
    )


class AllocationFileInput(ReasonInput):
    """Allocations of many nodes."""

    csv = serializers.CharField(
        max_length=900_000,
        trim_whitespace=False,
        help_text="A CSV file with the columns wallet and allocation; others are not read.",
    )


class FileRowOutput(serializers.Serializer[Any]):
    """A row of a file that changes something, or cannot be read."""

    line = serializers.IntegerField()
    node = serializers.CharField(source="label", help_text="Its name; empty if there is none.")
    before = CreditsField(allow_null=True)
    after = CreditsField(allow_null=True)
    fault = serializers.CharField(help_text="What is wrong with it; empty if nothing is.")


class LackingOutput(serializers.Serializer[Any]):
    """A node that would have to give more than it has free."""

    name = serializers.CharField()
    lacks = CreditsField()


class AllocationFileOutput(serializers.Serializer[Any]):
    """What a file changes, row by row. `act` is null in a preview."""

    preview = serializers.BooleanField()
    possible = serializers.BooleanField(help_text="Whether it changes anything and can be applied.")
    act = ActOutput(allow_null=True)
    rows = FileRowOutput(many=True)
    lacking = LackingOutput(many=True)


class StatementLineOutput(serializers.Serializer[Any]):
    """One movement, less than 0 where credits left."""

    at = serializers.DateTimeField()
    kind = serializers.CharField(help_text="What it was, in words.")
    amount = CreditsField()
    other = serializers.UUIDField(
        allow_null=True, help_text="The wallet at the other end; null is outside the book."
    )
    reason = serializers.CharField()
    balance = CreditsField(help_text="What had been credited so far.")


class RefundLineOutput(serializers.Serializer[Any]):
    """What came back of what a call was charged."""

    at = serializers.DateTimeField()
    call = serializers.UUIDField(help_text="The request id of the call.")
    amount = CreditsField()
    reason = serializers.CharField()


class WalletStatementOutput(serializers.Serializer[Any]):
    """opening + lines - used + refunds = closing, of which running calls hold `reserved`."""

    opening = CreditsField()
    lines = StatementLineOutput(many=True)
    used = CreditsField()
    refunds = RefundLineOutput(many=True)
    reserved = CreditsField()
    closing = CreditsField()


class AlertsInput(ReasonInput):
    """At which shares of their credits people are told."""

    percents = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=100), allow_empty=True, max_length=8
    )


class AlertsOutput(serializers.Serializer[Any]):
    """At which shares of their credits people are told, once each in a cycle."""

    percents = serializers.ListField(child=serializers.IntegerField(), source="alert_at")


class MembershipCreditsOutput(serializers.Serializer[Any]):
    """What calls of one membership can spend now, and which wallets pay, in order."""

    wallet = serializers.UUIDField()
    node = NodeOutput()
    spendable = CreditsField()
    payers = PayerOutput(many=True)


class UndoOutput(serializers.Serializer[Any]):
    """What taking an act back comes to. `act` is null in a preview."""

    preview = serializers.BooleanField()
    total = CreditsField(help_text="What would go back.")
    possible = CreditsField(help_text="How much of it can go back now.")
    obstacle = serializers.CharField(help_text="Why it cannot be undone; empty if it can.")
    act = ActOutput(allow_null=True)


# -- caps ------------------------------------------------------------------------------------------


class SpendingCapInput(AmountInput):
    """A limit on all spending below a node or of a key."""

    subject = serializers.UUIDField(help_text="An organization's, team's or membership's id.")
    window = serializers.ChoiceField(choices=CapWindow.values)


class SpendingCapOutput(serializers.Serializer[Any]):
    """A limit on all spending below a node or of a key, in each window."""

    id = serializers.UUIDField()
    subject = serializers.UUIDField()
    window = serializers.ChoiceField(choices=CapWindow.values)
    amount = CreditsField()
    used = CreditsField(help_text="Spent in the window that runs now.")
    reserved = CreditsField(help_text="Held by calls that run now.")
    free = CreditsField(help_text="What can still be spent in this window.")
    changed_at = serializers.DateTimeField()


class SpendingCapQuery(ListQuery):
    """Filters of caps."""

    subject = serializers.UUIDField(required=False)
