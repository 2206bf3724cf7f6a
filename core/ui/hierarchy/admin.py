"""The lists of organizations, teams and members, for one product at a time."""

from typing import Any, ClassVar

from django.contrib.admin import display
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from core.access.scopes import Scope, scope_of
from core.hierarchy import selectors
from core.hierarchy.product import Product
from core.ui.admin import CockpitModelAdmin
from core.ui.filters import ArchivedFilter, MenuFilter
from core.ui.hierarchy import members, moving, nodes
from core.ui.people import acts, imports, jobs, listing
from core.ui.picking import MOST_IN_A_SELECT
from core.ui.sites import account_site
from core.ui.templatetags.cockpit import credits, since

_SHOWN_PLACES = 2


def register_hierarchy(product: Product) -> None:
    """Put a product's organizations, teams and members on the account's site."""
    rows: tuple[tuple[type[HierarchyAdmin], type[Model]], ...] = (
        (OrganizationAdmin, product.organization),
        (TeamAdmin, product.team),
        (MemberAdmin, product.member),
    )
    for base, model in rows:
        declared = {
            "product": product,
            "view_permission": f"{product.slug}.{base.views}",
            "manage_permission": f"{product.slug}.{base.manages}",
        }
        account_site.register(model, type(f"{product.title}{base.__name__}", (base,), declared))


class HierarchyAdmin(CockpitModelAdmin):
    """What the three lists share. A row's own page is one of ours, at the admin's address.

    Rows and the choices of filters are those of the scope that the reader administers.
    """

    product: ClassVar[Product]
    views: ClassVar[str] = "view_hierarchy"
    # What it takes to make a new one.
    manages: ClassVar[str] = "manage_hierarchy"

    def scope(self, request: HttpRequest) -> Scope:
        """Return what the reader administers in the product."""
        return scope_of(request.user, self.product.slug)

    def own_urls(self) -> list[URLPattern]:
        """Return the routes of the rows' own pages."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        # Of Django's own pages only the list: what changes something is a page of ours, nothing
        # is deleted, and the audit log is the history.
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [*self.own_urls(), *(route for route in super().get_urls() if route.name == name)]

    @display(description=_("created"), ordering="created_at")
    def created(self, row: Any) -> SafeString | str:
        return since(row.created_at)

    @display(description=_("allocation"), ordering="allocation")
    def allocated(self, row: Any) -> SafeString:
        if row.allocation is None:
            return format_html('<span class="ck-end ck-subtle">{}</span>', _("inherits"))
        return _number(credits(row.allocation))

    @display(description=_("members"), ordering="member_count")
    def people(self, row: Any) -> SafeString:
        return _number(f"{row.member_count:,}")


class OrganizationAdmin(HierarchyAdmin):
    """Organizations: the top level of a product's people."""

    icon = "domain"
    views = "view_organizations"
    manages = "manage_organizations"
    add_label = _("New organization")
    empty_title = _("No organizations yet")
    empty_text = _("Organizations hold teams, and credits flow down through them.")
    list_display = ("title", "teams", "people", "allocated", "created")
    list_filter = (ArchivedFilter,)
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return selectors.organizations_for(self.product, self.scope(request))

    def own_urls(self) -> list[URLPattern]:
        return nodes.urls(self.product, self.product.organization)

    @display(description=_("organization"), ordering="name")
    def title(self, row: Any) -> SafeString:
        return _title(self.icon, row.name, _state(row) or (_("Everyone") if row.is_global else ""))

    @display(description=_("teams"), ordering="team_count")
    def teams(self, row: Any) -> SafeString:
        return _number(f"{row.team_count:,}")

    @display(description=_("allocation"), ordering="allocation")
    def allocated(self, row: Any) -> SafeString:
        return _number("–") if row.is_global else super().allocated(row)


class OrganizationFilter(MenuFilter):
    """Teams of one organization."""

    title = _("organization")
    parameter_name = "organization"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        rows = selectors.organization_choices(model_admin.product, model_admin.scope(request))
        # A menu of more would be of no use; the search finds teams by their organization too.
        return [("", _("All")), *rows.values_list("pk", "name")[:MOST_IN_A_SELECT]]

    def narrow(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return rows.filter(organization=value) if value else rows


class TeamAdmin(HierarchyAdmin):
    """Teams: where members work, and whose credits they use."""

    icon = "groups"
    manages = "manage_teams"
    add_label = _("New team")
    empty_title = _("No teams yet")
    empty_text = _("A team belongs to an organization and holds the credits its members use.")
    list_display = ("title", "organization_name", "people", "allocated", "created")
    list_filter = (OrganizationFilter, ArchivedFilter)
    search_fields = ("name", "organization__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return selectors.teams_for(self.product, self.scope(request))

    def own_urls(self) -> list[URLPattern]:
        return [*nodes.urls(self.product, self.product.team), *moving.team_urls(self.product)]

    @display(description=_("team"), ordering="name")
    def title(self, row: Any) -> SafeString:
        return _title(self.icon, row.name, _state(row))

    @display(description=_("organization"), ordering="organization__name")
    def organization_name(self, row: Any) -> str:
        return str(row.organization)


class MemberAdmin(HierarchyAdmin):
    """Members: people with a seat in the product."""

    icon = "badge"
    add_label = _("Add a member")
    empty_title = _("Nobody has a seat yet")
    empty_text = _("Invite colleagues by e-mail. They choose a password by the link they get.")
    search_fields = ("user__name", "user__email")
    ordering = ("user__name", "user__email")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return selectors.members_for(self.product, self.scope(request))

    def own_urls(self) -> list[URLPattern]:
        return [
            *listing.urls(self.product),
            *acts.urls(self.product),
            *imports.urls(self.product),
            *jobs.urls(self.product),
            *members.urls(self.product),
            *moving.place_urls(self.product),
        ]

    def get_urls(self) -> list[URLPattern]:
        # The list too is a page of ours: Django's counts all rows and reads on by number.
        return self.own_urls()


def _title(icon: str, name: str, note: Any) -> SafeString:
    badge = _badge(note) if note else ""
    return format_html(
        '<span class="ck-who"><span class="ck-avatar ck-avatar--square" aria-hidden="true">'
        '<span class="material-symbols-outlined ck-icon">{}</span></span>'
        '<span class="ck-who__name">{} {}</span></span>',
        icon, name, badge,
    )  # fmt: skip


def _state(row: Any) -> Any:
    return _("Archived") if row.is_archived else ""


def _number(text: str) -> SafeString:
    return format_html('<span class="ck-end">{}</span>', text)


def _badge(text: Any, tone: str = "", icon: str = "") -> SafeString:
    mark = (
        format_html('<span class="material-symbols-outlined" aria-hidden="true">{}</span>', icon)
        if icon
        else ""
    )
    return format_html(
        '<span class="ck-badge{}">{}{}</span>', f" ck-badge--{tone}" if tone else "", mark, text
    )
