"""What a move to another place changes, as the REST API tells it."""

from typing import Any

from rest_framework import serializers

from core.hierarchy.moves import MovePreview
from core.kit.money import format_credits


class CapOutput(serializers.Serializer[Any]):
    """A cap on an organization or a team."""

    node = serializers.CharField(help_text="Whose cap it is.")
    credits = serializers.CharField(help_text="Credits, as a decimal string.")
    window = serializers.CharField()


class EffectsOutput(serializers.Serializer[Any]):
    """What changes with a move. Amounts are credits as decimal strings."""

    members = serializers.IntegerField(help_text="How many people move along.")
    credits_that_travel = serializers.CharField()
    credits_given_back = serializers.CharField(help_text="To the place that is left.")
    allocation = serializers.CharField(allow_null=True, help_text="The standing one before.")
    keeps_allocation = serializers.BooleanField()
    draws_on_before = serializers.CharField(
        allow_blank=True,
        help_text="Whose allocation calls live on; empty if no node above has one.",
    )
    draws_on_after = serializers.CharField(allow_blank=True)
    running_calls = serializers.IntegerField(help_text="They end on the wallets that hold them.")
    keys = serializers.IntegerField(allow_null=True, help_text="Virtual keys that move along.")
    caps_gained = CapOutput(many=True)
    caps_lost = CapOutput(many=True)
    admins_gained = serializers.ListField(child=serializers.CharField())
    admins_lost = serializers.ListField(child=serializers.CharField())


def effects_of(preview: MovePreview) -> dict[str, Any]:
    """Return what a preview says, in the shape of `EffectsOutput`."""
    return {
        "members": preview.members,
        "credits_that_travel": format_credits(preview.travels),
        "credits_given_back": format_credits(preview.goes_back),
        "allocation": None if preview.rule is None else format_credits(preview.rule),
        "keeps_allocation": preview.keeps_rule,
        "draws_on_before": preview.draws_on[0],
        "draws_on_after": preview.draws_on[1],
        "running_calls": preview.calls.calls,
        "keys": preview.keys,
        "caps_gained": [_cap(cap) for cap in preview.caps_gained],
        "caps_lost": [_cap(cap) for cap in preview.caps_lost],
        "admins_gained": list(preview.admins_gained),
        "admins_lost": list(preview.admins_lost),
    }


EFFECTS = {
    "members": 12,
    "credits_that_travel": "350",
    "credits_given_back": "0",
    "allocation": "500",
    "keeps_allocation": True,
    "draws_on_before": "Content",
    "draws_on_after": "Content",
    "running_calls": 1,
    "keys": None,
    "caps_gained": [{"node": "Sales", "credits": "1000", "window": "day"}],
    "caps_lost": [],
    "admins_gained": ["Sara Sales"],
    "admins_lost": ["Robin Reyes"],
}


def _cap(cap: Any) -> dict[str, str]:
    return {"node": cap.node, "credits": format_credits(cap.amount), "window": cap.window}
