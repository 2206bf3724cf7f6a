"""Sends what schemathesis makes of an OpenAPI document to the product, in this process.

Each call is undone, so that the next one finds the cast as it was.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import schemathesis
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.tenancy.connection import connection

CONFORMS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_MODES = tuple(schemathesis.GenerationMode)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, from where, and which ids they know."""

    base_url: str
    headers: Mapping[str, str]
    ids: Mapping[str, UUID | str]
    checks: tuple[Any, ...] = tuple(CONFORMS)


def undoing_app() -> Callable[..., Iterable[bytes]]:
    """Return the product as a WSGI application whose changes do not last."""
    handler = WSGIHandler()
    # They would close the connection that holds the test's transaction.
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        before = connection.tenant
        # werkzeug's client, which schemathesis sends with, takes a header Cookie away.
        environ["HTTP_COOKIE"] = environ.pop("HTTP_X_TEST_COOKIE", "")
        with transaction.atomic():
            response: Any = handler(environ, start_response)
            body = b"".join(response)
            response.close()
            transaction.set_rollback(True)
        connection.set_tenant(before)
        return [body]

    return app


def keep_connections_again() -> None:
    """Take back what `undoing_app` did to Django's signals."""
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


def fuzz(
    document: dict[str, Any],
    *,
    app: Any,
    caller: Caller,
    examples: int,
    watch: Callable[[Any, Any], None] | None = None,
) -> dict[int, int]:
    """Send examples to every operation of a document; return how often each status came.

    `watch` looks at each case and its response, and raises where it does not like them.
    """
    seen: dict[int, int] = {}
    for result in from_dict(document).get_all_operations():
        operation = result.ok()
        _fuzz_operation(operation, app, caller, examples, watch, seen)
    return seen


def _fuzz_operation(
    operation: Any,
    app: Any,
    caller: Caller,
    examples: int,
    watch: Callable[[Any, Any], None] | None,
    seen: dict[int, int],
) -> None:
    names = [name for name in caller.ids if f"{{{name}}}" in operation.path]
    known = {name: str(caller.ids[name]) for name in names}
    cases = [operation.as_strategy(generation_mode=mode) for mode in _MODES]
    if known:
        # Made-up ids alone would only ever find that nothing is there.
        cases += [
            operation.as_strategy(generation_mode=mode, path_parameters=known) for mode in _MODES
        ]

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategies.one_of(cases))
    def send(case: Any) -> None:
        response = case.call(base_url=caller.base_url, app=app, headers=dict(caller.headers))
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        case.validate_response(response, checks=list(caller.checks))
        if watch is not None:
            watch(case, response)

    send()
