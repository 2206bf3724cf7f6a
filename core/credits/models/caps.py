"""Cap and CapCounter: limits on all spending below a node or key, from whatever wallet."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.credits.models.books import Book
from core.kit.ids import uuid7


class CapWindow(models.TextChoices):
    """For how long a cap counts, in the book's time zone, before it starts afresh."""

    DAY = "day", _("Day")
    WEEK = "week", _("Week")
    MONTH = "month", _("Month")
    CYCLE = "cycle", _("Cycle")


class Cap(models.Model):
    """At most `amount` micro-credits below `subject` (a node or a key) in each window."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="caps", db_index=False)
    subject = models.UUIDField()
    window = models.CharField(max_length=8, choices=CapWindow.choices)
    amount = models.BigIntegerField()
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("cap")
        constraints = (
            models.UniqueConstraint(
                fields=("book", "subject", "window"), name="one_cap_for_each_window"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="cap_not_negative"),
            models.CheckConstraint(
                condition=Q(window__in=CapWindow.values), name="cap_window_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount} each {self.window}"


class CapCounter(models.Model):
    """What one cap has seen in one window. As hot as a balance, and laid out like one.

    `used` may pass the cap: a call that cost more than was reserved is charged in full.
    """

    pk = models.CompositePrimaryKey("cap_id", "window_start")
    # Not checked: a call may count in a cap while somebody removes it, and must not fail by that.
    cap = models.ForeignKey(
        Cap,
        on_delete=models.CASCADE,
        related_name="counters",
        db_index=False,
        db_constraint=False,
    )
    window_start = models.DateTimeField()
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("cap counter")
        constraints = (
            models.CheckConstraint(
                condition=Q(reserved__gte=0), name="cap_counter_reserved_not_negative"
            ),
        )

    def __str__(self) -> str:
        return f"{self.used} used, {self.reserved} reserved"
