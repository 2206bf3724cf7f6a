"""The list of accounts."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.ui.filters import MenuFilter
from core.ui.sites import super_site
from core.ui.templatetags.cockpit import credits as credits_text, initials, since
from superadmin.admin.lists import PlatformList
from superadmin.badges import number, state_badge, two_lines
from tenants.models import Account, AccountFigure, AccountState


class StateFilter(MenuFilter):
    """Accounts by state; archived ones are out of sight at first."""

    title = _("state")
    parameter_name = "state"
    options = (("open", _("Not archived")), *AccountState.choices, ("all", _("All")))

    def narrow(self, rows: QuerySet[Account], value: str) -> QuerySet[Account]:
        if value == "open":
            return rows.exclude(state=AccountState.ARCHIVED)
        return rows if value == "all" else rows.filter(state=value)


def _figure(product: str, column: str) -> Subquery:
    rows = AccountFigure.objects.filter(account=OuterRef("pk"), product=product)
    return Subquery(rows.values(column)[:1])


@admin.register(Account, site=super_site)
class AccountList(PlatformList):
    """All accounts, with what they have left as of the last figures."""

    view_permission = "platform.manage_accounts"
    manage_permission = "platform.manage_accounts"
    icon = "domain"
    list_title = _("Accounts")
    add_label = _("New account")
    empty_title = _("No accounts yet")
    empty_text = _("An account is a company with its own people, credits and data.")
    list_display = ("company", "shown_state", "copilot_left", "console_left", "seats", "created")
    list_filter = (StateFilter,)
    search_fields = ("name", "slug")
    search_help_text = _("Company or short name")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        rows: QuerySet[Account] = super().get_queryset(request)
        with_figures: QuerySet[Account] = rows.annotate(
            copilot=_figure("copilot", "left_microcredits"),
            copilot_granted=_figure("copilot", "granted_microcredits"),
            console=_figure("console", "left_microcredits"),
            console_granted=_figure("console", "granted_microcredits"),
            members=_figure("copilot", "members"),
        )
        return with_figures

    def page_of(self, row: Account) -> str:
        return reverse("platform:account", args=(row.slug,))

    def page_for_new(self) -> str:
        return reverse("platform:account-new")

    @display(description=_("company"), ordering="name")
    def company(self, row: Account) -> SafeString:
        return two_lines(initials(row.name), row.name, row.slug)

    @display(description=_("state"), ordering="state")
    def shown_state(self, row: Account) -> SafeString:
        return state_badge(row)

    @display(description=_("Copilot credits left"), ordering="copilot")
    def copilot_left(self, row: Any) -> SafeString:
        return _left(row.copilot, row.copilot_granted)

    @display(description=_("Console credits left"), ordering="console")
    def console_left(self, row: Any) -> SafeString:
        return _left(row.console, row.console_granted)

    @display(description=_("Copilot seats"), ordering="members")
    def seats(self, row: Any) -> SafeString:
        return number("–" if row.members is None else f"{row.members:,}")

    @display(description=_("created"), ordering="created_at")
    def created(self, row: Account) -> SafeString | str:
        return since(row.created_at)


def _left(left: int | None, granted: int | None) -> SafeString:
    if left is None or granted is None:
        return number(format_html('<span class="ck-subtle">{}</span>', _("no figures yet")))
    if not granted:
        return number(format_html('<span class="ck-subtle">{}</span>', _("none granted")))
    return number(
        format_html(
            '<span class="ck-strong">{}</span> <span class="ck-subtle">/ {}</span>',
            credits_text(left),
            credits_text(granted),
        )
    )
