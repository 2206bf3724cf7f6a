"""Bases of input classes, and the documents that every endpoint may answer with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from core.api.pagination import DEFAULT_LIMIT, LARGEST_LIMIT


class Input(serializers.Serializer[Any]):
    """Input of an endpoint: a field that does not exist is an error, not a silent nothing.

    With `has_types` in its context, as JSON has and parameters of an address have not, a value of
    another type is an error as well, where DRF alone would make text of 5 and a number of "5".
    """

    def to_internal_value(self, data: Any) -> Any:
        if self.context.get("has_types") and isinstance(data, Mapping):
            self._refuse_other_types(data)
        known = super().to_internal_value(data)
        unknown = set(data) - set(self.fields)
        if unknown:
            fault = ErrorDetail("There is no such field.", "unknown")
            raise serializers.ValidationError(
                {_printable(name): [fault] for name in sorted(unknown)}
            )
        return known

    def _refuse_other_types(self, data: Mapping[str, Any]) -> None:
        faults: dict[str, list[ErrorDetail]] = {}
        for field in self._writable_fields:
            value = data.get(str(field.field_name))
            for kinds, wanted, detail in _TYPES:
                if isinstance(field, kinds) and value is not None and type(value) is not wanted:
                    faults[str(field.field_name)] = [ErrorDetail(detail, "invalid")]
        if faults:
            raise serializers.ValidationError(faults)


# Kinds of fields, the one type that JSON has for them, and what to say of any other.
_TYPES: tuple[tuple[tuple[type, ...], type, str], ...] = (
    (
        (serializers.CharField, serializers.UUIDField, serializers.DateTimeField),
        str,
        "Send a string.",
    ),
    ((serializers.IntegerField,), int, "Send a whole number."),
    ((serializers.BooleanField,), bool, "Send true or false."),
)


class LineField(serializers.CharField):
    """One line of text that people read: no control characters, nothing that is not printable."""

    default_error_messages = {"unprintable": "Enter one line without control characters."}

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if not text.isprintable():
            self.fail("unprintable")
        return text


class StateField(serializers.ChoiceField):
    """A word that follows from the whole object: how far it is in, or what came of it."""

    def __init__(self, state_of: Callable[[Any], str], *, choices: Sequence[str]) -> None:
        super().__init__(choices=choices, source="*", read_only=True)
        self.state_of = state_of

    def to_representation(self, value: Any) -> str:
        return self.state_of(value)


class ListQuery(Input):
    """What the address of every list may say."""

    limit = serializers.IntegerField(
        required=False,
        default=DEFAULT_LIMIT,
        min_value=1,
        max_value=LARGEST_LIMIT,
        help_text="How many at most.",
    )
    cursor = LineField(
        required=False, max_length=64, help_text="`next` of the page before, as it was given."
    )


class PreviewQuery(Input):
    """Whether to do it, or only to say what would come of it."""

    preview = serializers.ChoiceField(
        required=False,
        default="0",
        choices=("0", "1"),
        help_text="1: change nothing, and answer what would happen.",
    )


def _printable(name: Any) -> str:
    """Return a name that was sent, without what no document can carry (lone surrogates)."""
    return str(name).encode("utf-8", "replace").decode()


class FaultOutput(serializers.Serializer[Any]):
    """One fault of the input."""

    pointer = serializers.CharField(
        required=False, help_text="JSON pointer to the field of the body."
    )
    parameter = serializers.CharField(
        required=False, help_text="Name of the parameter of the address, instead of a pointer."
    )
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemOutput(serializers.Serializer[Any]):
    """A problem document (RFC 9457). `code` is stable; title and detail are for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = FaultOutput(many=True, required=False)  # type: ignore[assignment]  # DRF's own name
