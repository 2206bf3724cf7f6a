"""OwnLlmTerms: what a super admin lets an account bring along."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from tenants.models.accounts import Account

# A hundredth of a US dollar for a million tokens: no LLM is free of all cost to the platform.
DEFAULT_FLOOR_USD = Decimal("0.01")


class OwnLlmTerms(models.Model):
    """The ceiling of an account's own LLMs; an account without a row has the defaults.

    `vendors` is NULL where every vendor is allowed, `llms` where every model at these is; else they
    are patterns such as `openai/gpt-5*`. `hosts` are names and `networks` ranges of
    addresses that are not on the public internet and may be called all the same; `allows_http`
    counts for these alone. `floor_usd` is the least that a million tokens may cost.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="own_llm_terms")
    vendors = ArrayField(models.CharField(max_length=40), null=True)
    llms = ArrayField(models.CharField(max_length=160), null=True)
    hosts = ArrayField(models.CharField(max_length=253), default=list)
    networks = ArrayField(models.CharField(max_length=50), default=list)
    allows_http = models.BooleanField(default=False)
    floor_usd = models.DecimalField(
        max_digits=14,
        decimal_places=6,
        default=DEFAULT_FLOOR_USD,
        validators=(MinValueValidator(Decimal(0)),),
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("terms of own LLMs")

    def __str__(self) -> str:
        return str(self.account)
