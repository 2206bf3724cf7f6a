"""Book, Cycle and Dormancy: whose money it is, for which period, and when it stands still."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7


class Book(models.Model):
    """The ledger of one product in one account.

    `overflow_limit` is the standing credit line that each new cycle starts with. The spill
    switches say where a call may go on looking once its own wallet is empty.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(max_length=16, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    spill_team = models.BooleanField(_("spill to the team"), default=False)
    spill_organization = models.BooleanField(_("spill to the organization"), default=False)
    spill_pool = models.BooleanField(_("spill to the pool"), default=True)
    overflow_limit = models.BigIntegerField(default=0)
    # At which shares of their credits people are told, in percent.
    alert_at = ArrayField(models.PositiveSmallIntegerField(), db_default=[50, 80, 95, 100])
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("book")
        constraints = (
            models.CheckConstraint(
                condition=Q(overflow_limit__gte=0), name="book_overflow_limit_not_negative"
            ),
        )

    def __str__(self) -> str:
        return self.product


class CycleState(models.TextChoices):
    """Open: calls are charged to it. Closing: open reservations end in it. Closed: nothing does."""

    OPEN = "open", _("Open")
    CLOSING = "closing", _("Closing")
    CLOSED = "closed", _("Closed")


class Cycle(models.Model):
    """One period of a book. A book without a period has one cycle without end.

    The cycles of a book do not overlap: an exclusion constraint, in the migration, says so.
    `plan_version` is the plan that it was made by, 0 before there was any. `shortfall` is by how
    much the allocation rules asked for more than there was when it began.

    The rest is written when it ends: `ended_by` is the renewal that took it to `closing`, and on
    which all hangs that leaves the cycle; `rollover_left` is how much may still roll over out of
    it, empty if everything may; `overflow_limit` is the credit line that it had.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="cycles", db_index=False)
    number = models.PositiveIntegerField()
    starts_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True)
    plan_version = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=CycleState.choices, default=CycleState.OPEN)
    shortfall = models.BigIntegerField(default=0)
    ended_by = models.ForeignKey(
        "credits.Act", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    rollover_left = models.BigIntegerField(null=True)
    overflow_limit = models.BigIntegerField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("cycle")
        ordering = ("book", "number")
        constraints = (
            models.UniqueConstraint(fields=("book", "number"), name="each_cycle_number_once"),
            models.UniqueConstraint(
                fields=("book",), condition=Q(state="open"), name="one_open_cycle_for_each_book"
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="cycle_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(state__in=CycleState.values), name="cycle_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(shortfall__gte=0) & (Q(rollover_left=None) | Q(rollover_left__gte=0)),
                name="cycle_rests_not_negative",
            ),
        )

    def __str__(self) -> str:
        return f"{self.book} {self.number}"


class Dormancy(models.Model):
    """A time in which the account was archived; without an end while it is.

    Nothing renews meanwhile. Cycles that begin and end in it are granted nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    starts_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("dormancy")
        verbose_name_plural = _("dormancies")
        constraints = (
            models.UniqueConstraint(
                fields=("ends_at",),
                condition=Q(ends_at=None),
                nulls_distinct=False,
                name="one_dormancy_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")),
                name="dormancy_ends_after_it_starts",
            ),
        )

    def __str__(self) -> str:
        return f"{self.starts_at} to {self.ends_at}"
