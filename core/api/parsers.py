"""Readers of bodies that nothing sent can break."""

from collections.abc import Mapping
from typing import IO, Any

from django.http import QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser


class SafeJSONParser(JSONParser):
    """JSON, where nesting that exhausts Python's stack is malformed rather than a fault of ours."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None


class SafeFormParser(FormParser):
    """A form in UTF-8. What is not UTF-8 is malformed, not full of replacement characters."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            # Django would read bytes that are not UTF-8 as Latin-1, and so as other letters.
            form = QueryDict(stream.read().decode("utf-8"))
        except UnicodeDecodeError:
            raise ParseError("The form is not UTF-8.") from None
        if any("\ufffd" in text for name, values in form.lists() for text in (name, *values)):
            raise ParseError("The form is not UTF-8.")
        return form
