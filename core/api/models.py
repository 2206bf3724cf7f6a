"""StoredAnswer: what a POST with an idempotency key was answered."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class StoredAnswer(models.Model):
    """The answer to one POST that carried an `Idempotency-Key`, kept for a day.

    It begins as a claim without a status, which says that the first call is still running.
    """

    id = models.BigAutoField(primary_key=True)
    # A user, a client app, or a client app that acts for a user.
    principal = models.CharField(max_length=120)
    key = models.CharField(max_length=200)
    # SHA-256 of method, path and body.
    fingerprint = models.CharField(max_length=64)
    # Which attempt holds the claim: one that took too long cannot store over its successor.
    attempt = models.UUIDField()
    claimed_at = models.DateTimeField()
    created_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    # Sealed: an answer may show a link or a key that is shown once.
    body = models.TextField(blank=True)

    class Meta:
        verbose_name = _("stored answer")
        verbose_name_plural = _("stored answers")
        constraints = (
            models.UniqueConstraint(fields=("principal", "key"), name="each_idempotency_key_once"),
        )

    def __str__(self) -> str:
        return f"{self.principal}: {self.key}"
