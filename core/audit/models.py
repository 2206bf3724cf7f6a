"""AuditEntry: the immutable record of one change."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7


class AuditEntry(models.Model):
    """One change: who made it, to what, and what it was before and after.

    Append-only: a trigger refuses every other statement (see `core.audit.install`). Labels are as
    of then, so that history survives renames and archives.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(_("when"), auto_now_add=True, db_index=True)
    product = models.CharField(_("product"), max_length=16, blank=True)
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(_("who"), max_length=254)
    on_behalf_of = models.CharField(max_length=254, blank=True)
    verb = models.CharField(_("verb"), max_length=64)
    target_kind = models.CharField(max_length=64)
    target_id = models.CharField(max_length=64)
    target_label = models.CharField(_("what"), max_length=254)
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    # The organizations and teams that the entry is about or names, none where it concerns the
    # account as a whole. Whoever administers all of them may read it.
    nodes = ArrayField(models.UUIDField(), default=list, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("target_id", "-id"), name="audit_by_target"),
            GinIndex(fields=("nodes",), name="audit_by_nodes"),
        )

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """The entry as a sentence, such as "Ada gave Marketing 500 credits"."""
        from core.audit.verbs import sentence_of

        return sentence_of(self)
