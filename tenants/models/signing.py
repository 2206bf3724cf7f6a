"""SigningKey: the platform's key for user tokens."""

from django.db import models

from core.kit.ids import uuid7


class SigningKey(models.Model):
    """An Ed25519 key that signs user tokens; the private half is sealed in the vault.

    A retired key signs nothing more and stays in the JWKS until its last token has expired.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    public_jwk = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return str(self.id)
