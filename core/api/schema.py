"""The OpenAPI documents: which there are, how they are built, how one authenticates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.validation import validate_schema

from core.access.permissions import PRODUCTS


@dataclass(frozen=True, slots=True)
class Api:
    """One API with a document of its own. `patterns` are its routes, as they are mounted."""

    name: str
    title: str
    description: str
    patterns: Callable[[], list[URLPattern | URLResolver]]
    # Those that stand for no authentication class of ours.
    security_schemes: Mapping[str, Any] = field(default_factory=dict)


class SchemaFaulty(Exception):
    """An endpoint is described so poorly that its document would mislead."""


def register(api: Api) -> None:
    """Declare an API, so that its document is written and checked."""
    _apis[api.name] = api


def register_product(*, slug: str, title: str, urls: str) -> None:
    """Declare the REST API of a product by the module of its routes."""
    register(
        Api(
            name=f"{slug}-v1",
            title=f"Cockpit: {title}",
            description=(
                f"Everything that {title}'s pages can manage. Call the account's own host, or the "
                "public one with `X-Cockpit-Account`. Errors are problem documents (RFC 9457), "
                "lists go by cursor, a POST may carry an `Idempotency-Key`, single objects have "
                "an ETag."
            ),
            patterns=lambda: [path(f"api/{slug}/v1/", include(urls))],
        )
    )


def apis() -> list[Api]:
    """Return every API, by name."""
    return sorted(_apis.values(), key=lambda api: api.name)


def document_of(api: Api) -> str:
    """Return the OpenAPI document of an API, as YAML.

    Raises:
        SchemaFaulty: spectacular had to guess about an endpoint.
    """
    GENERATOR_STATS.reset()
    about = {
        "TITLE": api.title,
        "DESCRIPTION": api.description,
        "APPEND_COMPONENTS": {"securitySchemes": dict(api.security_schemes)},
    }
    with patched_settings(about), GENERATOR_STATS.silence():
        schema = SchemaGenerator(patterns=api.patterns()).get_schema(request=None, public=True)
    # Both caches map a message to how often it came.
    faults = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]  # noqa: SLF001
    if faults:
        raise SchemaFaulty("\n".join(faults))
    validate_schema(schema)
    return str(OpenApiYamlRenderer().render(schema, renderer_context={}).decode())


def _auth_patterns() -> list[URLPattern | URLResolver]:
    from core.api.auth.views import SessionTokenView

    return [
        path("api/auth/v1/", include("core.api.auth.urls")),
        *(
            path(f"api/{slug}/v1/session-token", SessionTokenView.as_view(product=slug))
            for slug in PRODUCTS
        ),
    ]


_apis: dict[str, Api] = {}

register(
    Api(
        name="auth-v1",
        title="Cockpit: tokens",
        description=(
            "How client apps and pages obtain tokens. Errors of the token endpoint have OAuth's "
            "own shape; all others are problem documents (RFC 9457)."
        ),
        patterns=_auth_patterns,
        security_schemes={
            "clientBasic": {
                "type": "http",
                "scheme": "basic",
                "description": "client_id and client_secret; they may stand in the form instead.",
            }
        },
    )
)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    """A user token, or a client app's own."""

    target_class = "core.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token of `POST /api/auth/v1/token`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    """The session of a page."""

    target_class = "core.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": (
                "The account's own pages; every write needs the header X-CSRFToken as well."
            ),
        }
