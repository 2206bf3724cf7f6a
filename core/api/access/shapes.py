"""What the resources of access take and show."""

from typing import Any

from rest_framework import serializers

from core.access.rules.paths import KINDS
from core.api.serializers import Input, LineField, ListQuery

SWITCH_STATES = ("inherit", "on", "off")

LLM = {"id": "0198a7c1-3c4d-7e5f-8061-7c8d9e0f1a2b", "name": "gpt-5"}
NODE = {"kind": "team", "id": "0198a7c1-4d5e-7f60-8172-8d9e0f1a2b3c", "name": "Support EMEA"}
ORGANIZATION = {"id": "0198a7c1-5e6f-7081-9283-9e0f1a2b3c4d", "name": "Customer Care"}


class AccessNodeOutput(serializers.Serializer[Any]):
    """A node of the hierarchy."""

    kind = serializers.ChoiceField(choices=KINDS)
    id = serializers.UUIDField()
    name = serializers.CharField()


class ThingOutput(serializers.Serializer[Any]):
    """An LLM, or a feature, by name."""

    id = serializers.CharField(help_text="An LLM's id, or a feature's key.")
    name = serializers.CharField()


class CountedOutput(serializers.Serializer[Any]):
    """How many places gain, or lose, one thing."""

    thing = ThingOutput()
    places = serializers.IntegerField()


class OrganizationEffectOutput(serializers.Serializer[Any]):
    """How many places of one organization gain or lose something."""

    organization = ThingOutput()
    gaining = serializers.IntegerField()
    losing = serializers.IntegerField()


class EffectOutput(serializers.Serializer[Any]):
    """Who gains and loses what. Places are counted: somebody in two teams acts from either."""

    places = serializers.IntegerField(help_text="How many places the change touches at all.")
    gains = CountedOutput(many=True)
    losses = CountedOutput(many=True)
    organizations = OrganizationEffectOutput(many=True)


EFFECT = {
    "places": 12,
    "gains": [],
    "losses": [{"thing": LLM, "places": 12}],
    "organizations": [{"organization": ORGANIZATION, "gaining": 0, "losing": 12}],
}


# -- LLMs ------------------------------------------------------------------------------------------


class LlmPriceOutput(serializers.Serializer[Any]):
    """What an LLM costs in credits of the account; null where it does not charge for that."""

    input_credits = serializers.CharField(allow_null=True, help_text="For a million tokens.")
    output_credits = serializers.CharField(allow_null=True, help_text="For a million tokens.")
    image_credits = serializers.CharField(allow_null=True, help_text="For one image.")


class OfferedLlmOutput(serializers.Serializer[Any]):
    """An LLM that the platform offers to the account."""

    id = serializers.UUIDField()
    name = serializers.CharField(help_text="How programs call it.")
    title = serializers.CharField()
    vendor = serializers.CharField()
    kind = serializers.CharField()
    capabilities = serializers.ListField(child=serializers.CharField())
    context_window = serializers.IntegerField()
    max_output_tokens = serializers.IntegerField()
    is_on = serializers.BooleanField(help_text="Whether an account admin has switched it on.")
    price = LlmPriceOutput(allow_null=True)


OFFERED_LLM = {
    **LLM,
    "title": "GPT-5",
    "vendor": "OpenAI",
    "kind": "chat",
    "capabilities": ["tools", "vision"],
    "context_window": 400_000,
    "max_output_tokens": 128_000,
    "is_on": True,
    "price": {"input_credits": "125", "output_credits": "1000", "image_credits": None},
}


class SwitchedLlmOutput(serializers.Serializer[Any]):
    """What switching an LLM does."""

    preview = serializers.BooleanField()
    effect = EffectOutput()
    llm = OfferedLlmOutput()


# -- policies --------------------------------------------------------------------------------------


class LlmPolicyOutput(serializers.Serializer[Any]):
    """What one node says about LLMs, and what follows. Ids are those of `llms`."""

    node = AccessNodeOutput()
    only = serializers.ListField(
        child=serializers.UUIDField(),
        allow_null=True,
        help_text="A list of its own; null inherits, an empty one allows none.",
    )
    add = serializers.ListField(child=serializers.UUIDField())
    block = serializers.ListField(child=serializers.UUIDField())
    is_locked = serializers.BooleanField(help_text="Nothing below may widen it.")
    inherited = serializers.ListField(
        child=serializers.UUIDField(), help_text="What the node above may use."
    )
    usable = serializers.ListField(
        child=serializers.UUIDField(), help_text="What the node may use: what is enforced."
    )


POLICY = {
    "node": NODE,
    "only": [LLM["id"]],
    "add": [],
    "block": [],
    "is_locked": False,
    "inherited": [LLM["id"], "0198a7c1-6f70-7192-a394-0f1a2b3c4d5e"],
    "usable": [LLM["id"]],
}


def _ids(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.UUIDField(), max_length=500, **options)


class LlmPolicyInput(Input):
    """A whole policy: what is left out is empty."""

    only = _ids(required=False, allow_null=True, default=None)
    add = _ids(required=False, default=list)
    block = _ids(required=False, default=list)
    is_locked = serializers.BooleanField(required=False, default=False)
    reason = LineField(required=False, default="", allow_blank=True, max_length=200)


class ChangedPolicyOutput(serializers.Serializer[Any]):
    """What a change of a policy does."""

    preview = serializers.BooleanField()
    effect = EffectOutput()
    policy = LlmPolicyOutput()


class NodeInput(Input):
    """A node by kind and id."""

    kind = serializers.ChoiceField(choices=KINDS)
    id = serializers.UUIDField()


class BulkPolicyInput(Input):
    """One act for many nodes and LLMs at once."""

    nodes = serializers.ListField(child=NodeInput(), min_length=1, max_length=200)
    llms = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=100)
    act = serializers.ChoiceField(choices=("inherit", "allow", "block"))
    reason = LineField(required=False, default="", allow_blank=True, max_length=200)


class BulkAccessOutput(serializers.Serializer[Any]):
    """What a change of many nodes does; all of it is applied, or none."""

    preview = serializers.BooleanField()
    changed = serializers.IntegerField(help_text="How many nodes say something else now.")
    effect = EffectOutput()


# -- features --------------------------------------------------------------------------------------


class FeatureOutput(serializers.Serializer[Any]):
    """A feature of the product."""

    key = serializers.CharField()
    title = serializers.CharField()
    sentence = serializers.CharField(help_text="What it lets people do.")
    is_on_by_default = serializers.BooleanField()
    is_in_plan = serializers.BooleanField(help_text="Whether the account has it at all.")


class FeaturesOutput(serializers.Serializer[Any]):
    """All features of the product."""

    items = FeatureOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="Always null: they come at once.")


FEATURE = {
    "key": "image_generation",
    "title": "Image generation",
    "sentence": "Create images with the LLMs that can.",
    "is_on_by_default": True,
    "is_in_plan": True,
}


class FeatureSwitchOutput(serializers.Serializer[Any]):
    """What one node says about a feature, and what follows."""

    node = AccessNodeOutput()
    feature = serializers.CharField()
    state = serializers.ChoiceField(choices=SWITCH_STATES)
    is_locked = serializers.BooleanField(help_text="Beats everything below.")
    is_on = serializers.BooleanField(help_text="Whether the node has it: what is enforced.")


SWITCH = {
    "node": NODE,
    "feature": "image_generation",
    "state": "off",
    "is_locked": True,
    "is_on": False,
}


class FeatureSwitchInput(Input):
    """What a node says about a feature."""

    state = serializers.ChoiceField(choices=SWITCH_STATES)
    is_locked = serializers.BooleanField(required=False, default=False)
    reason = LineField(required=False, default="", allow_blank=True, max_length=200)


class ChangedSwitchOutput(serializers.Serializer[Any]):
    """What a change of a switch does."""

    preview = serializers.BooleanField()
    effect = EffectOutput()
    switch = FeatureSwitchOutput()


class BulkFeatureInput(Input):
    """One state for many nodes and features at once."""

    nodes = serializers.ListField(child=NodeInput(), min_length=1, max_length=200)
    features = serializers.ListField(child=LineField(max_length=40), min_length=1, max_length=50)
    state = serializers.ChoiceField(choices=SWITCH_STATES)
    is_locked = serializers.BooleanField(required=False, default=False)
    reason = LineField(required=False, default="", allow_blank=True, max_length=200)


# -- why -------------------------------------------------------------------------------------------


class StepOutput(serializers.Serializer[Any]):
    """One step of a decision."""

    sentence = serializers.CharField()
    rule = serializers.CharField()
    node = AccessNodeOutput(allow_null=True, help_text="Null: the account as a whole.")
    is_allowed = serializers.BooleanField(help_text="How things stand after it.")
    is_decisive = serializers.BooleanField()
    feature = serializers.CharField(
        allow_null=True, help_text="The feature that an LLM takes, where the step is about that."
    )


class FlipOutput(serializers.Serializer[Any]):
    """One edit that, with the others, would flip the verdict."""

    sentence = serializers.CharField()
    kind = serializers.CharField()
    node = AccessNodeOutput(allow_null=True)
    feature = serializers.CharField(
        allow_null=True, help_text="The feature to change, where an LLM takes one."
    )


class DecisionOutput(serializers.Serializer[Any]):
    """Whether something may be used, why, and the smallest change that would flip it."""

    about = serializers.CharField(help_text="`llm:<id>`, `feature:<key>` or another resource.")
    title = serializers.CharField()
    is_allowed = serializers.BooleanField()
    reason = serializers.CharField(help_text="The rule that settled it.")
    trace = StepOutput(many=True)
    would_flip = FlipOutput(many=True)
    who_can_help = serializers.CharField()


DECISION = {
    "about": f"llm:{LLM['id']}",
    "title": "gpt-5",
    "is_allowed": False,
    "reason": "only",
    "trace": [
        {
            "sentence": "Support EMEA has a list of its own, and gpt-5 is not on it",
            "rule": "only",
            "node": NODE,
            "is_allowed": False,
            "is_decisive": True,
            "feature": None,
        }
    ],
    "would_flip": [
        {
            "sentence": "Put gpt-5 on the list of Support EMEA",
            "kind": "include",
            "node": NODE,
            "feature": None,
        }
    ],
    "who_can_help": "account admin",
}


class ExplainQuery(Input):
    """Who, from which of their places, and about what."""

    member = serializers.UUIDField(help_text="A member's id.")
    membership = serializers.UUIDField(
        required=False, help_text="One of their places; the primary one without it."
    )
    about = LineField(
        required=False,
        max_length=120,
        help_text="`llm:<id or name>` or `feature:<key>`; everything without it.",
    )


class ExplanationOutput(serializers.Serializer[Any]):
    """What one place may use, and why."""

    member = serializers.UUIDField()
    path = AccessNodeOutput(many=True, help_text="From `global` down: whose policies count.")
    decisions = DecisionOutput(many=True)


EXPLANATION = {
    "member": "0198a7c1-7081-72a3-b4a5-1a2b3c4d5e6f",
    "path": [NODE],
    "decisions": [DECISION],
}


class RefusalOutput(serializers.Serializer[Any]):
    """A refused call: the decision as it was made, and as it would be made now."""

    id = serializers.UUIDField(help_text="`decision_id` in the details of the gateway's error.")
    caller = serializers.CharField()
    member = serializers.UUIDField()
    key = serializers.UUIDField(allow_null=True, help_text="The virtual key that called.")
    path = AccessNodeOutput(many=True)
    policy_version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    decision = DecisionOutput()
    now = DecisionOutput(allow_null=True, help_text="Null: what was asked for is gone.")


REFUSAL = {
    "id": "0198a7c1-8192-73b4-8596-2b3c4d5e6f70",
    "caller": "Mia Torres",
    "member": EXPLANATION["member"],
    "key": None,
    "path": [NODE],
    "policy_version": 41,
    "created_at": "2026-11-25T09:30:00Z",
    "decision": DECISION,
    "now": DECISION,
}


# -- grants ----------------------------------------------------------------------------------------


class ResourceOutput(serializers.Serializer[Any]):
    """A thing that can be granted."""

    type = serializers.CharField(help_text="For example `client_app`.")
    id = serializers.UUIDField()
    name = serializers.CharField()
    is_open = serializers.BooleanField(help_text="Everyone has it to whom it is not denied.")


RESOURCE = {
    "type": "client_app",
    "id": "0198a7c1-92a3-74c5-9607-3c4d5e6f7081",
    "name": "alchemi-web",
    "is_open": False,
}


class GrantOutput(serializers.Serializer[Any]):
    """What one node says about one thing."""

    id = serializers.UUIDField()
    resource = ResourceOutput()
    node = AccessNodeOutput()
    effect = serializers.ChoiceField(choices=("allow", "deny"))
    ends_at = serializers.DateTimeField(allow_null=True, help_text="It does not count from then.")
    has_ended = serializers.BooleanField()
    carries_llm = serializers.BooleanField(help_text="The agent's LLM comes along.")
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


GRANT = {
    "id": "0198a7c1-a3b4-75d6-a718-4d5e6f708192",
    "resource": RESOURCE,
    "node": NODE,
    "effect": "allow",
    "ends_at": "2027-01-01T00:00:00Z",
    "has_ended": False,
    "carries_llm": False,
    "created_by": "Ada Lindqvist",
    "created_at": "2026-11-25T09:30:00Z",
}


class GrantQuery(ListQuery):
    """Filters of grants."""

    resource_type = LineField(required=False, max_length=40)
    resource_id = serializers.UUIDField(required=False)
    node = serializers.UUIDField(required=False, help_text="An id of a node.")


class ResourceInput(Input):
    """A thing by type and id."""

    type = LineField(max_length=40)
    id = serializers.UUIDField()


class GrantInput(Input):
    """What nodes say about a thing."""

    resource = ResourceInput()
    nodes = serializers.ListField(child=NodeInput(), min_length=1, max_length=200)
    effect = serializers.ChoiceField(choices=("allow", "deny"))
    ends_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    carries_llm = serializers.BooleanField(required=False, default=False)
    reason = LineField(required=False, default="", allow_blank=True, max_length=200)


class GrantedOutput(serializers.Serializer[Any]):
    """What a change of grants does."""

    preview = serializers.BooleanField()
    changed = serializers.IntegerField()
    effect = EffectOutput()
    grants = GrantOutput(many=True)


GRANTED = {"preview": False, "changed": 1, "effect": EFFECT, "grants": [GRANT]}
