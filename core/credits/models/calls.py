"""Reservation and UsageEvent: a call while it runs, and its immutable record.

Only the ledger's SQL functions write these two. They have no foreign keys: they carry ids as of
then, history survives its subjects, and no call pays for checking them.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ReservationState(models.TextChoices):
    """A settled reservation has no state: its row is gone and its event is there."""

    OPEN = "open", _("Open")
    RELEASED = "released", _("Released")


class Reservation(models.Model):
    """Credits held for a call that runs.

    Settlement deletes the row in the transaction that writes the event. A released one stays for
    some days, so that a settlement that still arrives can be charged. The sweep acts on any row
    past `expires_at`.
    """

    request_id = models.UUIDField(primary_key=True, editable=False)
    book_id = models.UUIDField()
    cycle_id = models.UUIDField()
    wallet_id = models.UUIDField()
    # The wallet with the allocation that the call lives on: its own, or the one it inherits.
    main_wallet_id = models.UUIDField()
    # Everybody who may pay, in order, as of the reservation; `sources` are those who do.
    payers = ArrayField(models.UUIDField())
    sources = models.JSONField()
    caps = models.JSONField()
    amount = models.BigIntegerField()
    # What the sweep charges if nobody settles: the input's estimate, plus what heartbeats report.
    estimate = models.BigIntegerField()
    reported = models.BigIntegerField(default=0)
    factor = models.DecimalField(max_digits=18, decimal_places=6)
    factor_version = models.IntegerField()
    price_version = models.CharField(max_length=64)
    policy_version = models.BigIntegerField(null=True)
    fingerprint = models.CharField(max_length=64)
    context = models.JSONField()
    state = models.CharField(
        max_length=8, choices=ReservationState.choices, default=ReservationState.OPEN
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    dispatched_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("reservation")
        constraints = (
            models.CheckConstraint(
                condition=Q(amount__gte=0, estimate__gte=0, reported__gte=0),
                name="reservation_not_negative",
            ),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.amount}"


class UsageOutcome(models.TextChoices):
    """How a call ended."""

    OK = "ok", _("OK")
    ERROR = "error", _("Error")
    CLIENT_GONE = "client_gone", _("Client gone")
    BLOCKED = "blocked", _("Blocked")
    TIMEOUT = "timeout", _("Timed out")


class UsageEvent(models.Model):
    """The immutable record of one call and of what it was charged. Append-only.

    `id` is the request id, so a call has at most one. Two kinds of event come on top of one and
    have an id of their own: the difference that a late settlement brings to an unsettled event
    (`corrects`), and a refund (`refund_of`). Sums over all rows are therefore right by
    themselves. `charges` says which wallet paid how much: `[{"wallet": id, "amount": n}]`.

    A column `xid`, which only the roll-ups read, holds the transaction that wrote the row.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    corrects = models.UUIDField(null=True)
    refund_of = models.UUIDField(null=True)

    book_id = models.UUIDField()
    cycle_id = models.UUIDField()
    wallet_id = models.UUIDField()
    product = models.CharField(max_length=16)
    user_id = models.UUIDField(null=True)
    member_id = models.UUIDField(null=True)
    membership_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    organization_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    client_id = models.UUIDField(null=True)
    agent_id = models.UUIDField(null=True)
    connection_id = models.UUIDField(null=True)
    tool = models.CharField(max_length=200, blank=True)
    llm = models.CharField(max_length=200)
    kind = models.CharField(max_length=16)
    upstream_model = models.CharField(max_length=200, blank=True)
    deployment = models.CharField(max_length=200, blank=True)
    guardrails = models.JSONField(default=list)

    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=12)
    reported_cost_usd = models.DecimalField(max_digits=24, decimal_places=12, null=True)
    factor = models.DecimalField(max_digits=18, decimal_places=6)
    factor_version = models.IntegerField()
    price_version = models.CharField(max_length=64)
    reserved = models.BigIntegerField()
    credits = models.BigIntegerField()
    charges = models.JSONField()
    # The counters of caps that this spending was counted in.
    caps = models.JSONField(default=list)

    outcome = models.CharField(max_length=16, choices=UsageOutcome.choices)
    status_code = models.SmallIntegerField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    is_estimated = models.BooleanField(default=False)
    is_late = models.BooleanField(default=False)
    is_unsettled = models.BooleanField(default=False)
    latency_ms = models.IntegerField(null=True)
    first_token_ms = models.IntegerField(null=True)
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("usage event")
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=("product", "created_at"), name="usage_by_time"),
            # Rare rows that somebody looks at: calls charged by a guess.
            models.Index(
                fields=("created_at",), condition=Q(is_unsettled=True), name="usage_unsettled"
            ),
            models.Index(
                fields=("refund_of",),
                condition=Q(refund_of__isnull=False),
                name="refunds_of_a_call",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("corrects",),
                condition=Q(corrects__isnull=False),
                name="each_event_corrected_once",
            ),
            models.CheckConstraint(
                condition=Q(credits__gte=0, cost_usd__gte=0)
                | Q(corrects__isnull=False)
                | Q(refund_of__isnull=False),
                name="only_corrections_and_refunds_give_back",
            ),
        )

    def __str__(self) -> str:
        return f"{self.llm}: {self.credits}"


class Label(models.Model):
    """What an id was called when it first spent. Erasure blanks the text; events keep the id."""

    subject = models.UUIDField(primary_key=True, editable=False)
    text = models.CharField(max_length=254, blank=True)

    class Meta:
        verbose_name = _("label")

    def __str__(self) -> str:
        return self.text
