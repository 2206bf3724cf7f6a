"""Act and Transfer: the append-only history of every movement that is not a call."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.credits.models.books import Book, Cycle
from core.credits.models.wallets import Wallet
from core.kit.ids import uuid7


class Act(models.Model):
    """One thing somebody did to a book's money: who, why, and under which idempotency key.

    An act moves credits by any number of transfers, a split by thousands, and may move none:
    setting a rule to what is there already. Its key is spent either way, so that a late repeat of
    an old request cannot undo a newer one. Append-only.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="acts")
    verb = models.CharField(max_length=32)
    idempotency_key = models.CharField(max_length=200, unique=True)
    fingerprint = models.CharField(max_length=64)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    # The act that this one takes back.
    undoes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, editable=False, related_name="undone_by"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("act")

    def __str__(self) -> str:
        return self.verb


class TransferKind(models.TextChoices):
    """Why credits moved."""

    GRANT = "grant", _("Grant")
    TOP_UP = "top_up", _("Top-up")
    TAKE_BACK = "take_back", _("Taken back")
    ALLOCATE = "allocate", _("Allocation")
    RECLAIM = "reclaim", _("Reclaim")
    ROLLOVER = "rollover", _("Rollover")
    EXPIRE = "expire", _("Expiry")
    ADJUST = "adjust", _("Adjustment")
    REFUND = "refund", _("Refund")
    OVERFLOW_SETTLED = "overflow_settled", _("Overflow settled")


class Transfer(models.Model):
    """One immutable movement between two wallets of one book, in micro-credits. Append-only.

    A missing end is outside the book: a grant comes from there, what is taken back or expires
    goes there. Ends and book are checked together, by the constraints `transfer_from_its_book` and
    `transfer_to_its_book`; checking them one by one as well would take a split a tenth longer.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    act = models.ForeignKey(Act, on_delete=models.PROTECT, related_name="transfers")
    book = models.ForeignKey(
        Book,
        on_delete=models.PROTECT,
        related_name="transfers",
        db_index=False,
        db_constraint=False,
    )
    cycle = models.ForeignKey(
        Cycle, on_delete=models.PROTECT, related_name="transfers", db_index=False
    )
    from_wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        null=True,
        related_name="transfers_out",
        db_constraint=False,
    )
    to_wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        null=True,
        related_name="transfers_in",
        db_constraint=False,
    )
    amount = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=TransferKind.choices)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("transfer")
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_moves_something"),
            models.CheckConstraint(
                condition=Q(from_wallet__isnull=False) | Q(to_wallet__isnull=False),
                name="transfer_has_an_end_in_the_book",
            ),
            models.CheckConstraint(
                condition=~Q(from_wallet=F("to_wallet")), name="transfer_between_two_wallets"
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind=TransferKind.GRANT, from_wallet=None)
                    | Q(kind__in=(TransferKind.TAKE_BACK, TransferKind.EXPIRE), to_wallet=None)
                    | Q(
                        kind__in=(TransferKind.ALLOCATE, TransferKind.RECLAIM),
                        from_wallet__isnull=False,
                        to_wallet__isnull=False,
                    )
                    | Q(
                        kind__in=(
                            TransferKind.TOP_UP,
                            TransferKind.ROLLOVER,
                            TransferKind.ADJUST,
                            TransferKind.REFUND,
                            TransferKind.OVERFLOW_SETTLED,
                        )
                    )
                ),
                name="transfer_ends_fit_its_kind",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
