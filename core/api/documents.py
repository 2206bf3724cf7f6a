"""How endpoints are described in the OpenAPI documents: one call for each, problems included."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
    inline_serializer,
)
from rest_framework import serializers

from core.api.serializers import Input, ProblemOutput

PROBLEM = "application/problem+json"
CallableT = TypeVar("CallableT", bound=Callable[..., Any])

_COMMON = {
    400: ("bad_request", "The request makes no sense"),
    401: ("unauthenticated", "Sign in or send a valid token"),
    403: ("not_allowed", "You may not do this"),
    404: ("not_found", "There is no such thing here"),
    406: ("not_acceptable", "We cannot answer in this format"),
    409: ("conflict", "This does not fit the current state"),
    412: ("precondition_failed", "It has changed in the meantime"),
    413: ("body_too_large", "The request is too large"),
    415: ("unsupported_media_type", "We cannot read this format"),
    422: ("invalid_input", "The input is not valid"),
    429: ("throttled", "Too many requests"),
}

IF_MATCH = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    description="An ETag: refuse with 412 if the object has changed since.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    location=OpenApiParameter.HEADER,
    description="An ETag: answer 304 if the object is still the same.",
)
ETAG = OpenApiParameter(
    "ETag",
    location=OpenApiParameter.HEADER,
    response=[200, 201],
    description="Of this representation.",
)


def idempotency_key(*, required: bool) -> OpenApiParameter:
    """Return the header by which a call can be sent again; `required` where it moves or makes."""
    return OpenApiParameter(
        "Idempotency-Key",
        {"type": "string", "pattern": "^[\\x21-\\x7e]{1,200}$"},
        location=OpenApiParameter.HEADER,
        required=required,
        description=(
            "A value of your own, such as a UUID: sending the call again within a day with the "
            "same key does it once and gives the first answer, with `Idempotency-Replayed: true`."
        ),
    )


@dataclass(frozen=True, slots=True)
class Operation:
    """What a document says of one endpoint. `example` is what it answers, `sent` what it takes."""

    id: str
    summary: str
    tag: str
    example: Any
    output: Any = None
    sent: Any = None
    body: type[Input] | None = None
    query: type[Input] | None = None
    status: int = 200
    needs_key: bool = False
    # Of an answer that is a file.
    media: str = ""
    parameters: Sequence[OpenApiParameter] = ()
    # Statuses beyond those that any endpoint may answer.
    refusals: Sequence[int] = ()
    scopes: Sequence[str] = field(default_factory=tuple)


def documented(operation: Operation, *, method: str) -> Callable[[CallableT], CallableT]:
    """Describe an endpoint."""
    # Else spectacular documents what an action named `list` answers as an array of pages.
    if isinstance(operation.output, type):
        extend_schema_serializer(many=False)(operation.output)
    decorated: Callable[[CallableT], CallableT] = extend_schema(
        operation_id=operation.id,
        summary=operation.summary,
        tags=[operation.tag],
        parameters=_parameters(operation, method),
        request=operation.body,
        responses=_responses(operation, method),
        examples=_examples(operation, method),
    )
    return decorated


def page_output(name: str, item: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Return the shape of a page of a list."""
    shape: serializers.Serializer[Any] = inline_serializer(
        name,
        {
            "items": item(many=True),
            "next": serializers.CharField(
                allow_null=True, help_text="The cursor of the next page; null after the last."
            ),
        },
    )
    extend_schema_serializer(many=False)(type(shape))
    return shape


def page_example(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of one item as an example."""
    return {"items": [dict(item)], "next": None}


def _parameters(operation: Operation, method: str) -> list[Any]:
    found: list[Any] = [*operation.parameters]
    if operation.query is not None:
        found.append(operation.query)
    if method == "POST":
        found.append(idempotency_key(required=operation.needs_key))
    return found


def _responses(operation: Operation, method: str) -> dict[Any, Any]:
    answer = operation.output
    if answer is None:
        answer = OpenApiResponse(description="Done.")
    status: Any = (operation.status, operation.media) if operation.media else operation.status
    found: dict[Any, Any] = {status: answer}
    if IF_NONE_MATCH in operation.parameters:
        found[304] = OpenApiResponse(description="It is as the caller knows it.")
    for status in _refusals(operation, method):
        found[status, PROBLEM] = ProblemOutput
    return found


def _refusals(operation: Operation, method: str) -> list[int]:
    found = {401, 403, 406, 422, 429, *operation.refusals}
    if method in {"POST", "PATCH", "PUT"}:
        found |= {400, 413, 415}
    if method != "GET":
        found.add(409)
    if IF_MATCH in operation.parameters:
        found.add(412)
    return sorted(found)


def _examples(operation: Operation, method: str) -> list[OpenApiExample]:
    found = []
    if operation.sent is not None:
        found.append(OpenApiExample("Request", value=operation.sent, request_only=True))
    if operation.output is not None and not operation.media:
        found.append(
            OpenApiExample(
                "Answer",
                value=operation.example,
                response_only=True,
                status_codes=[str(operation.status)],
            )
        )
    return [*found, *(_refusal_example(status) for status in _refusals(operation, method))]


def _refusal_example(status: int) -> OpenApiExample:
    code, title = _COMMON[status]
    value: dict[str, Any] = {
        "type": f"/problems/{code.replace('_', '-')}",
        "title": title,
        "status": status,
        "code": code,
        "detail": title,
    }
    if status == 422:
        value["detail"] = "This field is required."
        value["errors"] = [
            {"pointer": "/name", "code": "required", "detail": "This field is required."}
        ]
    return OpenApiExample(
        f"Problem {status}",
        value=value,
        response_only=True,
        status_codes=[str(status)],
        media_type=PROBLEM,
    )
