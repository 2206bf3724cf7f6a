"""The two admin sites. Neither asks `is_staff`: the schema and the roles decide.

Signing in and out is allauth's (`core.ui.identity.urls` covers the paths of Django's own login).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from core.access.permissions import may, permissions_of
from core.ui.alone import no_place

# The palette shows the nearest few of each kind; a list page is the place for more.
RESULTS_OF_A_KIND = 8
SHORTEST_SEARCH = 2
LONGEST_SEARCH = 100


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the palette: what kind of thing it is, its name, where it is and leads."""

    group: str
    title: str
    description: str
    link: str
    icon: str


class CockpitSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """What both sites share: who is let in, and a palette that keeps no answers."""

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002
        """Tell people who are in why they may not pass; the login page would send them back."""
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                return no_place(request)
            response: HttpResponse = guarded(request, *args, **kwargs)
            return response

        return update_wrapper(inner, guarded)

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Answer the palette. Without a term: what can be done and opened from here.

        unfold would keep answers for five minutes, after the right to see them is gone; and it
        would load every row that matches.
        """
        # Postgres takes no NUL in text.
        term = request.GET.get("s", "").replace("\x00", "").strip()[:LONGEST_SEARCH]
        if 0 < len(term) < SHORTEST_SEARCH:
            return HttpResponse()
        context = {"results": self._found(request, term), "term": term}
        return TemplateResponse(request, "unfold/helpers/command_results.html", context)

    def _found(self, request: HttpRequest, term: str) -> list[Result]:
        finder: Callable[[HttpRequest, str], list[Result]] = import_string(
            self._get_config("COMMAND", request)["search_callback"]
        )
        return finder(request, term)


class AccountSite(CockpitSite):
    """An account's cockpit: for its account admins."""

    settings_name = "UNFOLD_ACCOUNT"
    site_title = _("Cockpit")

    def has_permission(self, request: HttpRequest) -> bool:
        """Anybody with a seat or a role may open the shell; each page asks for its codename."""
        return bool(permissions_of(request.user))


class SuperSite(CockpitSite):
    """The platform's own admin, in the public schema."""

    settings_name = "UNFOLD_SUPER"
    site_title = _("Platform")

    def has_permission(self, request: HttpRequest) -> bool:
        return may(request.user, "platform.view_overview")

    def _found(self, request: HttpRequest, term: str) -> list[Result]:
        found = super()._found(request, term)
        if term:
            for app in self.get_app_list(request):
                for model in app["models"]:
                    found += self._rows(request, model["model"], term)
        return found

    def _rows(self, request: HttpRequest, model: Any, term: str) -> list[Result]:
        """Return the rows of a list that fit. The platform's lists are short."""
        admin = self._registry[model]
        if not admin.get_search_fields(request) or not admin.has_view_permission(request):
            return []
        rows, _duplicates = admin.get_search_results(request, admin.get_queryset(request), term)
        opts = model._meta
        return [
            Result(
                str(opts.verbose_name_plural).capitalize(),
                str(row),
                "",
                f"/{opts.app_label}/{opts.model_name}/{row.pk}/change/",
                getattr(admin, "icon", "data_object"),
            )
            for row in rows[:RESULTS_OF_A_KIND]
        ]


account_site = AccountSite(name="admin")
super_site = SuperSite(name="admin")
