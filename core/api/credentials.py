"""How a caller showed who they are, and who stands in the audit entries for it."""

from dataclasses import dataclass
from typing import Any, Literal, cast

import structlog
from rest_framework.request import Request

from core.audit.services import Actor
from core.tokens.models import ClientApp

# What a refusal for want of a credential asks for.
CHALLENGE = 'Bearer realm="cockpit"'

Kind = Literal["session", "user", "service"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a caller showed who they are; it stands in `request.auth`.

    A session has no scopes and no product: it is the user, in everything the user may do.
    """

    kind: Kind
    product: str = ""
    scopes: frozenset[str] = frozenset()
    client_app: ClientApp | None = None


class ServiceUser:
    """A client app that acts for itself; it stands in `request.user` and carries no codename."""

    is_authenticated = True
    is_active = False

    def __init__(self, app: ClientApp) -> None:
        self.app = app
        self.pk = app.pk

    def __str__(self) -> str:
        return self.app.name


def principal_of(request: Request) -> str:
    """Return who is calling, as one word that limits and idempotency keys belong to."""
    credentials, user = request.auth, cast("Any", request.user)
    assert isinstance(credentials, Credentials)
    app = credentials.client_app
    if app is None:
        return f"user:{user.pk}"
    if isinstance(user, ServiceUser):
        return f"app:{app.pk}"
    return f"app:{app.pk} user:{user.pk}"


def actor_of(request: Request) -> Actor:
    """Return who stands in the audit entries of a call: the app, on behalf of whom it acts for."""
    credentials = request.auth
    assert isinstance(credentials, Credentials)
    context = {
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        "address": request.META.get("REMOTE_ADDR", "")[:64],
    }
    app, user = credentials.client_app, cast("Any", request.user)
    if app is None:
        return Actor("user", str(user.pk), str(user), **context)
    behalf = "" if isinstance(user, ServiceUser) else str(user)
    return Actor("client_app", str(app.pk), app.name, on_behalf_of=behalf, **context)
