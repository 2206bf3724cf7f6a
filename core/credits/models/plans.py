"""Plan: how much a book gets in each cycle, when a cycle ends, and what rolls over."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.credits.models.books import Book
from core.kit.ids import uuid7


class Period(models.TextChoices):
    """How often a book renews."""

    NONE = "none", _("Never")
    DAY = "day", _("Daily")
    WEEK = "week", _("Weekly")
    MONTH = "month", _("Monthly")
    QUARTER = "quarter", _("Quarterly")
    YEAR = "year", _("Yearly")


class Rollover(models.TextChoices):
    """What becomes of credits that are free when a cycle ends."""

    NONE = "none", _("Nothing: it expires")
    ALL = "all", _("Everything")
    CAPPED = "capped", _("Up to a cap")


class Plan(models.Model):
    """One version of a book's plan. It never changes; a later version takes its place.

    The cycle that begins at a boundary is made by the highest version whose `effective_from` has
    come by then. `effective_from` is empty for a version that no boundary leads to, because the
    cycle before it has no end.

    `anchor_day` is the day of the week (1 is Monday) for weeks, and otherwise the day of the
    month, where 29 to 31 mean the last day of a shorter month. `anchor_month` is the first month
    of the fiscal year, for quarters and years. `rollover_cap` bounds what rolls over out of one
    cycle, in all wallets together. Amounts are micro-credits.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="plans", db_index=False)
    version = models.PositiveIntegerField()
    grant = models.BigIntegerField(default=0)
    period = models.CharField(max_length=8, choices=Period.choices, default=Period.NONE)
    anchor_day = models.PositiveSmallIntegerField(default=1)
    anchor_month = models.PositiveSmallIntegerField(default=1)
    rollover = models.CharField(max_length=8, choices=Rollover.choices, default=Rollover.NONE)
    rollover_cap = models.BigIntegerField(default=0)
    effective_from = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("plan")
        ordering = ("book", "version")
        constraints = (
            models.UniqueConstraint(fields=("book", "version"), name="each_plan_version_once"),
            models.CheckConstraint(
                condition=Q(grant__gte=0, rollover_cap__gte=0), name="plan_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(period=Period.WEEK, anchor_day__range=(1, 7))
                | ~Q(period=Period.WEEK) & Q(anchor_day__range=(1, 31)),
                name="plan_anchor_day_exists",
            ),
            models.CheckConstraint(
                condition=Q(anchor_month__range=(1, 12)), name="plan_anchor_month_exists"
            ),
            models.CheckConstraint(
                condition=Q(period__in=Period.values, rollover__in=Rollover.values),
                name="plan_words_are_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.book} plan {self.version}"
