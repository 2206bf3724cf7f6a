"""Forecast and ToldThreshold: what was expected of a book, and which alerts were given."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.credits.models.books import Book, Cycle
from core.credits.models.wallets import Wallet
from core.kit.ids import uuid7


class Forecast(models.Model):
    """What was known and expected of a book on one day, kept so that its error can be seen later.

    `used` and `left` are as of then, in micro-credits; `burn` is what a day was taken to use.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="forecasts")
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="+")
    made_on = models.DateField()
    used = models.BigIntegerField()
    left = models.BigIntegerField()
    burn = models.BigIntegerField()

    class Meta:
        verbose_name = _("forecast")
        ordering = ("made_on",)
        constraints = (
            models.UniqueConstraint(fields=("book", "made_on"), name="one_forecast_a_day"),
        )

    def __str__(self) -> str:
        return f"{self.made_on}: {self.burn} a day"


class ToldThreshold(models.Model):
    """That a wallet had used this share of its credits in a cycle, and people were told, once."""

    id = models.BigAutoField(primary_key=True)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+", db_index=False)
    cycle = models.ForeignKey(Cycle, on_delete=models.PROTECT, related_name="+")
    percent = models.PositiveSmallIntegerField()
    told_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("threshold that was told")
        constraints = (
            models.UniqueConstraint(
                fields=("wallet", "cycle", "percent"), name="each_threshold_told_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.percent} %"
