"""Figures of all accounts in one place, pushed by a job of each account.

The overview reads these and nothing else: no request ever visits one schema after another. They
are copies; an account's own ledger stays the truth.
"""

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from tenants.models.accounts import Account


class DailyFigure(models.Model):
    """What one product of one account did on one UTC day. A day without calls has no row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="daily_figures")
    product = models.CharField(max_length=16)
    day = models.DateField(db_index=True)
    calls = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(default=0)
    # A day of refunds alone is below zero.
    charged_microcredits = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=12, default=Decimal(0))

    class Meta:
        verbose_name = _("daily figure")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "product", "day"), name="one_figure_for_each_day"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.product} {self.day}"


class AccountFigure(models.Model):
    """Where one product of one account stood at `as_of`, in its open cycle.

    `granted`, `left`, `used` and `reserved` sum over all wallets but overflow; of what is left,
    `unallocated` and `pool` have not been given to anybody yet.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="figures")
    product = models.CharField(max_length=16)
    cycle_number = models.PositiveIntegerField(default=1)
    cycle_starts_at = models.DateTimeField()
    cycle_ends_at = models.DateTimeField(null=True)
    granted_microcredits = models.BigIntegerField(default=0)
    used_microcredits = models.BigIntegerField(default=0)
    reserved_microcredits = models.BigIntegerField(default=0)
    left_microcredits = models.BigIntegerField(default=0)
    unallocated_microcredits = models.BigIntegerField(default=0)
    pool_microcredits = models.BigIntegerField(default=0)
    overflow_used_microcredits = models.BigIntegerField(default=0)
    overflow_limit_microcredits = models.BigIntegerField(default=0)
    members = models.PositiveIntegerField(default=0)
    last_call_at = models.DateTimeField(null=True)
    as_of = models.DateTimeField()

    class Meta:
        verbose_name = _("account figure")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "product"), name="one_figure_for_each_product"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account_id} {self.product}"
