"""The two admin sites. Neither asks `is_staff`: the schema and the roles decide.

Signing in and out is allauth's (`core.ui.identity.urls` covers the paths of Django's own login).
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from core.access.permissions import may, permissions_of
from core.ui.context import current_product

# The palette shows the nearest few of each kind; a list page is the place for more.
RESULTS_OF_A_KIND = 8
SHORTEST_SEARCH = 2


class CockpitSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """What both sites share: who is let in, and a palette that keeps no answers."""

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002
        """Tell people who are in why they may not pass; the login page would send them back."""
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                from core.ui.errors import no_place

                return no_place(request)
            response: HttpResponse = guarded(request, *args, **kwargs)
            return response

        return update_wrapper(inner, guarded)

    def search(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Answer the palette: pages first, then people and things that the person may see.

        unfold would keep answers for five minutes, after the right to see them is gone; and it
        would load every row that matches.
        """
        term = request.GET.get("s", "").strip()
        if len(term) < SHORTEST_SEARCH:
            return HttpResponse()
        shown = current_product(request)
        apps = sorted(self.get_app_list(request), key=lambda app: app["app_label"] != shown)
        results = [
            *import_string(self._get_config("COMMAND", request)["search_callback"])(request, term),
            *self._search_models(request, apps, term),
        ]
        pages = Paginator(results, max(1, len(results)))
        context = {"results": pages.page(1), "page_obj": pages, "page_counter": 0}
        return TemplateResponse(request, "unfold/helpers/command_results.html", context)

    def _search_models(
        self,
        request: HttpRequest,
        app_list: list[dict[str, Any]],
        search_term: str,
        allowed_models: list[str] | None = None,
    ) -> list[SearchResult]:
        results = []
        for app in app_list:
            for model in app["models"]:
                results += self._search_model(
                    request, model["model"], str(app["name"]), search_term
                )
        return results

    def _search_model(
        self, request: HttpRequest, model: Any, where: str, term: str
    ) -> list[SearchResult]:
        admin = self._registry[model]
        if not admin.get_search_fields(request) or not admin.has_view_permission(request):
            return []
        rows, _duplicates = admin.get_search_results(request, admin.get_queryset(request), term)
        opts = model._meta
        return [
            SearchResult(
                title=str(row),
                description=f"{opts.verbose_name} · {where}",
                link=f"{self._path_of(opts)}{row.pk}/change/",
                icon=getattr(admin, "icon", "data_object"),
            )
            for row in rows[:RESULTS_OF_A_KIND]
        ]

    @staticmethod
    def _path_of(opts: Any) -> str:
        return f"/{opts.app_label}/{opts.model_name}/"


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


account_site = AccountSite(name="admin")
super_site = SuperSite(name="admin")
