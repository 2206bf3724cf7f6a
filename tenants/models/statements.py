"""What accounts owe for overflow, in one place: copies of the statements in their ledgers."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.credits.models import StatementState
from tenants.models.accounts import Account


class StatementSummary(models.Model):
    """A copy of one `OverflowStatement`, pushed by a job; its id is the original's.

    An account's own ledger stays the truth. Amounts are micro-credits.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="statements")
    product = models.CharField(max_length=16)
    cycle_number = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    used_microcredits = models.BigIntegerField()
    covered_microcredits = models.BigIntegerField()
    amount_microcredits = models.BigIntegerField()
    limit_microcredits = models.BigIntegerField()
    state = models.CharField(_("state"), max_length=8, choices=StatementState.choices)
    reference = models.CharField(max_length=120, blank=True)
    frozen_at = models.DateTimeField()
    invoiced_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("overflow statement")
        verbose_name_plural = _("overflow statements")
        ordering = ("-frozen_at",)
        indexes = (models.Index(fields=("state", "-frozen_at"), name="statements_by_state"),)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "product", "cycle_number"), name="one_statement_for_each_cycle"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.product} {self.cycle_number}"
