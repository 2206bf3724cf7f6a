"""VirtualKey: what a developer or a program calls the gateway with."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from console.models.hierarchy import Membership, Team
from core.kit.ids import uuid7


class VirtualKey(models.Model):
    """A key `ck_<account>_<random>`. Shown once when it is made; only its keyed hash is stored.

    It belongs to a membership, or to a team: then it is a service key, charged from the team
    upwards. Its limits only narrow what its owner may do; null is no limit, and an empty list
    admits nothing. Its budget is a cap of the ledger whose subject is the key.

    After a rotation the token before is good until `previous_ends_at`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    membership = models.ForeignKey(
        Membership, on_delete=models.PROTECT, related_name="keys", null=True, blank=True
    )
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, related_name="service_keys", null=True, blank=True
    )
    name = models.CharField(_("name"), max_length=120)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.CharField(max_length=254, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    # Public names, as programs send them.
    llms = ArrayField(models.CharField(max_length=200), null=True, blank=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(null=True, blank=True)
    # Addresses and ranges in CIDR notation.
    addresses = ArrayField(models.CharField(max_length=43), null=True, blank=True)

    rotated_at = models.DateTimeField(null=True, editable=False)
    # Null, because of several empty texts only one would be unique.
    previous_hash = models.CharField(  # noqa: DJ001
        max_length=64, unique=True, null=True, editable=False
    )
    previous_last_four = models.CharField(max_length=4, blank=True, editable=False)
    previous_ends_at = models.DateTimeField(null=True, editable=False)
    previous_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("virtual key")
        verbose_name_plural = _("virtual keys")
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(
                condition=Q(membership__isnull=False, team=None)
                | Q(membership=None, team__isnull=False),
                name="key_has_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(previous_hash=None, previous_ends_at=None)
                | Q(previous_hash__isnull=False, previous_ends_at__isnull=False),
                name="key_before_ends_some_day",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_service(self) -> bool:
        """Whether it belongs to a team and to nobody in particular."""
        return self.team_id is not None

    @property
    def owner(self) -> str:
        """Whose it is, in words."""
        if self.membership is not None:
            return str(self.membership.member)
        return str(self.team)
