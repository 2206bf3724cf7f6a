"""OverflowStatement: what was drawn on the credit line in one cycle, frozen when that closed."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.credits.models.books import Book, Cycle
from core.kit.ids import uuid7


class StatementState(models.TextChoices):
    """Where a statement stands on its way to be paid."""

    OPEN = "open", _("Open")
    INVOICED = "invoiced", _("Invoiced")
    SETTLED = "settled", _("Settled")


class OverflowStatement(models.Model):
    """The overflow of one closed cycle, in micro-credits. Every closed cycle has one.

    `used` was drawn on the line, `covered` of it was paid from what was left in Unallocated and
    the pool of the same cycle, and `amount` is the rest, which is billed. An amount below zero is
    owed to the account: a late settlement gave back more than was drawn. These figures never
    change; only the state does. One of 0 has nothing to bill and is settled from the start.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    book = models.ForeignKey(
        Book, on_delete=models.PROTECT, related_name="statements", db_index=False
    )
    cycle = models.OneToOneField(Cycle, on_delete=models.PROTECT, related_name="statement")
    used = models.BigIntegerField()
    covered = models.BigIntegerField()
    amount = models.BigIntegerField()
    # The line that the cycle had; a reader of the figures wants to know how near it came.
    limit = models.BigIntegerField(db_column="credit_limit")
    state = models.CharField(
        max_length=8, choices=StatementState.choices, default=StatementState.OPEN
    )
    # The invoice's number or the like, as the super admin's own books have it.
    reference = models.CharField(max_length=120, blank=True)
    frozen_at = models.DateTimeField(db_default=Now(), editable=False)
    invoiced_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("overflow statement")
        ordering = ("book", "-cycle__number")
        constraints = (
            models.CheckConstraint(
                condition=Q(amount=F("used") - F("covered")), name="statement_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(covered__gte=0, limit__gte=0), name="statement_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(state__in=StatementState.values), name="statement_state_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.cycle}: {self.amount}"
