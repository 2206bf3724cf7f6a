"""User, RoleAssignment, Invitation.

In the public schema the users are super admins; in an account's schema they are its people. No
row of one schema is known in another.
"""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from core.identity.search import name_words
from core.kit.ids import uuid7


class Role(models.TextChoices):
    """What somebody is. `core.access.permissions` says what each role may do."""

    ACCOUNT_ADMIN = "account_admin", _("Account admin")
    ORGANIZATION_ADMIN = "organization_admin", _("Organization admin")
    TEAM_ADMIN = "team_admin", _("Team admin")
    MEMBER = "member", _("Member")


class UserManager(BaseUserManager["User"]):
    """Creates users; e-mail addresses are stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A login identity inside one account, or a super admin's in the public schema.

    `is_superuser` comes with Django's permissions and decides nothing here.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail"), max_length=254)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("People who are not active cannot sign in.")
    )
    created_at = models.DateTimeField(_("joined"), auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ("email",)
        constraints = (models.UniqueConstraint(Lower("email"), name="one_user_for_each_email"),)
        indexes = (
            # The palette finds people by the beginnings of words (`core.identity.search`).
            GinIndex(name_words(), name="user_name_words"),
        )

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email

    @property
    def has_joined(self) -> bool:
        """Whether the person can sign in, or could until they were deactivated."""
        return self.is_active or self.has_usable_password()

    @property
    def is_staff(self) -> bool:
        """Asked by parts of Django's admin; our sites decide by role instead."""
        return False


class RoleAssignment(models.Model):
    """A role that somebody holds: everywhere in the account, or for one node of one product."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=32, choices=Role.choices)
    product = models.CharField(max_length=16, blank=True)
    node_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("role")
        # Who administers a node, among everybody's roles.
        indexes = (
            models.Index(
                fields=("node_id",),
                condition=models.Q(node_id__isnull=False),
                name="roles_by_node",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("user", "role", "product", "node_id"),
                nulls_distinct=False,
                name="each_role_once",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(role=Role.ACCOUNT_ADMIN, product="", node_id__isnull=True)
                    | models.Q(role=Role.MEMBER, node_id__isnull=True) & ~models.Q(product="")
                    | models.Q(
                        role__in=(Role.ORGANIZATION_ADMIN, Role.TEAM_ADMIN), node_id__isnull=False
                    )
                    & ~models.Q(product="")
                ),
                name="each_role_has_its_scope",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


class Preference(models.Model):
    """Something that one person has set for themselves, such as a card that they have put away."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="preferences")
    name = models.CharField(max_length=64)
    value = models.JSONField()

    class Meta:
        verbose_name = _("preference")
        constraints = (
            models.UniqueConstraint(fields=("user", "name"), name="each_preference_once"),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"


class Invitation(models.Model):
    """A link by which an invited person sets a password and signs in for the first time.

    The link's token is stored hashed. `user` exists from the start, inactive, so that an admin
    can already place the person in teams and give them credits.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="invitations")
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"invitation of {self.user}"
