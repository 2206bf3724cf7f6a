"""Filters of admin lists: menus above the list, each saying what it shows at the moment."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class MenuFilter(SimpleListFilter):
    """A filter of a few choices, the first of which is in force until another is chosen.

    A subclass gives `options` as (value, label), or overrides `lookups`, and narrows in `narrow`.
    """

    template = "cockpit/list_filter.html"
    options: tuple[tuple[str, Any], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Any:
        return self.options

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1

    @property
    def current(self) -> str:
        """The value in force."""
        asked = str(self.value() or "")
        is_offered = any(str(value) == asked for value, _label in self.lookup_choices)
        return asked if is_offered else str(self.lookup_choices[0][0])

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        default = str(self.lookup_choices[0][0])
        name, current = str(self.parameter_name), self.current
        for value, label in self.lookup_choices:
            is_default = str(value) == default
            yield {
                "selected": str(value) == current,
                "query_string": changelist.get_query_string(
                    {} if is_default else {name: value},
                    [name] if is_default else [],
                ),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return self.narrow(queryset, self.current)

    def narrow(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the rows that a choice shows."""
        raise NotImplementedError


class ArchivedFilter(MenuFilter):
    """What is in use, what is archived, or both. Archived rows are out of sight by default."""

    title = _("state")
    parameter_name = "state"
    options = (("active", _("In use")), ("archived", _("Archived")), ("all", _("All")))

    def narrow(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == "all":
            return rows
        return rows.filter(archived_at__isnull=value == "active")
