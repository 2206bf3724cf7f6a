"""What the resource `keys` takes and shows."""

from typing import Any

from rest_framework import serializers

from console.models import VirtualKey
from console.selectors.keys import state_of
from console.services.key_settings import MOST_ADDRESSES, MOST_LLMS, MOST_RATE, MOST_TAGS
from core.api.credits.shapes import CreditsField
from core.api.serializers import Input, LineField, ListQuery
from core.credits.models import CapWindow

_COLUMNS = VirtualKey._meta.concrete_fields
STATES = ("active", "expired", "revoked")
LONGEST_OVERLAP_SECONDS = 30 * 86_400


class BudgetField(Input):
    """At most so many credits in each window, by whatever wallet they are paid."""

    amount = CreditsField()
    window = serializers.ChoiceField(choices=CapWindow.values)


class BudgetOutput(serializers.Serializer[Any]):
    """A budget with what its running window has used and holds."""

    amount = CreditsField()
    window = serializers.ChoiceField(choices=CapWindow.values)
    used = CreditsField()
    reserved = CreditsField()


class KeyPlaceOutput(serializers.Serializer[Any]):
    """A node by id and name."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class PreviousTokenOutput(serializers.Serializer[Any]):
    """The token before the last rotation, while it still works."""

    last_four = serializers.CharField()
    ends_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class KeyOutput(serializers.Serializer[Any]):
    """A virtual key, without its token."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    membership = KeyPlaceOutput(allow_null=True, help_text="Whose it is; null for a service key.")
    team = KeyPlaceOutput(allow_null=True, help_text="The team of a service key; else null.")
    last_four = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    llms = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Null: all of its owner."
    )
    requests_per_minute = serializers.IntegerField(allow_null=True)
    tokens_per_minute = serializers.IntegerField(allow_null=True)
    addresses = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Null: from anywhere."
    )
    budget = BudgetOutput(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    rotated_at = serializers.DateTimeField(allow_null=True)
    previous = PreviousTokenOutput(allow_null=True)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    revoked_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: VirtualKey) -> dict[str, Any]:
        place, team = instance.membership, instance.team
        shown = {
            **{field.attname: getattr(instance, field.attname) for field in _COLUMNS},
            "state": state_of(instance),
            "membership": {"id": place.pk, "name": f"{place.member}: {place}"} if place else None,
            "team": {"id": team.pk, "name": team.name} if team else None,
            "budget": self.context.get("budget"),
            "previous": _previous(instance),
        }
        return dict(super().to_representation(shown))


class NewKeyOutput(KeyOutput):
    """A key that was just made or rotated."""

    token = serializers.CharField(help_text="Shown only now; it is not stored.")


class LimitsInput(Input):
    """What a key may do less than its owner. Null is no limit; an empty list admits nothing."""

    tags = serializers.ListField(
        child=LineField(max_length=40), required=False, max_length=MOST_TAGS
    )
    llms = serializers.ListField(
        child=LineField(max_length=200),
        required=False,
        allow_null=True,
        max_length=MOST_LLMS,
        help_text="Public names, as calls send them. A name may be of an LLM that is not on yet.",
    )
    requests_per_minute = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_RATE
    )
    tokens_per_minute = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST_RATE
    )
    addresses = serializers.ListField(
        child=LineField(max_length=60),
        required=False,
        allow_null=True,
        max_length=MOST_ADDRESSES,
        help_text="Addresses and ranges, such as 203.0.113.0/24.",
    )
    budget = BudgetField(required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class KeyInput(LimitsInput):
    """A new key, of a membership or of a team."""

    name = LineField(max_length=120)
    membership = serializers.UUIDField(required=False, help_text="Whose key it is.")
    team = serializers.UUIDField(
        required=False, help_text="Instead of a membership: a service key of this team."
    )


class KeyChangeInput(LimitsInput):
    """What is to change; what is left out stays."""

    name = LineField(max_length=120, required=False)


class RotateInput(Input):
    """How long the token before still works."""

    overlap_seconds = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=LONGEST_OVERLAP_SECONDS
    )


class RevokeInput(Input):
    """Why."""

    reason = LineField(required=False, default="", allow_blank=True, max_length=500)


class KeyQuery(ListQuery):
    """Filters of keys."""

    state = serializers.ChoiceField(required=False, choices=STATES)
    membership = serializers.UUIDField(required=False)
    team = serializers.UUIDField(required=False, help_text="Service keys of this team.")
    tag = LineField(required=False, max_length=40)
    q = LineField(required=False, max_length=100, help_text="Words in name, owner, tag.")


def _previous(key: VirtualKey) -> dict[str, Any] | None:
    if key.previous_ends_at is None:
        return None
    return {
        "last_four": key.previous_last_four,
        "ends_at": key.previous_ends_at,
        "last_used_at": key.previous_used_at,
    }


EXAMPLE: dict[str, Any] = {
    "id": "0198a7c2-5f5e-7cc1-9d53-6f1c2f3a4b5c",
    "name": "nightly report",
    "state": "active",
    "membership": None,
    "team": {"id": "0198a7c3-1b2c-7d3e-8f40-516273849506", "name": "Platform"},
    "last_four": "x7Qa",
    "tags": ["reporting"],
    "llms": ["gpt-5-mini"],
    "requests_per_minute": 60,
    "tokens_per_minute": 100_000,
    "addresses": ["203.0.113.0/24"],
    "budget": {"amount": "250", "window": "month", "used": "12.5", "reserved": "0"},
    "expires_at": "2027-01-31T23:59:59Z",
    "last_used_at": "2026-11-25T09:30:00Z",
    "rotated_at": None,
    "previous": None,
    "created_at": "2026-11-02T09:30:00Z",
    "created_by": "Kim Okafor",
    "revoked_at": None,
}
NEW_EXAMPLE: dict[str, Any] = {**EXAMPLE, "token": "ck_acme_…"}
