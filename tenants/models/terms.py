"""Credit terms: what one credit costs, and how many an account gets."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from tenants.models.accounts import Account


class Period(models.TextChoices):
    """How often a book renews. Renewal itself comes with plans and cycles."""

    NONE = "none", _("Never")
    MONTH = "month", _("Monthly")


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
    """What an account gets for one product: credits per period and its overflow limit."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credit_terms")
    product = models.CharField(max_length=16)
    period = models.CharField(max_length=16, choices=Period.choices, default=Period.MONTH)
    grant_microcredits = models.BigIntegerField(default=0)
    overflow_limit_microcredits = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("credit terms")
        verbose_name_plural = _("credit terms")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "product"), name="one_set_of_terms_for_each_product"
            ),
            models.CheckConstraint(
                condition=models.Q(grant_microcredits__gte=0, overflow_limit_microcredits__gte=0),
                name="credit_terms_are_not_negative",
            ),
        )

    def __str__(self) -> str:
        return f"{self.account}: {self.product}"
