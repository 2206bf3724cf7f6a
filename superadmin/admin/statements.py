"""The list of overflow statements, over all accounts."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.ui.filters import MenuFilter
from core.ui.sites import super_site
from core.ui.templatetags.cockpit import credits as credits_text, initials
from superadmin.admin.lists import PlatformList
from superadmin.badges import number, statement_badge, two_lines
from superadmin.forms import PRODUCTS
from superadmin.templatetags.platform import day_in
from tenants.models import StatementState, StatementSummary


class StateFilter(MenuFilter):
    """Statements by state; those over nothing are out of sight at first."""

    title = _("state")
    parameter_name = "state"
    options = (("amount", _("With an amount")), *StatementState.choices, ("all", _("All")))

    def narrow(self, rows: QuerySet[StatementSummary], value: str) -> QuerySet[StatementSummary]:
        if value == "amount":
            return rows.exclude(amount_microcredits=0)
        return rows if value == "all" else rows.filter(state=value)


class ProductFilter(MenuFilter):
    """Statements of one product."""

    title = _("product")
    parameter_name = "product"
    options = (("both", _("Both")), *PRODUCTS)

    def narrow(self, rows: QuerySet[StatementSummary], value: str) -> QuerySet[StatementSummary]:
        return rows if value == "both" else rows.filter(product=value)


@admin.register(StatementSummary, site=super_site)
class StatementList(PlatformList):
    """What accounts owe for overflow, as of the last copies of their statements."""

    view_permission = "platform.manage_credits"
    manage_permission = "platform.manage_credits"
    icon = "receipt_long"
    list_title = _("Overflow statements")
    add_label = ""
    empty_title = _("No statements")
    empty_text = _(
        "Every closed cycle has one, also over nothing. They show up within five minutes."
    )
    list_display = ("company", "cycle", "period", "drawn", "covered", "amount", "shown_state")
    list_filter = (StateFilter, ProductFilter)
    search_fields = ("account__name", "account__slug", "reference")
    search_help_text = _("Company, short name or invoice")
    ordering = ("-frozen_at",)
    list_select_related = ("account",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def page_of(self, row: StatementSummary) -> str:
        return reverse("platform:statement", args=(row.pk,))

    def page_for_new(self) -> str:
        return reverse("admin:tenants_statementsummary_changelist")

    @display(description=_("company"), ordering="account__name")
    def company(self, row: StatementSummary) -> SafeString:
        return two_lines(initials(row.account.name), row.account.name, row.product.capitalize())

    @display(description=_("cycle"), ordering="cycle_number")
    def cycle(self, row: StatementSummary) -> SafeString:
        return number(row.cycle_number)

    @display(description=_("from – to"), ordering="ends_at")
    def period(self, row: StatementSummary) -> SafeString:
        zone = row.account.time_zone
        return format_html("{} – {}", day_in(row.starts_at, zone), day_in(row.ends_at, zone))

    @display(description=_("drawn"), ordering="used_microcredits")
    def drawn(self, row: StatementSummary) -> SafeString:
        return number(credits_text(row.used_microcredits))

    @display(description=_("covered"), ordering="covered_microcredits")
    def covered(self, row: StatementSummary) -> SafeString:
        return number(credits_text(row.covered_microcredits))

    @display(description=_("to bill"), ordering="amount_microcredits")
    def amount(self, row: StatementSummary) -> SafeString:
        return number(
            format_html('<span class="ck-strong">{}</span>', credits_text(row.amount_microcredits))
        )

    @display(description=_("state"), ordering="state")
    def shown_state(self, row: Any) -> SafeString:
        return statement_badge(row.state)
