"""The list of the catalogue."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.ui.filters import MenuFilter
from core.ui.sites import super_site
from core.ui.templatetags.cockpit import dollars, initials
from superadmin.admin.lists import PlatformList
from superadmin.badges import badge, credential_badge, number, two_lines
from tenants.credentials import credential_states
from tenants.models import Llm, LlmKind, PriceRow


class UseFilter(MenuFilter):
    """In use, or retired; retired ones are out of sight at first."""

    title = _("use")
    parameter_name = "use"
    options = (("on", _("In use")), ("retired", _("Retired")), ("all", _("All")))

    def narrow(self, rows: QuerySet[Llm], value: str) -> QuerySet[Llm]:
        return rows if value == "all" else rows.filter(retired_at__isnull=value == "on")


class KindFilter(MenuFilter):
    """LLMs by what they are called for."""

    title = _("kind")
    parameter_name = "kind"
    options = (("", _("All")), *LlmKind.choices)

    def narrow(self, rows: QuerySet[Llm], value: str) -> QuerySet[Llm]:
        return rows.filter(kind=value) if value else rows


class VendorFilter(MenuFilter):
    """LLMs by vendor."""

    title = _("vendor")
    parameter_name = "vendor"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Any:
        vendors = Llm.objects.order_by("vendor").values_list("vendor", flat=True).distinct()
        return [("", _("All")), *((vendor, vendor) for vendor in vendors)]

    def narrow(self, rows: QuerySet[Llm], value: str) -> QuerySet[Llm]:
        return rows.filter(vendor=value) if value else rows


def _price(column: str) -> Subquery:
    rows = PriceRow.objects.filter(llm=OuterRef("pk")).order_by("-version")
    return Subquery(rows.values(column)[:1])


class _WithCredentials(list[Any]):
    """The rows of one page; one query tells the credentials of all of them."""

    def __init__(self, rows: Iterator[Any]) -> None:
        super().__init__(rows)
        deployments = [row.deployment for row in self if hasattr(row, "deployment")]
        states = credential_states(deployments)
        for row in self:
            row.credential_state = states[row.deployment.pk] if hasattr(row, "deployment") else None


@admin.register(Llm, site=super_site)
class LlmList(PlatformList):
    """All LLMs with prices, credentials and how many accounts are offered them."""

    view_permission = "platform.manage_catalogue"
    manage_permission = "platform.manage_catalogue"
    icon = "neurology"
    list_title = _("LLMs and prices")
    add_label = _("New LLM")
    empty_title = _("The catalogue is empty")
    empty_text = _("Add an LLM with its price, then offer it to accounts.")
    list_display = ("llm", "kind_label", "input_price", "output_price", "credential", "offered_to",
                    "state")  # fmt: skip
    list_filter = (UseFilter, KindFilter, VendorFilter)
    search_fields = ("name", "title", "vendor")
    search_help_text = _("Name, title or vendor")
    ordering = ("vendor", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Llm]:
        rows: QuerySet[Llm] = super().get_queryset(request)
        return rows.select_related("deployment").annotate(
            offers_count=Count(
                "offers__account", filter=Q(offers__account__archived_at=None), distinct=True
            ),
            price_version=_price("version"),
            input=_price("input_usd"),
            output=_price("output_usd"),
            image=_price("image_each_usd"),
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = _WithCredentials(changelist.result_list)
        return changelist

    def page_of(self, row: Llm) -> str:
        return reverse("platform:llm", args=(row.pk,))

    def page_for_new(self) -> str:
        return reverse("platform:llm-new")

    @display(description=_("LLM"), ordering="title")
    def llm(self, row: Llm) -> SafeString:
        return two_lines(initials(row.vendor), row.title, f"{row.vendor} · {row.name}")

    @display(description=_("kind"), ordering="kind")
    def kind_label(self, row: Llm) -> str:
        return row.get_kind_display()

    @display(description=_("input, 1M tokens"), ordering="input")
    def input_price(self, row: Any) -> SafeString:
        return number(dollars(row.input) if row.input else "–")

    @display(description=_("output, 1M tokens"), ordering="output")
    def output_price(self, row: Any) -> SafeString:
        if row.image:
            return number(_("%(price)s an image") % {"price": dollars(row.image)})
        return number(dollars(row.output) if row.output else "–")

    @display(description=_("credential"))
    def credential(self, row: Any) -> SafeString:
        return credential_badge(row.credential_state)

    @display(description=_("accounts"), ordering="offers_count")
    def offered_to(self, row: Any) -> SafeString:
        return number(row.offers_count)

    @display(description=_("state"))
    def state(self, row: Any) -> SafeString:
        if row.retired_at is not None:
            return badge(_("Retired"), icon="archive")
        if row.price_version is None:
            return badge(_("No price: refused"), "danger", "sell")
        return badge(_("In use"), "success", "check_circle")
