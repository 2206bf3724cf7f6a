"""Notification, MailChoice."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7
from core.notifications import kinds


class Notification(models.Model):
    """One piece of news for one person. `link` is an address on the account's own host.

    `dedup_key` names what has happened, so that telling of it again tells nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(max_length=64)
    params = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    link = models.CharField(max_length=300, blank=True)
    product = models.CharField(max_length=16, blank=True)
    dedup_key = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    read_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("user", "dedup_key"), name="each_told_once"),
        )
        indexes = (
            models.Index(fields=("user", "-id"), name="notification_by_user"),
            # The bell asks for it on every page.
            models.Index(
                fields=("user",), condition=models.Q(read_at=None), name="notification_unread"
            ),
        )

    def __str__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """The news as a sentence, such as "You were added to Marketing / Content"."""
        return kinds.sentence_of(self.kind, self.params)

    @property
    def icon(self) -> str:
        """The icon of its kind."""
        return kinds.kind_named(self.kind).icon

    @property
    def tone(self) -> str:
        """How much it matters: "", "good", "warn" or "bad"."""
        return kinds.kind_named(self.kind).tone


class MailChoice(models.Model):
    """Whether somebody wants a kind of news by mail too; without a row the kind's default holds."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=64)
    is_on = models.BooleanField()

    class Meta:
        verbose_name = _("choice of mail")
        constraints = (
            models.UniqueConstraint(fields=("user", "kind"), name="one_mail_choice_a_kind"),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.is_on}"
