"""Split and RuleChange: equal shares as a standing instruction, and the history of all rules."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.credits.models.books import Book
from core.credits.models.movements import Act
from core.credits.models.wallets import Wallet, WalletKind
from core.kit.ids import uuid7

SPLIT_LEVELS = (WalletKind.ORGANIZATION, WalletKind.TEAM, WalletKind.MEMBERSHIP)


class Split(models.Model):
    """An amount that some wallets share equally in each cycle, from what `source` has.

    The wallets are those whose rules point here. With a `level` it stands for all of that kind
    below the source, so that who joins them is served by it. `total` is what its act divided, and
    `in_force` what renewal divides anew.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="splits")
    act = models.OneToOneField(Act, on_delete=models.PROTECT, related_name="split")
    source = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+")
    level = models.CharField(max_length=16, choices=WalletKind.choices, blank=True)
    total = models.BigIntegerField()
    # What wallets took along as they came to share in another split: its id to an amount.
    taken = models.JSONField(default=dict)
    # The act that put another in its place, or undid it. In force until then.
    ended_by = models.ForeignKey(Act, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name = _("split")
        constraints = (
            models.CheckConstraint(condition=Q(total__gte=0), name="split_not_negative"),
            models.CheckConstraint(condition=Q(level__in=("", *SPLIT_LEVELS)), name="split_level"),
            models.UniqueConstraint(
                fields=("source", "level"),
                condition=Q(ended_by=None) & ~Q(level=""),
                name="one_split_for_each_level",
            ),
        )

    def __str__(self) -> str:
        return f"{self.total} from {self.source_id}"

    @property
    def in_force(self) -> int:
        """The total, less what wallets took along into other splits."""
        gone: int = sum(self.taken.values())
        return self.total - gone


class RuleChange(models.Model):
    """What an act made of one wallet's rule. Append-only.

    `before` and `after` are the rule's values, null where there was or is none. An undo puts
    `before` back, if the rule is still as the act left it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    act = models.ForeignKey(Act, on_delete=models.PROTECT, related_name="rule_changes")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="+", db_index=False)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        verbose_name = _("rule change")

    def __str__(self) -> str:
        return f"{self.before} to {self.after}"
