"""Lists every route of a URL configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.urls import URLPattern, URLResolver
from django.urls.resolvers import RoutePattern


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One route as it stands in the URL configuration, and the view behind it."""

    path: str
    view: str

    @property
    def is_ours(self) -> bool:
        """Whether the view is the product's own, and not Django's list of a model."""
        ours = {"cockpit", "superadmin", "copilot", "console", "core"}
        return self.view.split(".")[0] in ours and not self.view.endswith(".changelist_view")


def routes_of(urlconf: str) -> list[Route]:
    """Return every route of a URL configuration, sorted."""
    return sorted(set(_walk(import_module(urlconf).urlpatterns, "/")))


def _walk(patterns: list[Any], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + _text(pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            assert isinstance(pattern, URLPattern)
            view = pattern.callback
            view = getattr(view, "view_class", None) or getattr(view, "cls", None) or view
            name = getattr(view, "__qualname__", type(view).__qualname__)
            yield Route(path, f"{view.__module__}.{name}")


def _text(pattern: Any) -> str:
    route = pattern.pattern
    if isinstance(route, RoutePattern):
        return str(route)
    return str(route).removeprefix("^").removesuffix("$").removesuffix("\\Z")
