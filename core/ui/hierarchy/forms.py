"""Forms of organizations, teams and members."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.access.scopes import Scope
from core.hierarchy.models import AbstractOrganization, AbstractTeam
from core.hierarchy.product import Product
from core.hierarchy.selectors import branches_for, organization_choices, team_choices
from core.ui.forms import CockpitForm
from core.ui.picking import MOST_IN_A_SELECT, Picker, is_id, pick_if_many


class OrganizationForm(CockpitForm):
    """Creates an organization."""

    name = forms.CharField(label=_("Name"), max_length=120)


class TeamForm(CockpitForm):
    """Creates a team in an organization."""

    organization: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(
        label=_("Organization"), queryset=None, empty_label=_("Choose an organization")
    )
    name = forms.CharField(label=_("Name"), max_length=120)

    def __init__(self, *args: Any, product: Product, scope: Scope, **options: Any) -> None:
        super().__init__(*args, **options)
        field: forms.ModelChoiceField[Any] = self.fields["organization"]  # type: ignore[assignment]
        field.queryset = organization_choices(product, scope)
        source = reverse(f"admin:{product.slug}_member_pick_place")
        pick_if_many(field, source=f"{source}?kind=organization")


class RenameForm(CockpitForm):
    """Gives an organization or a team another name."""

    name = forms.CharField(label=_("Name"), max_length=120)


class ReasonForm(CockpitForm):
    """Says why, for the audit log."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=200,
        help_text=_("It stands in the audit log."),
    )


Place = tuple[AbstractOrganization, AbstractTeam | None]


_DIRECTLY = _("directly in %s")


def place_named(product: Product, scope: Scope, value: str) -> Place | None:
    """Return a place in use of a scope by its team's or its organization's id, None if none is."""
    if not is_id(value):
        return None
    team = team_choices(product, scope).filter(pk=value).first()
    if team is not None:
        return team.organization, team
    organization = organization_choices(product, scope).filter(pk=value).first()
    return None if organization is None else (organization, None)


class PlaceField(forms.ChoiceField):
    """An organization or one of its teams; its value is (organization, team or None).

    A select where there are few, a field that searches where there are many.
    """

    # Filled for each form by `offer`: forms copy their fields, but not what hangs on them.
    places: Mapping[str, Place] = MappingProxyType({})
    find: Callable[[str], Place | None] | None = None

    def offer(
        self, product: Product, scope: Scope, *, empty: Any = None, whole: Any = _DIRECTLY
    ) -> None:
        """Offer every organization of a scope that is in use, with its teams; a few queries.

        `whole` is how the organization itself is called.
        """
        choices = (team_choices(product, scope), organization_choices(product, scope))
        most = MOST_IN_A_SELECT + 1
        if sum(len(rows.order_by().values_list("pk")[:most]) for rows in choices) >= most:
            self.find = partial(place_named, product, scope)
            required = self.required
            self.widget = Picker(
                reverse(f"admin:{product.slug}_member_pick_place"),
                label_of=lambda value: _place_label(place_named(product, scope, value)),
                placeholder=empty or _("Team or organization"),
            )
            self.widget.is_required = required
            return
        groups: list[tuple[Any, Any]] = [("", empty)] if empty else []
        places: dict[str, Place] = {}
        for organization, teams, is_whole in branches_for(product, scope):
            places.update({str(team.pk): (organization, team) for team in teams})
            options = [(str(team.pk), team.name) for team in teams]
            if is_whole:
                places[str(organization.pk)] = (organization, None)
                options.append((str(organization.pk), whole % organization.name))
            groups.append((organization.name, options))
        self.places = places
        self.choices = groups

    def clean(self, value: Any) -> Place | None:
        """Return the place that was chosen, None for none."""
        if self.find is None:
            return self.places.get(super().clean(value))
        found = self.find(str(value or ""))
        if found is None and (value or self.required):
            raise forms.ValidationError(_("Choose one that the search finds."), code="invalid")
        return found

    @property
    def has_places(self) -> bool:
        """Whether there is any place to choose."""
        return self.find is not None or bool(self.places)


def _place_label(place: Place | None) -> str:
    if place is None:
        return ""
    organization, team = place
    return f"{organization} / {team}" if team is not None else str(organization)


class InviteForm(CockpitForm):
    """Gives somebody a seat by e-mail address."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    name = forms.CharField(
        label=_("Name"),
        max_length=150,
        required=False,
        help_text=_("They can change it when they accept."),
    )
    place = PlaceField(
        label=_("Place"),
        required=False,
        help_text=_("Whose credits and rights apply. More places can be added later."),
    )

    def __init__(self, *args: Any, product: Product, scope: Scope, **options: Any) -> None:
        super().__init__(*args, **options)
        place: PlaceField = self.fields["place"]  # type: ignore[assignment]
        # Who administers a branch gives seats in it only.
        place.required = not scope.everything
        none = _("No team yet (global only)") if scope.everything else _("Choose a place")
        place.offer(product, scope, empty=none)


class PlaceForm(CockpitForm):
    """Adds a place to a member."""

    place = PlaceField(label=_("Add to"))

    def __init__(self, *args: Any, product: Product, scope: Scope, **options: Any) -> None:
        super().__init__(*args, **options)
        place: PlaceField = self.fields["place"]  # type: ignore[assignment]
        place.offer(product, scope, empty=_("Choose a team or an organization"))
