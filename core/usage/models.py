"""CallLog and ContentPolicy: how calls went, and what is kept of what was said in them.

The money of a call stands in `credits.UsageEvent` and nowhere else; a log tells how it was spent,
and may be gone while the event stays.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Keep(models.TextChoices):
    """What is kept of a call, from nothing to everything."""

    NOTHING = "nothing", _("Nothing")
    METADATA = "metadata", _("Metadata")
    REDACTED = "redacted", _("Redacted content")
    FULL = "full", _("Full content")


class ContentPolicy(models.Model):
    """What one product keeps of its calls, and for how many days."""

    product = models.CharField(max_length=16, unique=True)
    keep = models.CharField(max_length=16, choices=Keep.choices, default=Keep.METADATA)
    days = models.PositiveSmallIntegerField(default=30)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("content policy")
        constraints = (
            models.CheckConstraint(condition=Q(keep__in=Keep.values), name="content_keep_is_known"),
            models.CheckConstraint(
                condition=Q(days__gte=1, days__lte=365), name="content_days_in_a_year"
            ),
        )

    def __str__(self) -> str:
        return f"{self.product}: {self.keep}, {self.days} days"


class CallLog(models.Model):
    """One call in full, refused ones included. `request_id` is the id of its usage event, if any.

    `id` grows with the time of writing, which is when the call ended; `request_id` with the time at
    which it began. `content` is sealed: the request and the answer as they were after guardrails.
    Times in `steps` are milliseconds since the call began: `[{"step", "at", "ms"}]`.
    """

    id = models.BigAutoField(primary_key=True)
    request_id = models.UUIDField(unique=True, editable=False)
    began_at = models.DateTimeField()
    written_at = models.DateTimeField(db_default=Now(), db_index=True)
    product = models.CharField(max_length=16)

    user_id = models.UUIDField(null=True)
    member_id = models.UUIDField(null=True)
    membership_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    organization_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    client_id = models.UUIDField(null=True)
    agent_id = models.UUIDField(null=True)

    llm = models.CharField(max_length=200)
    kind = models.CharField(max_length=16)
    is_stream = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False)
    outcome = models.CharField(max_length=16)
    status_code = models.SmallIntegerField()
    error_code = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=500, blank=True)
    latency_ms = models.IntegerField()
    first_token_ms = models.IntegerField(null=True)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    is_estimated = models.BooleanField(default=False)
    # Micro-credits; null where the ledger had not answered yet, its event has the figure.
    credits = models.BigIntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=12, null=True)

    deployment = models.CharField(max_length=200, blank=True)
    upstream_model = models.CharField(max_length=200, blank=True)
    steps = models.JSONField(default=list)
    price = models.JSONField(default=dict)
    tried = models.JSONField(default=list)
    # Who failed before the one with which the call ended: `[{"deployment", "code"}]`.
    passed_over = models.JSONField(default=list, db_default=[])
    guardrails = models.JSONField(default=list)
    content_kind = models.CharField(max_length=16, blank=True)
    content = models.TextField(blank=True)

    class Meta:
        verbose_name = _("call log")
        ordering = ("-request_id",)
        indexes = (
            models.Index(fields=("product", "-request_id"), name="logs_by_time"),
            models.Index(fields=("user_id", "-request_id"), name="logs_of_user"),
            models.Index(fields=("key_id", "-request_id"), name="logs_of_key"),
        )

    def __str__(self) -> str:
        return f"{self.llm}: {self.status_code}"
