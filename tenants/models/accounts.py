"""Account and Domain."""

from typing import ClassVar, NoReturn

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

from core.kit.ids import uuid7
from tenants.rules import SLUG_PATTERN


class AccountState(models.TextChoices):
    """Where an account stands. Only an active one admits logins, keys, tokens and jobs."""

    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    ARCHIVED = "archived", _("Archived")


class Account(TenantMixin):  # type: ignore[misc]  # django-tenants has no types
    """A company on this installation. Its data lives in a schema named after its id.

    The slug is part of host names, virtual keys and client configurations, so it never changes.
    """

    auto_create_schema = False
    auto_drop_schema = False

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=120)
    slug = models.CharField(
        _("short name"),
        max_length=40,
        unique=True,
        validators=(
            RegexValidator(SLUG_PATTERN, _("Use lower-case letters, digits and hyphens.")),
        ),
        help_text=_("Part of the web address and of every key. It can never be changed."),
    )
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    state = models.CharField(
        _("state"), max_length=16, choices=AccountState.choices, default=AccountState.ACTIVE
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ("name",)

    objects: ClassVar[models.Manager["Account"]] = models.Manager()

    def __str__(self) -> str:
        return self.name

    def __enter__(self) -> NoReturn:
        # django-tenants' own keeps a stack that all threads share.
        raise TypeError("Use core.tenancy.context.in_account(account).")

    @property
    def is_closed(self) -> bool:
        """Whether the account admits nobody."""
        return self.state != AccountState.ACTIVE


class Domain(DomainMixin):  # type: ignore[misc]  # django-tenants has no types
    """A host name at which an account's cockpit lives."""

    class Meta:
        verbose_name = _("domain")

    def __str__(self) -> str:
        return str(self.domain)
