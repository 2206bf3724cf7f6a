"""WithheldFeature: what the super admin does not let an account have."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from tenants.models.accounts import Account


class WithheldFeature(models.Model):
    """A feature that one product of an account may not have, whatever its admins switch.

    Accounts have every feature of the registry unless a row says no, so that a new feature need
    not be given to each of them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="withheld_features")
    product = models.CharField(max_length=16)
    feature = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("withheld feature")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "product", "feature"), name="each_feature_withheld_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.account}: {self.feature}"
