"""`CockpitModelAdmin`: a list of one noun. What changes something is a page of ours."""

from typing import Any, ClassVar

from django.http import HttpRequest
from unfold.admin import ModelAdmin

from core.access.permissions import may


class CockpitModelAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Browsing, searching and filtering the rows of one noun.

    Django's admin would write past the services, so nothing is written here: no form, no bulk
    action, no deletion. `view_permission` and `manage_permission` are codenames; who carries the
    second sees the button that leads to the page for a new one. The other names are what the list
    shows when it is empty, and its icon in the palette.
    """

    view_permission: ClassVar[str]
    manage_permission: ClassVar[str]
    icon: ClassVar[str]
    add_label: ClassVar[Any]
    empty_title: ClassVar[Any]
    empty_text: ClassVar[Any]
    list_per_page = 50
    list_filter_sheet = False
    show_full_result_count = False
    actions = None

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Narrow by the list's own filters alone.

        Django lets an address ask for any column, so for the beginning of a password's hash too.
        """
        return lookup in {each.parameter_name for each in self.get_list_filter(request)}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, self.view_permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, self.view_permission)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request.user, self.manage_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
