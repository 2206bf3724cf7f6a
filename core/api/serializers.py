"""Bases of input classes, and the documents that every endpoint may answer with."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail


class Input(serializers.Serializer[Any]):
    """Input of an endpoint: a field that does not exist is an error, not a silent nothing."""

    def to_internal_value(self, data: Any) -> Any:
        known = super().to_internal_value(data)
        unknown = set(data) - set(self.fields)
        if unknown:
            fault = ErrorDetail("There is no such field.", "unknown")
            raise serializers.ValidationError({str(name): [fault] for name in sorted(unknown)})
        return known


class FaultOutput(serializers.Serializer[Any]):
    """One fault of the input."""

    pointer = serializers.CharField(help_text="JSON pointer to the field.")
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
