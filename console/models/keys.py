"""VirtualKey: what a developer calls the gateway with."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from console.models.hierarchy import Membership
from core.kit.ids import uuid7


class VirtualKey(models.Model):
    """A key `ck_<account>_<random>`. Shown once when it is made; only its keyed hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="keys")
    name = models.CharField(_("name"), max_length=120)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.CharField(max_length=254, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("virtual key")
        verbose_name_plural = _("virtual keys")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name
