"""Reading a token request: its parameters, and who the client is. RFC 6749, sections 2.3 and 5."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from django.http import QueryDict
from rest_framework.request import Request

from core.tokens.errors import InvalidClient, InvalidRequest
from core.tokens.services import AppWithSecret, authenticate_client

# An assertion is the longest of them, and one of ours has some 400 characters.
LONGEST_VALUE = 8_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a token request, each there once; an empty one counts as missing."""

    values: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """Return a parameter, or None."""
        return self.values.get(name)

    def need(self, name: str) -> str:
        """Return a parameter.

        Raises:
            InvalidRequest: it is missing.
        """
        value = self.values.get(name)
        if value is None:
            raise InvalidRequest(f"The parameter {name} is missing.")
        return value


def parameters_of(form: QueryDict) -> Parameters:
    """Return the parameters of a form.

    Raises:
        InvalidRequest: one of them comes twice, is too long, or has control characters.
    """
    values = {}
    for name, given in form.lists():
        if len(given) != 1:
            raise InvalidRequest("A parameter is given more than once.")
        if len(given[0]) > LONGEST_VALUE or not given[0].isprintable():
            raise InvalidRequest("A parameter is too long or has control characters.")
        if given[0]:
            values[str(name)] = given[0]
    return Parameters(values)


def client_id_in(request: Request, parameters: Parameters) -> str:
    """Return whom a request says it comes from, whether or not that is true; empty if nobody."""
    try:
        basic = _basic_of(request.headers.get("Authorization"))
    except InvalidClient:
        return ""
    return basic[0] if basic is not None else parameters.get("client_id") or ""


def client_of(request: Request, parameters: Parameters) -> AppWithSecret:
    """Return the client that authenticates by HTTP Basic or by parameters of the body.

    Raises:
        InvalidRequest: it does both.
        InvalidClient: it does neither, is unknown or revoked, or its secret is wrong.
    """
    basic = _basic_of(request.headers.get("Authorization"))
    body_id, body_secret = parameters.get("client_id"), parameters.get("client_secret")
    if basic is None:
        if body_id is None or body_secret is None:
            raise InvalidClient("Send client_id and client_secret, in the body or by HTTP Basic.")
        return authenticate_client(client_id=body_id, client_secret=body_secret)
    client_id, client_secret = basic
    if body_secret is not None or body_id not in {None, client_id}:
        raise InvalidRequest("Authenticate once: in the body or by HTTP Basic.")
    return authenticate_client(client_id=client_id, client_secret=client_secret)


def _basic_of(header: str | None) -> tuple[str, str] | None:
    """Return id and secret of an Authorization header; both are form-encoded inside the base64."""
    if header is None:
        return None
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("The only scheme here is HTTP Basic.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidClient("The Authorization header is not HTTP Basic.") from None
    name, colon, secret = text.partition(":")
    name, secret = unquote_plus(name), unquote_plus(secret)
    if not colon or not name.isprintable() or not secret.isprintable():
        raise InvalidClient("The Authorization header is not HTTP Basic.")
    return name, secret
