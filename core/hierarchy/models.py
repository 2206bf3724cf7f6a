"""The abstract hierarchy. Each product has its own tables; no row of one points at the other."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from core.kit.ids import uuid7


class Node(models.Model):
    """What organization, team and membership share. Archived, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_archived(self) -> bool:
        """Whether the node takes part in nothing any more."""
        return self.archived_at is not None


class AbstractOrganization(Node):
    """The top level. Each product has one `global` organization, which holds everyone."""

    name = models.CharField(_("name"), max_length=120)
    is_global = models.BooleanField(default=False, editable=False)
    wallet = models.OneToOneField(
        "credits.Wallet", on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        abstract = True
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        ordering = ("-is_global", "name")
        constraints = (
            models.UniqueConstraint(
                Lower("name"),
                condition=models.Q(archived_at=None),
                name="%(app_label)s_organization_name_once",
            ),
            models.UniqueConstraint(
                fields=("is_global",),
                condition=models.Q(is_global=True),
                name="%(app_label)s_one_global_organization",
            ),
            models.CheckConstraint(
                condition=models.Q(is_global=True, wallet=None, archived_at=None)
                | models.Q(is_global=False, wallet__isnull=False),
                name="%(app_label)s_global_has_no_wallet",
            ),
        )

    def __str__(self) -> str:
        return self.name


class AbstractTeam(Node):
    """The second level. The product's class adds `organization`."""

    name = models.CharField(_("name"), max_length=120)
    wallet = models.OneToOneField(
        "credits.Wallet", on_delete=models.PROTECT, editable=False, related_name="+"
    )

    class Meta:
        abstract = True
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                "organization",
                Lower("name"),
                condition=models.Q(archived_at=None),
                name="%(app_label)s_team_name_once",
            ),
        )

    def __str__(self) -> str:
        return self.name


class AbstractMember(Node):
    """A user's seat in one product. The money is the memberships', not the member's."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="%(app_label)s_member"
    )

    class Meta:
        abstract = True
        verbose_name = _("member")
        verbose_name_plural = _("members")
        ordering = ("user__email",)
        indexes = (
            # What counts people leaves these few out.
            models.Index(
                fields=("id",),
                condition=models.Q(archived_at__isnull=False),
                name="%(app_label)s_archived_members",
            ),
        )

    def __str__(self) -> str:
        return str(self.user)


class AbstractMembership(Node):
    """A member's place: in a team, directly in an organization, or under `global` alone.

    It owns a wallet, so that each team's money stays that team's. The product's class adds
    `member`, `organization` and `team`.
    """

    is_primary = models.BooleanField(_("primary"), default=False)
    wallet = models.OneToOneField(
        "credits.Wallet", on_delete=models.PROTECT, editable=False, related_name="+"
    )

    class Meta:
        abstract = True
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("-is_primary", "created_at")
        # People of a place in order, so that they are counted once each from the index alone.
        indexes = (
            models.Index(
                fields=("organization", "member"),
                condition=models.Q(archived_at=None),
                name="%(app_label)s_org_people",
            ),
            models.Index(
                fields=("team", "member"),
                condition=models.Q(archived_at=None),
                name="%(app_label)s_team_people",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("member", "organization", "team"),
                condition=models.Q(archived_at=None),
                nulls_distinct=False,
                name="%(app_label)s_membership_once",
            ),
            models.UniqueConstraint(
                fields=("member",),
                condition=models.Q(archived_at=None, is_primary=True),
                name="%(app_label)s_one_primary_membership",
            ),
        )

    def __str__(self) -> str:
        return str(getattr(self, "team", None) or getattr(self, "organization", None) or "global")
