"""Values of audit entries as people read them."""

from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

register = template.Library()


@register.filter
def plain(value: Any) -> Any:
    """A value of an entry in words: lists with commas, yes and no, a dash for nothing."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    return value


@register.filter
def kind(name: str) -> str:
    """A kind of actor or target in words: `client_app` is "client app"."""
    return name.replace("_", " ").replace("llm", "LLM")
