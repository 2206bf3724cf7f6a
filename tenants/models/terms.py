"""Credit terms: what one credit costs, and how many an account gets, when."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.credits.models import Period, Rollover
from core.kit.ids import uuid7
from tenants.models.accounts import Account


class CreditFactor(models.Model):
    """Credits per US dollar of provider cost, versioned: a change never alters history."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credit_factors")
    version = models.PositiveIntegerField()
    factor = models.DecimalField(
        _("credit factor"),
        max_digits=12,
        decimal_places=6,
        validators=(MinValueValidator(Decimal("0.000001")),),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254)

    class Meta:
        verbose_name = _("credit factor")
        ordering = ("-version",)
        constraints = (
            models.UniqueConstraint(fields=("account", "version"), name="each_factor_version_once"),
            models.CheckConstraint(
                condition=models.Q(factor__gt=0), name="credit_factor_is_positive"
            ),
        )

    def __str__(self) -> str:
        return f"{self.factor.normalize():f}"


class CreditTerms(models.Model):
    """One version of what an account gets for one product: its plan and its overflow limit.

    The plan's part is carried into the account's ledger as its `plan_version` and takes effect at
    `effective_from`, a boundary of its cycles, or never while there is none. The overflow limit
    counts at once. Fields of the plan mean what those of `core.credits.models.Plan` do.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credit_terms")
    product = models.CharField(max_length=16)
    version = models.PositiveIntegerField(default=1)
    period = models.CharField(max_length=16, choices=Period.choices, default=Period.MONTH)
    anchor_day = models.PositiveSmallIntegerField(default=1)
    anchor_month = models.PositiveSmallIntegerField(default=1)
    rollover = models.CharField(max_length=8, choices=Rollover.choices, default=Rollover.NONE)
    grant_microcredits = models.BigIntegerField(default=0)
    rollover_cap_microcredits = models.BigIntegerField(default=0)
    overflow_limit_microcredits = models.BigIntegerField(default=0)
    plan_version = models.PositiveIntegerField(default=0)
    effective_from = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("credit terms")
        verbose_name_plural = _("credit terms")
        ordering = ("-version",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "product", "version"), name="each_version_of_terms_once"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    grant_microcredits__gte=0,
                    overflow_limit_microcredits__gte=0,
                    rollover_cap_microcredits__gte=0,
                ),
                name="credit_terms_are_not_negative",
            ),
        )

    def __str__(self) -> str:
        return f"{self.account}: {self.product}"
