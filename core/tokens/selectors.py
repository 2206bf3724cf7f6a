"""Reads of client apps."""

from uuid import UUID

from django.db.models import QuerySet

from core.kit.problems import NotFound
from core.tokens.models import ClientApp


def client_apps(product: str) -> QuerySet[ClientApp]:
    """Return the client apps of a product, revoked ones included, by name."""
    return ClientApp.objects.filter(product=product)


def client_app_named(product: str, app_id: UUID | str) -> ClientApp:
    """Return one client app.

    Raises:
        NotFound: there is none of that id in the product.
    """
    try:
        app = client_apps(product).filter(pk=UUID(str(app_id))).first()
    except ValueError:
        app = None
    if app is None:
        raise NotFound("There is no such client app.")
    return app


def active_client_app(client_id: str) -> ClientApp | None:
    """Return the client app of that client id, unless it is revoked."""
    return ClientApp.objects.filter(client_id=client_id, revoked_at=None).first()
