"""AuditEntry: the immutable record of one change. AuditSeal: its place in the chain."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from core.kit.clock import now
from core.kit.ids import uuid7

# Postgres would keep an e-mail address or a path as one word; people look for parts of them.
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def _loose(field: str) -> Func:
    spaces = " " * len(PUNCTUATION)
    return Func(
        F(field),
        Value(PUNCTUATION),
        Value(spaces),
        function="translate",
        output_field=models.TextField(),
    )


_WORDS = SearchVector(
    _loose("actor_label"),
    _loose("on_behalf_of"),
    _loose("target_label"),
    _loose("reason"),
    config="simple",
)


class AuditEntryManager(models.Manager["AuditEntry"]):
    """Entries without their words, which only the database reads."""

    def get_queryset(self) -> "models.QuerySet[AuditEntry]":
        return super().get_queryset().defer("words")


class AuditEntry(models.Model):
    """One change: who made it, to what, and what it was before and after.

    Append-only: a trigger refuses every other statement (see `core.tenancy.append_only`). Labels
    are as of then, so that history survives renames and archives. Ids are ordered by time, so a
    range of dates is a range of ids. `signature` is of `core.audit.content`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(_("when"), default=now, editable=False)
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
    signature = models.BinaryField(default=b"", editable=False)
    # What the page's search finds. Stored, because making it from the texts costs fifty times what
    # comparing it costs, and a search may have to look at many.
    words = models.GeneratedField(
        expression=_WORDS, output_field=SearchVectorField(), db_persist=True
    )

    objects = AuditEntryManager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        ordering = ("-id",)
        # Each ends in the id: whatever is filtered by, the newest are read first.
        indexes = (
            models.Index(fields=("target_id", "-id"), name="audit_by_target"),
            models.Index(fields=("product", "-id"), name="audit_by_product"),
            models.Index(fields=("verb", "-id"), name="audit_by_verb"),
            models.Index(fields=("actor_id", "-id"), name="audit_by_actor"),
            models.Index(
                fields=("request_id",), name="audit_by_request", condition=~Q(request_id="")
            ),
            GinIndex(fields=("nodes",), name="audit_by_nodes"),
            GinIndex(fields=("words",), name="audit_words"),
        )

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """The entry as a sentence, such as "Ada gave Marketing 500 credits"."""
        from core.audit.verbs import sentence_of

        return sentence_of(self)


class AuditSeal(models.Model):
    """The place of one entry in its schema's chain: append-only, without gaps, from 1.

    `chain` is an HMAC over sequence, entry, digest and the former seal's chain.
    """

    sequence = models.PositiveBigIntegerField(primary_key=True)
    # No foreign key: the chain must stand when the entry it names is gone.
    entry_id = models.UUIDField(unique=True)
    digest = models.BinaryField()
    chain = models.BinaryField()
    sealed_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("audit seal")
        ordering = ("sequence",)

    def __str__(self) -> str:
        return f"seal {self.sequence}"
