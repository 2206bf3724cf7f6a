"""What the resources `logs` and `content-policy` take and show."""

from typing import Any

from rest_framework import serializers

from core.api.credits.shapes import CreditsField
from core.api.serializers import Input, LineField, ListQuery
from core.credits.models import UsageOutcome
from core.usage.models import Keep
from core.usage.policies import MOST_DAYS

OUTCOMES = tuple(UsageOutcome.values)
STATUSES = ("ok", "failed", "4xx", "5xx")


class CallStepOutput(serializers.Serializer[Any]):
    """One step of a call: when it began after the call did, and how long it took."""

    step = serializers.CharField()
    at = serializers.FloatField(help_text="Milliseconds after the call began.")
    ms = serializers.FloatField()


class LogOutput(serializers.Serializer[Any]):
    """One call. What was said in it is asked for on its own."""

    id = serializers.UUIDField(source="request_id")
    began_at = serializers.DateTimeField()
    member = serializers.UUIDField(source="member_id", allow_null=True)
    team = serializers.UUIDField(source="team_id", allow_null=True)
    organization = serializers.UUIDField(source="organization_id", allow_null=True)
    key = serializers.UUIDField(source="key_id", allow_null=True)
    llm = serializers.CharField()
    kind = serializers.CharField()
    is_stream = serializers.BooleanField()
    is_demo = serializers.BooleanField()
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    status = serializers.IntegerField(source="status_code")
    error_code = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_blank=True)
    latency_ms = serializers.IntegerField()
    first_token_ms = serializers.IntegerField(allow_null=True)
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    is_estimated = serializers.BooleanField()
    credits = CreditsField(allow_null=True)
    cost_usd = serializers.DecimalField(max_digits=24, decimal_places=12, allow_null=True)
    deployment = serializers.CharField(allow_blank=True)
    content = serializers.ChoiceField(
        source="content_kind",
        choices=("", Keep.REDACTED, Keep.FULL),
        help_text="How much of what was said is kept; empty: nothing.",
    )


class ChargeOutput(serializers.Serializer[Any]):
    """What one wallet paid."""

    wallet = serializers.UUIDField()
    amount = CreditsField()


class LogDetailOutput(LogOutput):
    """One call in full."""

    steps = CallStepOutput(many=True)
    tried = serializers.ListField(
        child=serializers.CharField(), help_text="Every deployment that was asked, in order."
    )
    passed_over = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()),
        help_text="Which of them failed before another was asked, and why.",
    )
    price = serializers.DictField(help_text="The price row and the factor that were used.")
    guardrails = serializers.ListField(child=serializers.DictField())
    charges = ChargeOutput(many=True)


class LogPageOutput(serializers.Serializer[Any]):
    """A page of logs; `tail` is what to follow from."""

    items = LogOutput(many=True)
    next = serializers.CharField(allow_null=True)


class LogTailOutput(serializers.Serializer[Any]):
    """What was written since; pass `tail` on as `after`."""

    items = LogOutput(many=True)
    tail = serializers.IntegerField()


class ContentOutput(serializers.Serializer[Any]):
    """What was said in a call, after guardrails, as far as it is kept."""

    request = serializers.DictField()
    answer = serializers.ListField(child=serializers.DictField())


class LogFilters(Input):
    """What logs are narrowed by."""

    key = serializers.UUIDField(required=False)
    member = serializers.UUIDField(required=False)
    team = serializers.UUIDField(required=False)
    llm = LineField(required=False, max_length=200)
    status = serializers.RegexField(
        r"^(ok|failed|4xx|5xx|[1-5][0-9][0-9])$",
        required=False,
        help_text="ok, failed, 4xx, 5xx, or one status such as 429.",
    )
    slower_than_ms = serializers.IntegerField(required=False, min_value=0, max_value=3_600_000)
    dearer_than = CreditsField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class LogQuery(LogFilters, ListQuery):
    """Which logs, and how many."""


class TailQuery(LogFilters):
    """Which logs to follow, and since when."""

    after = serializers.IntegerField(
        required=False, min_value=0, max_value=2**62, help_text="`tail` of the answer before."
    )


class ContentPolicyOutput(serializers.Serializer[Any]):
    """What is kept of calls, and for how many days."""

    keep = serializers.ChoiceField(choices=Keep.values)
    days = serializers.IntegerField()


class ContentPolicyInput(Input):
    """What to change of it."""

    keep = serializers.ChoiceField(choices=Keep.values, required=False)
    days = serializers.IntegerField(required=False, min_value=1, max_value=MOST_DAYS)
    reason = LineField(required=False, default="", allow_blank=True, max_length=500)


EXAMPLE: dict[str, Any] = {
    "id": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5c",
    "began_at": "2026-11-25T09:30:00Z",
    "member": None,
    "team": "0198a7c3-1b2c-7d3e-8f40-516273849506",
    "organization": "0198a7c3-1b2c-7d3e-8f40-516273849507",
    "key": "0198a7c3-1b2c-7d3e-8f40-516273849508",
    "llm": "gpt-5-mini",
    "kind": "chat",
    "is_stream": True,
    "is_demo": False,
    "outcome": "ok",
    "status": 200,
    "error_code": "",
    "error": "",
    "latency_ms": 812,
    "first_token_ms": 240,
    "input_tokens": 120,
    "output_tokens": 256,
    "cached_tokens": 0,
    "reasoning_tokens": 0,
    "is_estimated": False,
    "credits": "0.0542",
    "cost_usd": "0.000542000000",
    "deployment": "openai/gpt-5-mini",
    "content": "",
}
DETAIL_EXAMPLE: dict[str, Any] = {
    **EXAMPLE,
    "steps": [
        {"step": "access", "at": 0.1, "ms": 0.4},
        {"step": "reserve", "at": 2.3, "ms": 3.1},
        {"step": "provider", "at": 5.6, "ms": 802.0},
        {"step": "settle", "at": 808.0, "ms": 3.4},
    ],
    "tried": ["azure/gpt-5-mini", "openai/gpt-5-mini"],
    "passed_over": [{"deployment": "azure/gpt-5-mini", "code": "upstream_rate_limited"}],
    "price": {"version": "3", "input": "0.25", "output": "2", "credit_factor": "100"},
    "guardrails": [],
    "charges": [{"wallet": "0198a7c3-1b2c-7d3e-8f40-516273849509", "amount": "0.0542"}],
}
CONTENT_EXAMPLE: dict[str, Any] = {
    "request": {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]},
    "answer": [{"role": "assistant", "content": "Hello!", "finish_reason": "stop"}],
}
