"""The list of super admins."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.identity.models import User
from core.ui.sites import super_site
from core.ui.templatetags.cockpit import initials, since
from superadmin.admin.lists import PlatformList
from superadmin.badges import badge


@admin.register(User, site=super_site)
class SuperAdminList(PlatformList):
    """All users of the public schema: they run the platform."""

    view_permission = "platform.manage_super_admins"
    manage_permission = "platform.manage_super_admins"
    icon = "admin_panel_settings"
    list_title = _("Super admins")
    add_label = _("New super admin")
    empty_title = _("Nobody")
    empty_text = _("Somebody has to run the platform.")
    list_display = ("person", "state", "second_factor", "seen", "added")
    search_fields = ("name", "email")
    search_help_text = _("Name or e-mail")
    ordering = ("-is_active", "email")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        factors = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.annotate(has_factor=Exists(factors))

    def page_of(self, row: User) -> str:
        return reverse("platform:super-admin", args=(row.pk,))

    def page_for_new(self) -> str:
        return reverse("platform:super-admin-new")

    @display(description=_("person"), ordering="email")
    def person(self, row: User) -> SafeString:
        return format_html(
            '<span class="ck-who"><span class="ck-avatar" aria-hidden="true">{}</span>'
            '<span class="ck-who__text"><span class="ck-who__name">{}</span>'
            '<span class="ck-who__more">{}</span></span></span>',
            initials(row),
            row,
            row.email if row.name else "",
        )

    @display(description=_("state"), ordering="is_active")
    def state(self, row: User) -> SafeString:
        if row.is_active:
            return badge(_("Active"), "success", "check_circle")
        if not row.has_usable_password():
            return badge(_("Invited"), "info", "mail")
        return badge(_("Deactivated"), "danger", "block")

    @display(description=_("second factor"), ordering="has_factor")
    def second_factor(self, row: Any) -> SafeString:
        if row.has_factor:
            return badge(_("On"), "success", "verified_user")
        return badge(_("Off"), "warning", "gpp_maybe")

    @display(description=_("last sign-in"), ordering="last_login")
    def seen(self, row: User) -> SafeString | str:
        return since(row.last_login)

    @display(description=_("added"), ordering="created_at")
    def added(self, row: User) -> SafeString | str:
        return since(row.created_at)
