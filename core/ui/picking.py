"""Choosing one of many: a select where there are few, else a field that searches."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

# More than that nobody scrolls through, and a page should not carry.
MOST_IN_A_SELECT = 50
# What a search shows at a time.
SHOWN = 20


class Picker(forms.Widget):
    """A text field that finds options at `source` as one types; it sends the chosen one's id."""

    template_name = "components/picker.html"

    def __init__(
        self,
        source: str,
        *,
        label_of: Callable[[str], str],
        placeholder: Any = "",
        submits: bool = False,
        attrs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(attrs)
        self.source, self.label_of = source, label_of
        self.placeholder = placeholder or _("Type to search")
        self.submits = submits

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> Any:
        context = self.get_context(name, value, attrs)["widget"]
        text = context["value"] or ""
        return render_to_string(
            self.template_name,
            {
                "name": name,
                "value": text,
                "label": self.label_of(text) if text else "",
                "id": context["attrs"].get("id") or f"pick-{name}",
                "describedby": context["attrs"].get("aria-describedby", ""),
                "source": self.source,
                "placeholder": self.placeholder,
                "required": self.is_required,
                "submits": self.submits,
            },
        )


def pick_if_many(field: "forms.ModelChoiceField[Any]", *, source: str) -> None:
    """Let a form's field search instead of listing all rows, if there are many."""
    rows: Any = field.queryset
    if rows is None or len(rows.order_by().values_list("pk")[: MOST_IN_A_SELECT + 1]) <= (
        MOST_IN_A_SELECT
    ):
        return

    def label_of(value: str) -> str:
        found = rows.filter(pk=value).first() if is_id(value) else None
        return str(field.label_from_instance(found)) if found is not None else ""

    required = field.required
    field.widget = Picker(source, label_of=label_of)
    field.widget.is_required = required


def is_id(text: str) -> bool:
    """Whether a text is an id at all."""
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True
