"""Wallet, Balance and AllocationRule: who holds how much, and by which standing instruction."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.credits.models.books import Book, Cycle
from core.kit.ids import uuid7


class WalletKind(models.TextChoices):
    """The book's own three wallets, and those of nodes."""

    UNALLOCATED = "unallocated", _("Unallocated")
    POOL = "pool", _("Pool")
    OVERFLOW = "overflow", _("Overflow")
    ORGANIZATION = "organization", _("Organization")
    TEAM = "team", _("Team")
    MEMBERSHIP = "membership", _("Membership")


BOOK_KINDS = (WalletKind.UNALLOCATED, WalletKind.POOL, WalletKind.OVERFLOW)


class Wallet(models.Model):
    """What one node, or the book itself, has in one book. The node points at it, never back.

    `depth` decides the order in which every path locks balances: deepest first. It follows from
    the kind and never changes, so that a wallet that moves keeps its place. Nothing locks wallet
    rows; whoever changes `parent` holds the wallet's balance.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="wallets", db_index=False)
    kind = models.CharField(max_length=16, choices=WalletKind.choices)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children")
    depth = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("wallet")
        indexes = (models.Index(fields=("book", "kind"), name="wallets_of_a_book"),)
        constraints = (
            models.UniqueConstraint(
                fields=("book", "kind"),
                condition=Q(depth=0),
                name="each_book_wallet_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=BOOK_KINDS, depth=0, parent=None)
                | Q(kind=WalletKind.ORGANIZATION, depth=1, parent=None)
                | Q(kind=WalletKind.TEAM, depth=2, parent__isnull=False)
                | Q(kind=WalletKind.MEMBERSHIP, depth=3),
                name="wallet_stands_at_its_depth",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Balance(models.Model):
    """What one wallet has in one cycle, in micro-credits.

    free = credited + limit - used - reserved. `limit` is 0 except on the overflow wallet.
    `overrun` is by how much use went past all that, until it is covered; admission never counts
    it. The rows are the hottest of the product: no column that changes is in an index, and there is
    room on each page.
    """

    pk = models.CompositePrimaryKey("wallet_id", "cycle_id")
    wallet = models.ForeignKey(
        Wallet, on_delete=models.PROTECT, related_name="balances", db_index=False
    )
    cycle = models.ForeignKey(
        Cycle, on_delete=models.PROTECT, related_name="balances", db_index=False
    )
    credited = models.BigIntegerField(default=0)
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    overrun = models.BigIntegerField(default=0)
    limit = models.BigIntegerField(default=0, db_column="credit_limit")

    class Meta:
        verbose_name = _("balance")
        indexes = (models.Index(fields=("cycle",), name="balances_of_a_cycle"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(reserved__gte=0), name="balance_reserved_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(overrun__gte=0, limit__gte=0), name="balance_lines_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(credited__gte=F("used") + F("reserved") - F("limit") - F("overrun")),
                name="balance_not_overspent",
            ),
        )

    def __str__(self) -> str:
        return f"{self.free} free"

    @property
    def free(self) -> int:
        """What can be reserved or moved on. Negative while an overrun is not covered."""
        return self.credited + self.limit - self.used - self.reserved


class AllocationMode(models.TextChoices):
    """How a rule finds its amount at each renewal."""

    FIXED = "fixed", _("Fixed amount")
    EQUAL_SHARE = "equal_share", _("Equal share")


class AllocationRule(models.Model):
    """The standing instruction that renewal replays. A node has an own allocation if it exists.

    An amount of 0 counts: the node has no own credits. Without a rule a node inherits: it draws
    on the nearest ancestor that has one.

    A node of a split has `split`. `share` of its `amount` is its part of the split's total and
    comes from the split's source; what is beyond that (or, if negative, missing) is its parent's.
    By mode and `pinned`: an equal share; an override that is pinned (all of it counts in the
    total, and the others share the rest); or an override that is added (it keeps its part of the
    total, and its parent gives the difference).

    `short` is by how much the renewal that began the open cycle gave less than `amount`. A new
    amount makes up for it: what moves then is the difference to what the node got.
    """

    wallet = models.OneToOneField(
        Wallet, on_delete=models.PROTECT, primary_key=True, related_name="rule"
    )
    mode = models.CharField(
        max_length=16, choices=AllocationMode.choices, default=AllocationMode.FIXED
    )
    amount = models.BigIntegerField()
    pinned = models.BooleanField(default=False)
    split = models.ForeignKey(
        "credits.Split", on_delete=models.PROTECT, null=True, related_name="rules"
    )
    share = models.BigIntegerField(db_default=0, default=0)
    short = models.BigIntegerField(db_default=0, default=0)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("allocation rule")
        constraints = (
            models.CheckConstraint(condition=Q(amount__gte=0), name="allocation_rule_not_negative"),
            models.CheckConstraint(
                condition=Q(share=0) | Q(share__gt=0, split__isnull=False),
                name="allocation_rule_shares_in_a_split",
            ),
            models.CheckConstraint(
                condition=Q(short__gte=0, short__lte=F("amount")),
                name="allocation_rule_short_of_its_amount",
            ),
        )

    def __str__(self) -> str:
        return f"{self.mode} {self.amount}"
