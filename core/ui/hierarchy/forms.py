"""Forms of organizations, teams and members."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.access.scopes import Scope
from core.hierarchy.models import AbstractOrganization, AbstractTeam
from core.hierarchy.product import Product
from core.hierarchy.selectors import branches_for, organizations_for
from core.ui.forms import CockpitForm


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
        field.queryset = organizations_for(product, scope).filter(is_global=False, archived_at=None)


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


class PlaceField(forms.ChoiceField):
    """An organization or one of its teams; its value is (organization, team or None)."""

    # Filled for each form by `offer`: forms copy their fields, but not what hangs on them.
    places: Mapping[str, Place] = MappingProxyType({})

    def offer(
        self, product: Product, scope: Scope, *, empty: Any = None, whole: Any = _DIRECTLY
    ) -> None:
        """Offer every organization of a scope that is in use, with its teams; two queries.

        `whole` is how the organization itself is called.
        """
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
        return self.places.get(super().clean(value))


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
