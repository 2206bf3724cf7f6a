"""ClientApp and UsedAssertion."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7


class ClientApp(models.Model):
    """A program that calls the cockpit's APIs for one product of this account.

    Its secret is sealed rather than hashed: assertions signed with it (HS256) must be verified.
    Those signed with a key of its own (EdDSA) are verified with the public half, if it is known.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    product = models.CharField(max_length=16)
    name = models.CharField(_("name"), max_length=120)
    client_id = models.CharField(max_length=64, unique=True, editable=False)
    act_for_members = models.BooleanField(
        _("may act for members"),
        default=False,
        help_text=_("The app may sign assertions and so act for any member of this product."),
    )
    is_open = models.BooleanField(
        _("open to everyone"),
        default=True,
        help_text=_("Whether it may act for every member, or only for those it is shared with."),
    )
    scopes = models.JSONField(_("scopes"))
    # PEM; empty where the app signs with its secret only.
    public_key = models.TextField(_("public key"), blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=254, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("client app")
        verbose_name_plural = _("client apps")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class UsedAssertion(models.Model):
    """The `jti` of an assertion that was exchanged already, kept until it would have expired."""

    id = models.BigAutoField(primary_key=True)
    client_app = models.ForeignKey(ClientApp, on_delete=models.CASCADE, related_name="+")
    jti = models.CharField(max_length=128)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("client_app", "jti"), name="each_assertion_used_once"),
        )

    def __str__(self) -> str:
        return self.jti
