"""The ASGI app: explicit routes and nothing else, and what stands around every request."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from core.gateway import bodies, probing, replies
from core.gateway.dialects import anthropic
from core.gateway.dialects.base import ErrorBody
from core.gateway.errors import (
    InvalidBody,
    LlmNotFound,
    UnknownPath,
    WrongMethod,
    error_body,
    problem_of,
)
from core.gateway.gateway import Gateway
from core.gateway.http import (
    Cors,
    Slashes,
    bearer_of,
    header_of,
    is_small,
    json_response,
    problem_response,
    read_body,
)
from core.gateway.paths import CALL_PATHS, CallPath
from core.gateway.relay import Relay
from core.gateway.settings import GatewaySettings
from core.gateway.snapshots import Credential
from core.kit.addresses import client_address
from core.kit.ids import uuid7
from core.kit.problems import Problem

log = structlog.get_logger(__name__)

OpenGateway = Callable[[], AbstractAsyncContextManager[Gateway]]


def build_app(open_gateway: OpenGateway, *, settings: GatewaySettings) -> Starlette:
    """Return the app. `open_gateway` yields the gateway for as long as the app lives."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_gateway() as gateway:
            app.state.gateway = gateway
            await gateway.start()
            try:
                yield
            finally:
                await gateway.stop()

    return Starlette(
        routes=[
            *(Route(each.path, _Calls(each), methods=["POST"]) for each in CALL_PATHS),
            Route("/v1/messages/count_tokens", _count_tokens, methods=["POST"]),
            Route("/v1/models", _models),
            Route("/v1/models/{name:path}", _model),
            Route(probing.PATH, _test_deployment, methods=["POST"]),
            Route("/healthz", _healthz),
            Route("/readyz", _readyz),
            Route("/metrics", _metrics),
        ],
        middleware=[
            Middleware(Slashes),
            Middleware(Cors, settings=settings),
            Middleware(_Straight),
        ],
        exception_handlers={
            HTTPException: _http_error,
            Problem: _problem,
            ClientDisconnect: _nobody,
            Exception: _fault,
        },
        lifespan=lifespan,
    )


class _Calls:
    """A path that runs calls. Plain ASGI: it needs to hear of a disconnect while it sends."""

    def __init__(self, path: CallPath) -> None:
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = time.monotonic()
        request = Request(scope, receive)
        gateway: Gateway = scope["app"].state.gateway
        try:
            credential = _credential(request)
            key = header_of(request.headers, "idempotency-key")
            agent_id = _agent_id(request)
            if not is_small(request.headers):
                # Who is no caller of ours fills no memory.
                await gateway.know(credential)
            with gateway.bodies.room() as room:
                counted = Request(scope, room.counted(receive))
                body = await self._path.read(counted, gateway.settings)
            call = gateway.open_call(
                credential,
                body,
                idempotency_key=key,
                agent_id=agent_id,
                arrived=arrived,
                traceparent=request.headers.get("traceparent", ""),
            )
        except ClientDisconnect:
            return
        except Problem as problem:
            headers = {"x-request-id": str(uuid7())}
            answer = problem_response(problem, headers=headers, errors=self._path.errors)
            await answer(scope, receive, send)
            return
        await Relay(call, gateway.settings, errors=self._path.errors)(scope, receive, send)


class _Straight:
    """Leads calls past the router, whose search and nested answers cost as much as our own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._calls = {each.path: _Calls(each) for each in CALL_PATHS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        app = self._calls.get(scope["path"], self._app) if is_post else self._app
        await app(scope, receive, send)


async def _count_tokens(request: Request) -> Response:
    gateway: Gateway = request.app.state.gateway
    credential = _credential(request)
    # Counting is work, so nobody has it done who is no caller of ours.
    await gateway.know(credential)
    with gateway.bodies.room() as room:
        counted = Request(request.scope, room.counted(request.receive))
        body = anthropic.read_count(await read_body(counted, gateway.settings))
    principal, tokens = await gateway.count_tokens(credential, body)
    request.scope["cockpit_account"] = principal.account.slug
    return json_response({"input_tokens": tokens}, headers=_headers())


async def _models(request: Request) -> Response:
    principal, llms = await request.app.state.gateway.llms(_credential(request))
    request.scope["cockpit_account"] = principal.account.slug
    return json_response(
        {"object": "list", "data": [replies.model_body(llm) for llm in llms]}, headers=_headers()
    )


async def _model(request: Request) -> Response:
    principal, llms = await request.app.state.gateway.llms(_credential(request))
    request.scope["cockpit_account"] = principal.account.slug
    name = request.path_params["name"]
    for llm in llms:
        if llm.name == name:
            return json_response(replies.model_body(llm), headers=_headers())
    raise LlmNotFound(f"There is no LLM named {name[:200]!r} for this caller.", param="model")


async def _test_deployment(request: Request) -> Response:
    gateway: Gateway = request.app.state.gateway
    with gateway.bodies.room() as room:
        counted = Request(request.scope, room.counted(request.receive))
        body = bodies.parse(await read_body(counted, gateway.settings))
    ticket = probing.read_ticket(str(body.get("ticket", "")))
    verdict = await gateway.test_deployment(ticket)
    return json_response(verdict.body(), headers=_headers())


async def _healthz(_: Request) -> Response:
    return json_response({"status": "ok"})


async def _readyz(request: Request) -> Response:
    gateway: Gateway = request.app.state.gateway
    is_ready = gateway.is_ready and await gateway.reaches_ledger()
    return json_response(
        {"status": "ready" if is_ready else "not ready", "calls": gateway.calls},
        status=200 if is_ready else 503,
    )


async def _metrics(request: Request) -> Response:
    await request.app.state.gateway.backlog.measure()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _credential(request: Request) -> Credential:
    team = header_of(request.headers, "x-cockpit-team")
    settings: GatewaySettings = request.app.state.gateway.settings
    address = client_address(
        request.client.host if request.client else "",
        ",".join(request.headers.getlist("x-forwarded-for")),
        proxies=settings.proxies,
    )
    account = header_of(request.headers, "x-cockpit-account")
    return Credential(bearer_of(request.headers), team or None, address, account)


def _agent_id(request: Request) -> UUID | None:
    value = header_of(request.headers, "x-cockpit-agent")
    try:
        return UUID(value) if value else None
    except ValueError:
        raise InvalidBody(
            "The header X-Cockpit-Agent must be an agent's id.", param="X-Cockpit-Agent"
        ) from None


def _headers() -> dict[str, str]:
    return {"x-request-id": str(uuid7())}


async def _http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    path = request.url.path
    if status == 405:
        problem: Problem = WrongMethod(f"{path} does not take {request.method}.")
    else:
        problem = UnknownPath(f"The gateway has nothing at {path[:200]}.{_hint(path)}")
    # RFC 9110: a 405 says in `Allow` which methods there are.
    headers = {**(getattr(error, "headers", None) or {}), **_headers()}
    return problem_response(problem, headers=headers, errors=_errors_of(request))


async def _problem(request: Request, error: Exception) -> Response:
    return problem_response(problem_of(error), headers=_headers(), errors=_errors_of(request))


async def _nobody(_: Request, __: Exception) -> Response:
    # Nobody reads it; 499 is what proxies write down.
    return Response(status_code=499)


async def _fault(request: Request, error: Exception) -> Response:
    headers = _headers()
    log.error("request_failed", request_id=headers["x-request-id"], exc_info=error)
    return problem_response(problem_of(error), headers=headers, errors=_errors_of(request))


def _errors_of(request: Request) -> ErrorBody:
    """Return in whose shape a client hears of an error."""
    is_anthropic = request.url.path.startswith("/v1/messages")
    return anthropic.error_body if is_anthropic else error_body


def _hint(path: str) -> str:
    """Return what to do instead, for paths that SDKs know and the gateway does not serve."""
    return next((f" {hint}" for start, hint in _ELSEWHERE if path.startswith(start)), "")


_BATCHES = "Batches would run later, past guardrails and credits: make single calls."
_KEPT = "Nothing is kept between calls: send what a call needs along with it."
_ELSEWHERE = (
    ("/v1/batches", _BATCHES),
    ("/v1/messages/batches", _BATCHES),
    ("/v1/responses/", _KEPT),
    ("/v1/chat/completions/", _KEPT),
    ("/v1/conversations", _KEPT),
    ("/v1/files", _KEPT),
    ("/v1/uploads", _KEPT),
    ("/v1/vector_stores", _KEPT),
    ("/v1/assistants", _KEPT),
    ("/v1/threads", _KEPT),
    ("/v1/images/", "Pictures are made from words, at /v1/images/generations."),
    ("/v1/audio/", "Sound goes to /v1/audio/transcriptions and comes from /v1/audio/speech."),
    ("/v1/realtime", "Use /v1/chat/completions with a stream."),
)
