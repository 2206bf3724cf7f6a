"""The OpenAPI documents say what the endpoints do, and stand in the repository."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api import schema
from core.api.schema import Api, SchemaFaulty, apis, document_of


def test_the_documents_are_up_to_date() -> None:
    call_command("export_openapi", "--check")


def test_a_document_that_is_missing_or_differs_is_drift(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"auth-v1\.yaml"):
        call_command("export_openapi", "--check", "--folder", str(tmp_path))

    call_command("export_openapi", "--folder", str(tmp_path))
    call_command("export_openapi", "--check", "--folder", str(tmp_path))
    (tmp_path / "auth-v1.yaml").write_text("openapi: 3.1.1\n")
    with pytest.raises(CommandError, match=r"auth-v1\.yaml"):
        call_command("export_openapi", "--check", "--folder", str(tmp_path))


def test_every_operation_has_an_example() -> None:
    for api in apis():
        text = document_of(api)
        assert text.count("operationId:") > 0
        assert text.count("examples:") >= text.count("operationId:")


def test_an_endpoint_that_leaves_spectacular_guessing_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Vague(APIView):
        def get(self, request: object) -> Response:
            return Response({})

    api = Api("x", "X", "", lambda: [path("x", Vague.as_view())])

    with pytest.raises(SchemaFaulty, match="Vague"):
        document_of(api)
    with monkeypatch.context() as patch:
        patch.setitem(schema._apis, "x", api)
        with pytest.raises(CommandError, match="not described"):
            call_command("export_openapi", "--check")
