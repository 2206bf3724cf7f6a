"""Whatever a view raises comes out as a problem document, and a bug says nothing of itself."""

import json
from typing import Any

import pytest
import structlog
from django.core.exceptions import (
    PermissionDenied,
    SuspiciousOperation,
    ValidationError as DjangoValidationError,
)
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.parsers import SafeJSONParser
from core.api.permissions import Open
from core.api.serializers import Input
from core.kit.problems import Conflict, NotFound, Problem, Unauthenticated
from core.tokens.errors import InvalidToken


class Price(Input):
    currency = serializers.CharField(max_length=3)


class Thing(Input):
    name = serializers.CharField(max_length=10)
    amount = serializers.IntegerField(min_value=1, max_value=100, required=False)
    price = Price(required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=3), required=False)
    rows = Price(many=True, required=False)


class WalletEmpty(Conflict):
    code = "wallet_empty"
    title = "The wallet is empty"


class Busy(Problem):
    code = "busy"
    title = "Busy"
    status = 503


class Unreadable(Problem):
    code = "secret_unreadable"
    title = "A stored secret cannot be opened"
    status = 500


class Taking(APIView):
    """Takes a thing, or raises what the test wants."""

    authentication_classes = ()
    permission_classes = (Open,)
    parser_classes = (SafeJSONParser,)
    error: Exception | None = None

    def post(self, request: Request) -> Response:
        if self.error is not None:
            raise self.error
        thing = Thing(data=request.data)
        thing.is_valid(raise_exception=True)
        return Response(thing.validated_data)


class Undeclared(APIView):
    """Declares nothing about who may call."""

    def get(self, request: Request) -> Response:
        return Response("secret")


def call(
    body: bytes | str = b"{}",
    *,
    error: Exception | None = None,
    content_type: str = "application/json",
    method: str = "POST",
    view: Any = None,
    **headers: str,
) -> Any:
    request = RequestFactory().generic(
        method, "/x", body, content_type=content_type, headers=headers
    )
    respond = view or Taking.as_view(error=error)
    return respond(request).render()


def document(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["status"] == response.status_code
    return body


def test_a_problem_keeps_its_code_detail_and_extensions() -> None:
    response = call(error=WalletEmpty("Only 3 are left.", free="3", status="hidden"))

    assert document(response) == {
        "type": "/problems/wallet-empty",
        "title": "The wallet is empty",
        "status": 409,
        "code": "wallet_empty",
        "detail": "Only 3 are left.",
        "free": "3",
    }


@pytest.mark.parametrize(
    ("error", "status", "code", "detail"),
    [
        (NotFound("No such team."), 404, "not_found", "No such team."),
        (Http404("Team matching query"), 404, "not_found", "There is no such thing here"),
        (PermissionDenied("inner"), 403, "not_allowed", "You may not do this"),
        (SuspiciousOperation("inner"), 400, "bad_request", "Check what is sent."),
        (exceptions.NotFound(), 404, "not_found", "Not found."),
        (exceptions.PermissionDenied("CSRF"), 403, "not_allowed", "CSRF"),
        (exceptions.ParseError("Bad."), 400, "malformed_body", "Bad."),
        (Busy("Later."), 503, "busy", "Later."),
    ],
)
def test_expected_failures_have_their_status(
    error: Exception, status: int, code: str, detail: str
) -> None:
    body = document(call(error=error))

    assert (body["status"], body["code"], body["detail"]) == (status, code, detail)


def test_who_is_throttled_learns_when_to_come_back() -> None:
    response = call(error=exceptions.Throttled(wait=4.2))

    assert document(response)["code"] == "throttled"
    assert response["Retry-After"] == "5"
    assert call(error=Busy("Later.", retry_after_seconds=7))["Retry-After"] == "7"


def test_401_names_the_way_to_authenticate() -> None:
    nobody = call(error=Unauthenticated("Who?"))
    expired = call(error=InvalidToken("Expired."))

    assert document(nobody)["code"] == "unauthenticated"
    assert nobody["WWW-Authenticate"] == 'Bearer realm="cockpit"'
    assert expired["WWW-Authenticate"] == 'Bearer realm="cockpit", error="invalid_token"'


# -- input -----------------------------------------------------------------------------------------


def errors_of(body: Any) -> list[tuple[str, str]]:
    response = call(json.dumps(body))
    assert response.status_code == 422
    return [(error["pointer"], error["code"]) for error in document(response)["errors"]]


def test_good_input_passes() -> None:
    response = call('{"name": "x", "amount": 5, "rows": [{"currency": "USD"}]}')

    assert response.status_code == 200


def test_every_fault_is_named_by_a_pointer() -> None:
    assert errors_of(
        {
            "amount": 500,
            "price": {"currency": "DOLLAR"},
            "tags": ["ok", "long", "longer"],
            "rows": [{"currency": "USD"}, {}, {"currency": "EURO"}],
        }
    ) == [
        ("/name", "required"),
        ("/amount", "max_value"),
        ("/price/currency", "max_length"),
        ("/tags/1", "max_length"),
        ("/tags/2", "max_length"),
        ("/rows/1/currency", "required"),
        ("/rows/2/currency", "max_length"),
    ]


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"name": "x", "colour": 1, "size": 2}, [("/colour", "unknown"), ("/size", "unknown")]),
        ({"name": "x", "price": {"currency": "USD", "a/b": 1}}, [("/price/a~1b", "unknown")]),
        ({"name": ["x"]}, [("/name", "invalid")]),
        ({"name": "nul\x00"}, [("/name", "null_characters_not_allowed")]),
        ({"name": "\ud800"}, [("/name", "surrogate_characters_not_allowed")]),
        ({"name": "x", "amount": 10**1000}, [("/amount", "max_value")]),
        ({"name": "x", "amount": -1}, [("/amount", "min_value")]),
        ({"name": "x", "amount": "NaN"}, [("/amount", "invalid")]),
        ({"name": "x", "tags": {"a": 1}}, [("/tags", "not_a_list")]),
        ({"name": "x", "rows": "no"}, [("/rows", "not_a_list")]),
        ([], [("", "invalid")]),
        ("text", [("", "invalid")]),
        (None, [("", "null")]),
    ],
)
def test_wrong_input_is_422(body: Any, faults: list[tuple[str, str]]) -> None:
    assert errors_of(body) == faults


def test_a_single_fault_is_the_detail() -> None:
    body = document(call('{"name": "much too long a name"}'))

    assert body["detail"] == "Ensure this field has no more than 10 characters."


def test_djangos_own_validation_errors_are_input_errors_too() -> None:
    by_field = call(error=DjangoValidationError({"name": ["Too long."], "__all__": ["No."]}))
    plain = call(error=DjangoValidationError(["One.", "Two."]))

    assert by_field.status_code == plain.status_code == 422
    assert [error["pointer"] for error in document(by_field)["errors"]] == ["/name", ""]
    assert [error["detail"] for error in document(plain)["errors"]] == ["One.", "Two."]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'a': 1}",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"amount": 1' + b"0" * 5000 + b"}",
        b"\x00",
    ],
    ids=["open", "quotes", "not utf-8", "nan", "infinity", "deep list", "deep", "digits", "nul"],
)
def test_what_is_not_json_is_400(body: bytes) -> None:
    assert document(call(body))["code"] == "malformed_body"


def test_an_empty_body_is_checked_like_any_other() -> None:
    assert document(call(b""))["errors"][0]["pointer"] == "/name"


def test_another_format_is_415() -> None:
    assert document(call(b"<a/>", content_type="text/xml"))["status"] == 415


def test_a_format_we_cannot_answer_in_is_406() -> None:
    assert document(call(Accept="text/html"))["status"] == 406


def test_a_body_beyond_the_limit_is_413(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    assert document(call(b'{"name": "' + b"x" * 1000 + b'"}'))["code"] == "body_too_large"


def test_another_method_is_405_and_names_those_there_are() -> None:
    response = call(method="DELETE")

    assert document(response)["code"] == "method_not_allowed"
    assert "POST" in response["Allow"]


# -- ours ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("inner words"),
        Unreadable("inner words"),
        exceptions.APIException("inner words"),
    ],
)
def test_a_bug_is_a_500_with_the_request_id_and_nothing_of_itself(error: Exception) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        response = call(error=error)

    assert document(response) == {
        "type": "/problems/internal-error",
        "title": "Something broke on our side",
        "status": 500,
        "code": "internal_error",
        "detail": "Quote the request id when you report it.",
        "request_id": "r-1",
    }


def test_an_endpoint_that_declares_nothing_admits_nobody() -> None:
    assert document(call(method="GET", view=Undeclared.as_view()))["status"] in {401, 403}
