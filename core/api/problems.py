"""One handler turns whatever a view raises into an RFC 9457 problem document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError as DjangoValidationError,
)
from django.core.signals import got_request_exception
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import set_rollback

from core.api.credentials import CHALLENGE
from core.kit.problems import (
    BadRequest,
    BodyTooLarge,
    InternalError,
    InvalidInput,
    MalformedBody,
    MethodNotAllowed,
    NotAcceptable,
    NotAllowed,
    NotFound,
    Problem,
    TooManyRequests,
    Unauthenticated,
    UnsupportedMediaType,
)

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Document:
    """A problem document, and the headers that go with it."""

    status: int
    code: str
    title: str
    detail: str
    extensions: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return its members; an extension never hides a standard one."""
        return {
            **self.extensions,
            "type": f"/problems/{self.code.replace('_', '-')}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answer an error of a view. A bug is a 500 with the request id and nothing else of it."""
    set_rollback()
    document = document_of(error)
    if document.status == 500:
        # The log listens to this; and so does the test client, which raises the error again.
        got_request_exception.send(sender=None, request=context["request"]._request)  # noqa: SLF001
    return Response(
        document.body(),
        status=document.status,
        headers=dict(document.headers),
        content_type=CONTENT_TYPE,
    )


def document_of(error: Exception) -> Document:
    """Return the document of an error."""
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(as_serializer_error(error))
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flat(error.get_full_details()))
        error = InvalidInput(errors[0]["detail"] if len(errors) == 1 else "", errors=errors)
    if isinstance(error, Problem) and error.status != 500:
        return Document(
            error.status,
            error.code,
            error.title,
            error.detail,
            error.extensions,
            _headers_of(error),
        )
    if isinstance(error, exceptions.APIException) and error.status_code < 500:
        return _of_api_exception(error)
    for kind, problem in _DJANGO:
        if isinstance(error, kind):
            return Document(problem.status, problem.code, problem.title, problem.detail)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    bug, detail = InternalError, "Quote the request id when you report it."
    return Document(bug.status, bug.code, bug.title, detail, {"request_id": request_id})


_DJANGO: tuple[tuple[type[Exception], Problem], ...] = (
    (Http404, NotFound()),
    (PermissionDenied, NotAllowed()),
    (RequestDataTooBig, BodyTooLarge("Send less at once.")),
    (SuspiciousOperation, BadRequest("Check what is sent.")),
    (UnreadablePostError, BadRequest("The request broke off. Send it again.")),
)

# DRF's code of an error, and what we call it.
_RENAMED: dict[str, type[Problem]] = {
    "not_authenticated": Unauthenticated,
    "authentication_failed": Unauthenticated,
    "permission_denied": NotAllowed,
    "not_found": NotFound,
    "parse_error": MalformedBody,
    "method_not_allowed": MethodNotAllowed,
    "not_acceptable": NotAcceptable,
    "unsupported_media_type": UnsupportedMediaType,
    "throttled": TooManyRequests,
}


def _of_api_exception(error: exceptions.APIException) -> Document:
    ours = _RENAMED.get(error.default_code)
    code = ours.code if ours else error.default_code
    title = ours.title if ours else error.default_detail
    headers = {}
    wait: float | None = getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    if error.status_code == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    return Document(error.status_code, code, str(title), str(error.detail), {}, headers)


def _headers_of(error: Problem) -> dict[str, str]:
    if error.status == 401:
        is_about_token = error.code == "invalid_token"
        return {"WWW-Authenticate": CHALLENGE + (', error="invalid_token"' * is_about_token)}
    if "retry_after_seconds" in error.extensions:
        return {"Retry-After": str(error.extensions["retry_after_seconds"])}
    return {}


def _flat(details: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Walk DRF's nested details of what is wrong; each message gets a JSON pointer (RFC 6901)."""
    if _is_message(details):
        yield {"pointer": pointer, "code": str(details["code"]), "detail": str(details["message"])}
    elif isinstance(details, Mapping):
        for name, inner in details.items():
            step = str(name).replace("~", "~0").replace("/", "~1")
            yield from _flat(inner, pointer if name in _OF_THE_WHOLE else f"{pointer}/{step}")
    else:
        for index, inner in enumerate(details):
            # A field has a list of messages; a list has one entry for each of its items.
            yield from _flat(inner, pointer if _is_message(inner) else f"{pointer}/{index}")


# What DRF and Django call a fault that no single field has.
_OF_THE_WHOLE = frozenset({"non_field_errors", "__all__"})


def _is_message(details: Any) -> bool:
    return isinstance(details, Mapping) and isinstance(details.get("message"), str)
