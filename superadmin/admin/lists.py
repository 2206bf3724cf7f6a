"""What the super admin's lists share: a row leads to a page of ours, nothing else is offered."""

from typing import Any, ClassVar

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from core.access.permissions import may
from core.kit.problems import NotFound
from core.ui.admin import CockpitModelAdmin
from core.ui.pages import page


class PlatformList(CockpitModelAdmin):
    """A list of one noun. Its rows are made and changed on pages of ours."""

    icon: ClassVar[str]
    add_label: ClassVar[Any]
    empty_title: ClassVar[Any]
    empty_text: ClassVar[Any]
    list_title: ClassVar[Any]
    list_filter_sheet = False
    # The pages of rows lead back by their own links.
    preserve_filters = False
    list_fullwidth = True

    class Media:
        css = {"all": ("cockpit/css/platform.css",)}

    def page_of(self, row: Any) -> str:
        """Return the address of a row's own page."""
        raise NotImplementedError

    def page_for_new(self) -> str:
        """Return the address of the page that makes a new one."""
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request.user, self.manage_permission)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        page_of = self.page_of

        class Linked(super().get_changelist(request, **kwargs)):  # type: ignore[misc]
            def url_for_result(self, result: Any) -> str:
                return page_of(result)

        return Linked

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {**(extra_context or {}), "title": self.list_title, "is_page": True}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def get_urls(self) -> list[URLPattern]:
        # Of Django's own pages only the list. The palette and the add button know the other two
        # by their names.
        name = f"{self.opts.app_label}_{self.opts.model_name}"

        @page(permission=self.manage_permission)
        def add(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
            return HttpResponseRedirect(self.page_for_new())

        @page(permission=self.view_permission)
        def change(request: HttpRequest, object_id: str) -> HttpResponse:
            row = self.get_object(request, object_id)
            if row is None:
                raise NotFound("It is no longer there.")
            return HttpResponseRedirect(self.page_of(row))

        return [
            path("add/", add, name=f"{name}_add"),
            path("<path:object_id>/change/", change, name=f"{name}_change"),
            *(route for route in super().get_urls() if route.name == f"{name}_changelist"),
        ]
