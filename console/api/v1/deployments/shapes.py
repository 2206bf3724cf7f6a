"""What the resource `deployments` takes and shows. Credentials are write-only."""

from typing import Any, get_args

from rest_framework import serializers

from console.models import CheckOutcome
from console.selectors.deployment_health import DeploymentHealth, State, state_of
from core.api.serializers import Input, LineField, ListQuery
from tenants.shapes import CredentialInput, options_field
from tenants.vendors import VENDORS

_VENDORS = [vendor.slug for vendor in VENDORS]
EXAMPLE: dict[str, Any] = {
    "id": "0198a7d1-2b3c-7d4e-8f50-6b7c8d9e0f10",
    "llm": "0198a7d1-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
    "vendor": "azure",
    "upstream_model": "my-gpt-5",
    "api_base": "https://company.openai.azure.com",
    "options": {"api_version": "2025-04-01-preview"},
    "order": 1,
    "weight": 1,
    "timeout_seconds": 60,
    "is_active": True,
    "credential": {"last_four": "3f2a", "sealed_by": "ada@acme.example"},
    "test": {
        "outcome": "ok",
        "detail": "OK",
        "latency_ms": 812,
        "tested_at": "2026-11-25T09:30:00Z",
    },
}
HEALTH_EXAMPLE: dict[str, Any] = {
    "state": "degraded",
    "tries": 1200,
    "failed": 31,
    "p50_ms": 640,
    "p95_ms": 2100,
    "reasons": {"upstream_timeout": 31},
    "hours": [{"began_at": "2026-11-25T09:00:00Z", "tries": 50, "failed": 2}],
}


class CredentialOutput(serializers.Serializer[Any]):
    """All that anybody sees of a credential."""

    last_four = serializers.CharField()
    sealed_by = serializers.CharField()


class CheckOutput(serializers.Serializer[Any]):
    """What came of the last test."""

    outcome = serializers.ChoiceField(choices=CheckOutcome.values)
    detail = serializers.CharField()
    latency_ms = serializers.IntegerField(allow_null=True)
    tested_at = serializers.DateTimeField()


class HealthHourOutput(serializers.Serializer[Any]):
    """One hour of a deployment."""

    began_at = serializers.DateTimeField(source="moment")
    tries = serializers.IntegerField()
    failed = serializers.IntegerField()


class HealthOutput(serializers.Serializer[Any]):
    """How a deployment has done in the last day."""

    state = serializers.ChoiceField(
        choices=get_args(State),
        help_text="By its newest calls; `idle`, `broken` and `untested` by its last test.",
    )
    tries = serializers.IntegerField()
    failed = serializers.IntegerField()
    p50_ms = serializers.IntegerField(allow_null=True)
    p95_ms = serializers.IntegerField(allow_null=True)
    reasons = serializers.DictField(
        child=serializers.IntegerField(), help_text="How often each code was the reason."
    )
    hours = HealthHourOutput(many=True)

    def to_representation(self, instance: DeploymentHealth) -> dict[str, Any]:
        return dict(
            super().to_representation(
                {
                    "state": state_of(self.context["deployment"], instance),
                    "tries": instance.tries,
                    "failed": instance.failed,
                    "p50_ms": _whole(instance.p50),
                    "p95_ms": _whole(instance.p95),
                    "reasons": dict(instance.reasons.most_common()),
                    "hours": instance.hours,
                }
            )
        )


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


class DeploymentOutput(serializers.Serializer[Any]):
    """One place where an own LLM runs."""

    id = serializers.UUIDField()
    llm = serializers.UUIDField()
    vendor = serializers.ChoiceField(choices=_VENDORS)
    upstream_model = serializers.CharField()
    api_base = serializers.CharField()
    options = serializers.DictField(child=serializers.CharField())
    order = serializers.IntegerField()
    weight = serializers.IntegerField()
    timeout_seconds = serializers.IntegerField()
    is_active = serializers.BooleanField()
    credential = CredentialOutput(allow_null=True)
    test = CheckOutput(allow_null=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        names = ("id", "vendor", "upstream_model", "api_base", "options", "order", "weight",
                 "timeout_seconds", "is_active")  # fmt: skip
        return dict(
            super().to_representation(
                {
                    **{name: getattr(instance, name) for name in names},
                    "llm": instance.llm_id,
                    "credential": self.context.get("credential"),
                    "test": _test_of(instance),
                }
            )
        )


def _test_of(deployment: Any) -> dict[str, Any] | None:
    if deployment.tested_at is None:
        return None
    return {
        "outcome": deployment.test_outcome,
        "detail": deployment.test_detail,
        "latency_ms": deployment.test_latency_ms,
        "tested_at": deployment.tested_at,
    }


class DeploymentQuery(ListQuery):
    """Which deployments."""

    llm = serializers.UUIDField(required=False, help_text="Only those of this own LLM.")


class DeploymentChangeInput(Input):
    """What is to change; what is left out stays."""

    upstream_model = LineField(required=False, max_length=120)
    api_base = LineField(required=False, max_length=300, allow_blank=True)
    options = options_field()
    order = serializers.IntegerField(required=False, min_value=1, max_value=100)
    weight = serializers.IntegerField(required=False, min_value=0, max_value=1_000)
    timeout_seconds = serializers.IntegerField(required=False, min_value=1, max_value=600)
    is_active = serializers.BooleanField(required=False)


class DeploymentInput(Input):
    """A new deployment of an own LLM."""

    llm = serializers.UUIDField()
    vendor = serializers.ChoiceField(choices=_VENDORS)
    upstream_model = LineField(max_length=120)
    api_base = LineField(required=False, max_length=300, allow_blank=True)
    options = options_field()
    credential = CredentialInput(required=False)
    order = serializers.IntegerField(required=False, min_value=1, max_value=100)
    weight = serializers.IntegerField(required=False, min_value=0, max_value=1_000)
    timeout_seconds = serializers.IntegerField(required=False, min_value=1, max_value=600)
