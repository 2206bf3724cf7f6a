"""Who is calling the REST API: a page's session, a user token, or a client app's token."""

from typing import Any

from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication as DrfSessionAuthentication,
)
from rest_framework.request import Request

from core.api.credentials import CHALLENGE, Credentials, ServiceUser
from core.hierarchy.product import product_named
from core.hierarchy.seats import seat_of_user
from core.hierarchy.sharing import acts_for
from core.identity.models import User
from core.kit.problems import NotAllowed, Unauthenticated
from core.tokens.errors import InvalidToken
from core.tokens.issuing import api_audience, read_token
from core.tokens.jwt import ServiceToken, UserToken
from core.tokens.models import ClientApp
from core.tokens.selectors import active_client_app


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer` with a token of ours, meant for the API and for this account."""

    def authenticate(self, request: Request) -> tuple[Any, Credentials] | None:
        """Return the user, or the client app, of the token; None if there is no token.

        Raises:
            InvalidToken: the token is not valid, or names another account than host or header.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        read = read_token(token.strip(), audience=api_audience())
        account = getattr(request, "account", None)
        if account is None or account.id != read.account_id or account.slug != read.account:
            raise InvalidToken("The token belongs to another account than host or header name.")
        app = _client_app_of(read)
        if isinstance(read, UserToken):
            credentials = Credentials("user", read.product, read.scopes, app)
            return _user_of(read, app), credentials
        assert app is not None
        return ServiceUser(app), Credentials("service", read.product, read.scopes, app)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class SessionAuthentication(DrfSessionAuthentication):
    """The session of a page, at the account's own host, with the CSRF token on every write."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        return None if found is None else (found[0], Credentials("session"))

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def _client_app_of(token: UserToken | ServiceToken) -> ClientApp | None:
    if not token.client_id:
        return None
    app = active_client_app(token.client_id)
    if app is None or app.product != token.product:
        raise InvalidToken("The client app of this token was revoked.")
    if isinstance(token, UserToken) and not app.act_for_members:
        raise InvalidToken("The client app of this token may not act for members any more.")
    return app


def _user_of(token: UserToken, app: ClientApp | None) -> User:
    product = product_named(token.product)
    try:
        seat = seat_of_user(product, token.user_id)
    except NotAllowed:
        raise Unauthenticated("The member of this token has no active seat any more.") from None
    if app is not None and not acts_for(product, app, token.user_id):
        raise Unauthenticated("The client app of this token is not shared with its member.")
    return User.objects.get(pk=seat.user_id)
