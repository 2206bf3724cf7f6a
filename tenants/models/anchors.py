"""AuditAnchor: where an audit chain stood at some moment, kept outside of its schema."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditAnchor(models.Model):
    """The head of one schema's audit chain. Append-only.

    Whoever cuts the end off a chain, or builds it anew, would have to change this too, and the
    lines of the log that say the same. No foreign key: the platform's own chain has no account.
    """

    schema_name = models.CharField(max_length=63)
    sequence = models.PositiveBigIntegerField()
    chain = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("audit anchor")
        constraints = (
            models.UniqueConstraint(
                fields=("schema_name", "sequence"), name="one_anchor_for_each_head"
            ),
        )

    def __str__(self) -> str:
        return f"{self.schema_name} {self.sequence}"
