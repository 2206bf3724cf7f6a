"""The forms of virtual keys: making one, changing it, rotating it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from console.models import Membership, Team
from console.services.key_settings import Budget, Limits
from core.credits.models import CapWindow
from core.ui.forms import CockpitForm, CreditsField
from core.ui.picking import pick_if_many

# Long enough for a rollout over a weekend; the service takes up to 30 days.
OVERLAPS = (
    (0, gettext_lazy("At once: the old token is refused")),
    (1, gettext_lazy("1 hour")),
    (24, gettext_lazy("1 day")),
    (7 * 24, gettext_lazy("7 days")),
    (30 * 24, gettext_lazy("30 days")),
)


def place_label(place: Membership) -> str:
    """Return what a place is called among those of everybody."""
    if place.team is not None:
        where = f"{place.organization} / {place.team}"
    elif place.organization.is_global:
        where = _("no team")
    else:
        where = str(place.organization)
    return f"{place.member}: {where}"


class PlaceField(forms.ModelChoiceField):
    """A place that pays for a key's calls."""

    def label_from_instance(self, obj: Membership) -> str:
        return place_label(obj)


class TeamField(forms.ModelChoiceField):
    """A team that pays for a service key's calls."""

    def label_from_instance(self, obj: Team) -> str:
        return f"{obj.organization} / {obj}"


class KeySettingsForm(CockpitForm):
    """What both the new and the changed key can be told."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("What it is for, such as “nightly report”."),
    )
    expires_at = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("The key works to the end of this day, in UTC. Empty: for good."),
    )
    llms = forms.MultipleChoiceField(
        label=gettext_lazy("LLMs"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all that its owner may call."),
    )
    budget = CreditsField(
        label=gettext_lazy("Budget in credits"),
        required=False,
        help_text=gettext_lazy("It counts from now on; at the budget the key is refused."),
    )
    budget_window = forms.ChoiceField(
        label=gettext_lazy("Budget for each"),
        choices=CapWindow.choices,
        initial=CapWindow.MONTH,
        required=False,
    )
    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests a minute"), required=False, min_value=1
    )
    tokens_per_minute = forms.IntegerField(
        label=gettext_lazy("Tokens a minute"), required=False, min_value=1
    )
    addresses = forms.CharField(
        label=gettext_lazy("Allowed addresses"),
        required=False,
        max_length=6_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "203.0.113.0/24"}),
        help_text=gettext_lazy("Addresses or ranges, one a line. Empty: from anywhere."),
    )
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        max_length=1_000,
        help_text=gettext_lazy("Words to find it by, separated by commas."),
    )

    # These stand behind "Limits" in the dialog; the others before it.
    LIMITS = (
        "llms", "budget", "budget_window", "requests_per_minute", "tokens_per_minute", "addresses",
        "tags",
    )  # fmt: skip

    def __init__(self, *args: Any, llm_names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.MultipleChoiceField", self.fields["llms"])
        field.choices = [(name, name) for name in llm_names]

    @property
    def first_fields(self) -> list[forms.BoundField]:
        """The fields that every key needs."""
        return [field for field in self if field.name not in self.LIMITS]

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        """The fields that only narrow."""
        return [field for field in self if field.name in self.LIMITS]

    @property
    def has_limit_errors(self) -> bool:
        """Whether something is wrong among the limits, which are folded away otherwise."""
        return any(field.errors for field in self.limit_fields)

    def clean_expires_at(self) -> datetime | None:
        """Return the last moment of the chosen day."""
        last: date | None = self.cleaned_data["expires_at"]
        return datetime.combine(last, time.max, tzinfo=UTC) if last else None

    def settings(self) -> dict[str, Any]:
        """Return what the services take."""
        given = self.cleaned_data
        budget = None
        if given["budget"] is not None:
            budget = Budget(given["budget"], given["budget_window"] or CapWindow.MONTH)
        return {
            "name": given["name"],
            "expires_at": given["expires_at"],
            "tags": tuple(part for part in given["tags"].split(",") if part.strip()),
            "limits": Limits(
                llms=tuple(given["llms"]) or None,
                requests_per_minute=given["requests_per_minute"],
                tokens_per_minute=given["tokens_per_minute"],
                addresses=tuple(given["addresses"].replace(",", " ").split()) or None,
                budget=budget,
            ),
        }


class NewKeyForm(KeySettingsForm):
    """Makes a virtual key."""

    place = PlaceField(
        label=gettext_lazy("Acts as"),
        queryset=Membership.objects.none(),
        empty_label=None,
        help_text=gettext_lazy("This place's credits pay for the calls."),
    )
    team = TeamField(
        label=gettext_lazy("Service key of a team"),
        queryset=Team.objects.none(),
        required=False,
        empty_label=gettext_lazy("No, it belongs to the person above"),
        help_text=gettext_lazy(
            "For programs that outlive people: it acts as the team, and is charged from the team "
            "upwards."
        ),
    )

    field_order = ("name", "place", "team", "expires_at")

    def __init__(
        self,
        *args: Any,
        places: QuerySet[Membership],
        teams: QuerySet[Team],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        place = cast("PlaceField", self.fields["place"])
        place.queryset = places
        pick_if_many(place, source=reverse("console:key-places"))
        if not teams.exists():
            del self.fields["team"]
            return
        team = cast("TeamField", self.fields["team"])
        team.queryset = teams
        pick_if_many(team, source=f"{reverse('admin:console_member_pick_place')}?kind=team")
        # Somebody may administer teams without having a seat.
        place.required = False

    def clean(self) -> dict[str, Any]:
        """See to it that the key has an owner."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not given.get("place") and not given.get("team") and "place" not in self.errors:
            self.add_error("place", _("Choose a place, or a team for a service key."))
        return given

    def owner(self) -> dict[str, Any]:
        """Return whose key it is, as the service takes it."""
        team = self.cleaned_data.get("team")
        return {"team": team} if team else {"membership": self.cleaned_data["place"]}


class RotateForm(CockpitForm):
    """Gives a key a new token."""

    overlap = forms.TypedChoiceField(
        label=gettext_lazy("The old token works for"),
        choices=OVERLAPS,
        coerce=int,
        initial=24,
        help_text=gettext_lazy("Time to put the new token wherever the old one is."),
    )

    def overlap_time(self) -> timedelta:
        """Return the overlap."""
        return timedelta(hours=self.cleaned_data["overlap"])
