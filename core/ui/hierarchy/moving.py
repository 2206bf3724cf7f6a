"""Moving a team to another organization, or a member's place to another: first what it would do."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.scopes import Scope, scope_of
from core.hierarchy import moves, selectors
from core.hierarchy.administration import require_above
from core.hierarchy.moves import MovePreview
from core.hierarchy.product import Product
from core.hierarchy.services import moving
from core.ui.forms import CockpitForm
from core.ui.hierarchy.forms import PlaceField
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, render_page
from core.ui.picking import pick_if_many


class TargetForm(CockpitForm):
    """Says where to, and why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("It stands in the audit log."),
    )

    @property
    def where(self) -> Any:
        """The field that says where to, for the template."""
        return self["target"]


class OrganizationTarget(TargetForm):
    """Another organization for a team."""

    target: "forms.ModelChoiceField[Any]" = forms.ModelChoiceField(
        label=gettext_lazy("To the organization"), queryset=None
    )
    field_order = ("target", "reason")

    def __init__(self, *args: Any, product: Product, scope: Scope, **options: Any) -> None:
        super().__init__(*args, **options)
        field: forms.ModelChoiceField[Any] = self.fields["target"]  # type: ignore[assignment]
        field.queryset = selectors.organization_choices(product, scope)
        source = reverse(f"admin:{product.slug}_member_pick_place")
        pick_if_many(field, source=f"{source}?kind=organization")


class PlaceTarget(TargetForm):
    """Another place for a member."""

    target = PlaceField(label=gettext_lazy("To"))
    field_order = ("target", "reason")

    def __init__(self, *args: Any, product: Product, scope: Scope, **options: Any) -> None:
        super().__init__(*args, **options)
        field: PlaceField = self.fields["target"]  # type: ignore[assignment]
        field.offer(product, scope, empty=_("Choose a team or an organization"))


def team_urls(product: Product) -> list[URLPattern]:
    """Return the route that moves a team."""

    @page(permission=f"{product.slug}.manage_teams", methods=("GET", "POST"))
    def move(request: HttpRequest, node_id: UUID) -> HttpResponse:
        scope = scope_of(request.user, product.slug)
        team = selectors.team_for(product, scope, node_id)
        require_above(scope, team)
        home = reverse(f"admin:{product.slug}_team_change", args=(team.pk,))
        return _move(
            request,
            OrganizationTarget(_given(request), product=product, scope=scope),
            title=_("Move %s") % team,
            crumbs=((_("Teams"), f"/{product.slug}/team/"), (str(team), home)),
            preview=lambda target: moves.preview_team_move(product, team, target),
            apply=lambda target, reason: moving.move_team(
                product=product,
                team=team,
                organization=target,
                reason=reason,
                actor=actor_of(request),
            ),
        )

    return [path("<uuid:node_id>/move/", move, name=f"{product.slug}_team_move")]


def place_urls(product: Product) -> list[URLPattern]:
    """Return the route that moves a member's place."""

    @page(permission=f"{product.slug}.manage_hierarchy", methods=("GET", "POST"))
    def move(request: HttpRequest, member_id: UUID, place_id: UUID) -> HttpResponse:
        scope = scope_of(request.user, product.slug)
        place = selectors.place_for(product, scope, place_id, member=member_id)
        home = reverse(f"admin:{product.slug}_member_change", args=(member_id,))
        return _move(
            request,
            PlaceTarget(_given(request), product=product, scope=scope),
            title=_("Move %(member)s from %(place)s") % {"member": place.member, "place": place},
            crumbs=((_("Members"), f"/{product.slug}/member/"), (str(place.member), home)),
            preview=lambda target: moves.preview_membership_move(product, place, target),
            apply=lambda target, reason: moving.move_membership(
                product=product,
                membership=place,
                organization=target[0],
                team=target[1],
                reason=reason,
                actor=actor_of(request),
            ),
        )

    route = "<uuid:member_id>/places/<uuid:place_id>/move/"
    return [path(route, move, name=f"{product.slug}_member_move_place")]


def _given(request: HttpRequest) -> Any:
    """Return what the form holds: sent to be done, or asked for a preview, or nothing yet."""
    if request.method == "POST":
        return request.POST
    return request.GET if "target" in request.GET else None


def _move(
    request: HttpRequest,
    form: TargetForm,
    *,
    title: str,
    crumbs: tuple[tuple[str, str], ...],
    preview: Callable[[Any], MovePreview],
    apply: Callable[[Any, str], Any],
) -> HttpResponse:
    shown = None
    if form.is_bound and form.is_valid():
        target = form.cleaned_data["target"]
        if request.method == "POST":
            with problems_as_form_errors(form):
                apply(target, form.cleaned_data["reason"])
                where = target if not isinstance(target, tuple) else target[1] or target[0]
                messages.success(request, _("Moved to %s.") % where)
                return HttpResponseRedirect(crumbs[-1][1])
        else:
            shown = preview(target)
    return render_page(
        request,
        "cockpit/hierarchy/move.html",
        title=title,
        status=form.http_status,
        crumbs=crumbs,
        form=form,
        preview=shown,
        home=crumbs[-1][1],
    )
