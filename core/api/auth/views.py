"""Tokens and public keys for clients, and session tokens for the cockpit's own pages."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from django.conf import settings
from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api import problems, throttling
from core.api.auth import documents, grants
from core.api.auth.requests import Parameters, client_id_in, client_of, parameters_of
from core.api.auth.serializers import SessionTokenInput
from core.api.authentication import SessionAuthentication
from core.api.parsers import SafeFormParser
from core.api.permissions import HasCodename, Open
from core.hierarchy.product import product_named
from core.hierarchy.seats import seat_of_user
from core.identity.models import User
from core.tenancy.hosts import account_url
from core.tenancy.policy import policy_version
from core.tokens.errors import (
    InvalidClient,
    InvalidRequest,
    OAuthError,
    UnsupportedGrantType,
)
from core.tokens.issuing import gateway_audience, issue_user_token, issuer
from core.tokens.keyring import key_ring
from core.tokens.scopes import GATEWAY
from core.tokens.services import AppWithSecret

# RFC 6749, section 5.1: nobody on the way may keep a token.
_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_LARGEST_FORM = 64 * 1024


def handle_as_oauth(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answer every error of the token endpoint in OAuth's own shape."""
    response = problems.handle(error, context)
    code = "invalid_request"
    if isinstance(error, OAuthError):
        code = error.code
    elif response.status_code == 429:
        code = "temporarily_unavailable"
    response.data = {
        "error": "server_error" if response.status_code >= 500 else code,
        "error_description": _plain(str(response.data["detail"])),
    }
    response.content_type = "application/json"
    for name, value in _NOT_KEPT.items():
        response[name] = value
    if response.status_code == 401:
        response["WWW-Authenticate"] = 'Basic realm="cockpit", charset="UTF-8"'
    return response


def _plain(text: str) -> str:
    """Keep to the characters that RFC 6749 allows in a description."""
    ascii_only = text.encode("ascii", "replace").decode()
    return ascii_only.replace('"', "'").replace("\\", "/")


class TokenView(APIView):
    """The token endpoint. It authenticates clients by itself."""

    authentication_classes = ()
    permission_classes = (Open,)
    parser_classes = (SafeFormParser,)

    @documents.token  # type: ignore[untyped-decorator]
    def post(self, request: Request) -> Response:
        """Exchange a client's credentials, or an assertion about a member, for a token.

        Call it at the account's own host, or at the public host with `X-Cockpit-Account`. Tokens
        live for five minutes.
        """
        if _length_of(request) > _LARGEST_FORM:
            raise InvalidRequest("The request is too large.")
        # Without a body DRF has no form for us, but an empty mapping.
        form = request.data if isinstance(request.data, QueryDict) else QueryDict()
        parameters = parameters_of(form)
        grant = parameters.need("grant_type")
        if grant not in grants.GRANTS:
            raise UnsupportedGrantType(f"On offer are {' and '.join(grants.GRANTS)}.")
        if getattr(request, "account", None) is None:
            raise InvalidRequest("Call the host of the account, or send X-Cockpit-Account.")
        return Response(self._answer(grant, request, parameters), headers=_NOT_KEPT)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return handle_as_oauth

    def _answer(self, grant: str, request: Request, parameters: Parameters) -> dict[str, Any]:
        account, client = request.account, _client_of(request, parameters)  # type: ignore[attr-defined]
        if grant == grants.CLIENT_CREDENTIALS:
            token = grants.service_token(account=account, client=client, parameters=parameters)
            kind = {}
        else:
            token = grants.exchanged_token(
                account=account, client=client, parameters=parameters, urls=_urls_of(request)
            )
            kind = {"issued_token_type": grants.TYPE_ACCESS_TOKEN}
        return {
            "access_token": token.value,
            **kind,
            "token_type": "Bearer",
            "expires_in": token.expires_in,
            "scope": token.scope,
        }


class KeySetView(APIView):
    """The public keys of Cockpit's tokens."""

    authentication_classes = ()
    permission_classes = (Open,)

    @documents.key_set  # type: ignore[untyped-decorator]
    def get(self, request: Request) -> Response:
        """Return a JSON Web Key Set. Read it again when a token names a key that it lacks."""
        return Response(key_ring().jwks(), headers={"Cache-Control": "public, max-age=300"})


class SessionTokenView(APIView):
    """A page's token for the gateway, from its session."""

    product: ClassVar[str] = ""
    authentication_classes = (SessionAuthentication,)
    permission_classes = (HasCodename,)

    @property
    def write_permission(self) -> str:
        """Return the codename of who may use the product."""
        return f"{self.product}.use"

    read_permission = write_permission

    @documents.session_token  # type: ignore[untyped-decorator]
    def post(self, request: Request) -> Response:
        """Return a user token of five minutes for the signed-in member, for the gateway only."""
        chosen = SessionTokenInput(data=request.data)
        chosen.is_valid(raise_exception=True)
        version = policy_version()
        seat = seat_of_user(
            product_named(self.product),
            cast("User", request.user).pk,
            team=chosen.validated_data.get("team"),
        )
        token = issue_user_token(
            account=request.account,  # type: ignore[attr-defined]
            product=self.product,
            user_id=seat.user_id,
            member_id=seat.member_id,
            team_id=seat.team_id,
            scopes=frozenset({GATEWAY}),
            policy_version=version,
            meant_for=(gateway_audience(),),
        )
        body = {
            "access_token": token.value,
            "token_type": "Bearer",
            "expires_in": token.expires_in,
            "gateway_url": settings.GATEWAY_URL,
        }
        return Response(body, headers=_NOT_KEPT)


def _client_of(request: Request, parameters: Parameters) -> AppWithSecret:
    """Return who authenticates, unless too many wrong secrets came from there already.

    Counted by address, so that nobody can lock a client out by guessing its secret elsewhere.
    """
    address = throttling.address_of(request)
    one = f"{address} {client_id_in(request, parameters)}"
    throttling.check(throttling.WRONG_SECRETS, one)
    throttling.check(throttling.WRONG_SECRETS_OF_ADDRESS, address)
    try:
        return client_of(request, parameters)
    except InvalidClient:
        throttling.count(throttling.WRONG_SECRETS, one)
        throttling.count(throttling.WRONG_SECRETS_OF_ADDRESS, address)
        raise


def _length_of(request: Request) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _urls_of(request: Request) -> frozenset[str]:
    """Return the URLs that an assertion may name: as it was called, and as it is known.

    It is known under the public host and under the account's, whichever of them was called.
    """
    path = request.path
    known = (issuer(), account_url(request.account))  # type: ignore[attr-defined]
    return frozenset({request.build_absolute_uri(path), *(f"{base}{path}" for base in known)})
