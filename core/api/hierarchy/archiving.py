"""What archiving stops, as the REST API tells it."""

from collections.abc import Callable
from typing import Any

from rest_framework import serializers
from rest_framework.response import Response

from core.api.hierarchy.base import HierarchyViewSet
from core.hierarchy.archiving import ArchivePreview
from core.kit.money import format_credits


class StopsOutput(serializers.Serializer[Any]):
    """What stands in the way of archiving, and what stops with it."""

    is_possible = serializers.BooleanField(help_text="Whether nothing has to leave first.")
    teams = serializers.IntegerField(help_text="In use below it; they have to leave first.")
    members = serializers.IntegerField(help_text="With a place in it; they have to leave first.")
    places = serializers.IntegerField(help_text="That a member's seat leaves empty.")
    keys = serializers.IntegerField(
        allow_null=True, help_text="Virtual keys that stop; null where the product has none."
    )
    running_calls = serializers.IntegerField()
    credits_given_back = serializers.CharField(
        help_text="Free credits that return to where they came from, as a decimal string."
    )
    allocations = serializers.IntegerField(help_text="Standing allocations that end.")
    policies = serializers.IntegerField(help_text="LLM policies, out of force until a restore.")
    features = serializers.IntegerField(help_text="Feature switches, likewise.")
    caps = serializers.IntegerField(help_text="Caps, likewise.")
    admins = serializers.ListField(
        child=serializers.CharField(),
        help_text="Of a node: who administers it. Of a member: what they administer.",
    )


class ArchivedFields(serializers.Serializer[Any]):
    """What the answer to archiving has beside the object."""

    preview = serializers.BooleanField(help_text="Whether nothing was changed.")
    effects = StopsOutput()


STOPS = {
    "is_possible": True,
    "teams": 0,
    "members": 0,
    "places": 0,
    "keys": 0,
    "running_calls": 0,
    "credits_given_back": "120.5",
    "allocations": 1,
    "policies": 0,
    "features": 1,
    "caps": 0,
    "admins": ["Robin Reyes"],
}


def archived(
    view: HierarchyViewSet, node: Any, preview: ArchivePreview, archive: Callable[[], None]
) -> Response:
    """Archive, or only say what it would stop, and answer both alike.

    A preview of what cannot be archived yet says what has to leave first, where the act itself is
    refused. Called inside `previewing` and `changing`.
    """
    if preview.is_possible or not view.is_preview:
        archive()
    return view.one(node, preview=view.is_preview, effects=_stops(preview))


def _stops(preview: ArchivePreview) -> dict[str, Any]:
    return {
        "is_possible": preview.is_possible,
        "teams": preview.teams,
        "members": preview.members,
        "places": preview.places,
        "keys": preview.keys,
        "running_calls": preview.calls.calls,
        "credits_given_back": format_credits(preview.goes_back),
        "allocations": preview.rules,
        "policies": preview.policies,
        "features": preview.features,
        "caps": preview.caps,
        "admins": list(preview.admins),
    }
