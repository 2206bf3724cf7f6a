"""Small things of HTTP: bodies with a limit, bearer tokens, CORS, responses."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.gateway.dialects.base import ErrorBody
from core.gateway.errors import BodyTooLarge, InvalidBody, InvalidKey, error_body, error_headers
from core.gateway.settings import GatewaySettings
from core.kit.ids import uuid7
from core.kit.problems import Problem

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,8192}")
_HEADER_VALUE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]{1,64}(?:\s*,\s*[A-Za-z0-9-]{1,64}){0,63}")

# A long conversation, without pictures.
SMALL_BODY_BYTES = 256 * 1024

_EXPOSED = (
    "x-request-id, x-cockpit-credits-charged, x-cockpit-guardrails, x-cockpit-ignored, "
    "x-cockpit-demo, retry-after, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
    "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, "
    "x-ratelimit-reset-tokens"
)


def is_small(headers: Headers) -> bool:
    """Whether a request says that its body is of the usual size."""
    declared = headers.get("content-length", "")
    return declared.isdecimal() and len(declared) < 12 and int(declared) <= SMALL_BODY_BYTES


async def read_body(request: Request, settings: GatewaySettings, *, most: int = 0) -> bytes:
    """Return a request's body.

    Raises:
        BodyTooLarge: it is over the limit.
        InvalidBody: it did not come in time.
        ClientDisconnect: nobody is there any more.
    """
    limit = max(most, settings.most_body_bytes)
    too_large = BodyTooLarge(f"A request may have at most {limit // 1024 // 1024} MB.")
    if request.headers.get("content-encoding", "identity").lower() not in {"identity", ""}:
        raise InvalidBody("Send the body as it is, without Content-Encoding.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 12 or int(declared) > limit):
        raise too_large
    parts = bytearray()
    try:
        async with asyncio.timeout(settings.body_seconds):
            async for part in request.stream():
                parts += part
                if len(parts) > limit:
                    raise too_large
    except TimeoutError:
        raise InvalidBody("The body did not arrive in time.") from None
    return bytes(parts)


def bearer_of(headers: Headers) -> str:
    """Return the token of a request.

    Raises:
        InvalidKey: there is none, or it cannot be one.
    """
    given = headers.get("authorization", "")
    if not given and "x-api-key" in headers:
        # Anthropic's SDK has a header of its own.
        given = f"Bearer {headers['x-api-key']}"
    scheme, _, token = given.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise InvalidKey("Send your key as `Authorization: Bearer ck_…`.")
    if not _TOKEN.fullmatch(token):
        raise InvalidKey("This cannot be a key or token.")
    return token


def header_of(headers: Headers, name: str) -> str:
    """Return an optional header of printable characters, or nothing.

    Raises:
        InvalidBody: it holds anything else, or too much.
    """
    value = headers.get(name, "").strip()
    if value and not _HEADER_VALUE.fullmatch(value):
        raise InvalidBody(f"The header {name} must be up to 255 printable characters.", param=name)
    return value


def json_response(
    body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response."""
    return Response(
        orjson.dumps(body), status, headers=dict(headers or {}), media_type="application/json"
    )


def problem_response(
    problem: Problem,
    *,
    headers: Mapping[str, str] | None = None,
    errors: ErrorBody = error_body,
) -> Response:
    """Return a problem in the client's shape, which is OpenAI's unless the path has another."""
    return json_response(
        errors(problem),
        status=problem.status,
        headers={**(headers or {}), **error_headers(problem)},
    )


class Slashes:
    """Forgives a slash too many: clients put paths behind a base address that ends in one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("//"):
            scope = {**scope, "path": "/" + scope["path"].lstrip("/")}
        await self._app(scope, receive, send)


class Cors:
    """Lets the pages of account hosts call, and nobody else's; no cookies are ever involved."""

    def __init__(self, app: ASGIApp, *, settings: GatewaySettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await self._preflight(headers, origin)(scope, receive, send)
            return

        async def send_with_origin(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                # What a call's answer has already; so has every other, whatever became of it.
                if "x-request-id" not in answer:
                    answer["x-request-id"] = str(uuid7())
                answer.append("vary", "Origin")
                # The account is known by now, if the caller could be identified at all.
                if origin and self._settings.allows_origin(origin, scope.get("cockpit_account")):
                    answer["access-control-allow-origin"] = origin
                    answer["access-control-expose-headers"] = _EXPOSED
            await send(message)

        await self._app(scope, receive, send_with_origin)

    def _preflight(self, headers: Headers, origin: str) -> Response:
        if not self._settings.allows_origin(origin, None):
            return Response(
                "This page may not call the gateway.",
                403,
                headers={"x-request-id": str(uuid7())},
                media_type="text/plain",
            )
        wanted = headers.get("access-control-request-headers", "")
        return Response(
            status_code=204,
            headers={
                "x-request-id": str(uuid7()),
                "access-control-allow-origin": origin,
                "access-control-allow-methods": "GET, POST",
                # SDKs in browsers send a dozen headers of their own.
                "access-control-allow-headers": wanted if _HEADER_NAMES.fullmatch(wanted) else "",
                "access-control-max-age": "600",
                "vary": "Origin, Access-Control-Request-Headers",
            },
        )


__all__ = [
    "ClientDisconnect",
    "Cors",
    "Slashes",
    "bearer_of",
    "header_of",
    "is_small",
    "json_response",
    "problem_response",
    "read_body",
]
