"""Features: which node has which, told apart by what is inherited and what is its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import escape
from django.utils.translation import gettext as _

from core.access.features import Feature, features_of
from core.access.permissions import may
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.access.rules.switches import Switch
from core.access.scopes import scope_of
from core.access.selectors import access_of
from core.access.services import changed, set_features
from core.hierarchy.effects import effects_of_switches
from core.hierarchy.policies import (
    PolicyRow,
    check_editable,
    check_feature_within,
    row_named,
    rows_of_nodes,
)
from core.kit.problems import NotFound
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_messages, render_page
from core.ui.product.matrix import Cell, Column, Marks, Row, matrix_context, nodes_of
from core.ui.product.undoing import Undo, back_to, is_as_seen, mark_of
from core.ui.product.urls import ProductSite

# What a button says, and what it makes of a node.
UNDO = "features_before"
ACTS: dict[str, Switch | None] = {
    "inherit": None,
    "on": Switch(is_on=True),
    "on-locked": Switch(is_on=True, is_locked=True),
    "off": Switch(is_on=False),
    "off-locked": Switch(is_on=False, is_locked=True),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a node could say, with how many places gain and lose by it."""

    act: str
    label: str
    is_now: bool
    gains: int
    losses: int


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the features page."""
    view, manage = site.permission("view_access"), site.permission("manage_access")
    home = f"{site.slug}:features"

    @page(permission=view)
    def matrix(request: HttpRequest) -> HttpResponse:
        account = request.account  # type: ignore[attr-defined]
        withheld = site.withheld_features(account.pk, site.slug)
        scope = scope_of(request.user, site.slug)
        can_manage = may(request.user, manage)
        features = [(each, each.key in withheld) for each in features_of(site.slug)]
        return render_page(
            request,
            "product/features.html",
            title=_("Features"),
            fragment="matrix",
            features=features,
            undo=Undo(request, UNDO, site.slug).label if can_manage else None,
            undo_url=f"{site.slug}:features-undo",
            many_href=reverse(f"{site.slug}:features-many") if can_manage else "",
            **matrix_context(
                request,
                site,
                scope,
                label=_("Features"),
                home=reverse(home),
                columns=[
                    Column(each.key, str(each.title), str(each.sentence), is_withheld)
                    for each, is_withheld in features
                ],
                row_of=lambda rows: _rows(
                    site, access_to_features(request, site, rows), can_manage=can_manage
                ),
            ),
        )

    @page(permission=manage, methods=("GET", "POST"))
    def cell(request: HttpRequest, kind: str, node_id: UUID, feature: str) -> HttpResponse:
        access = access_to_features(request, site)
        scope = scope_of(request.user, site.slug)
        row = row_named(site.product, scope, kind, node_id)
        check_editable(row)
        known = next((each for each in features_of(site.slug) if each.key == feature), None)
        if known is None:
            raise NotFound("There is no such feature.")
        act = request.POST.get("act", "")
        seen = mark_of(access.switches.get(feature, {}).get(row.node.id))
        if request.method == "POST" and act in ACTS:
            with problems_as_messages(request):
                if not is_as_seen(request, seen):
                    raise changed(row.node)
                apply(request, site, {row.node: (row, {feature: ACTS[act]})}, row.node.label)
            return HttpResponseRedirect(reverse(home))
        return render_page(
            request,
            "product/feature_cell.html",
            title=_("%(feature)s for %(node)s") % {"feature": known.title, "node": row.node.label},
            fragment="choice",
            crumbs=[(_("Features"), reverse(home))],
            row=row,
            feature=known,
            action=request.path,
            seen=seen,
            options=_options(site, access, row, feature),
        )

    @page(permission=manage, methods=("POST",))
    def undo(request: HttpRequest) -> HttpResponse:
        with problems_as_messages(request):
            _revert(request, site)
        return HttpResponseRedirect(back_to(request, reverse(home)))

    return [
        path("features/", matrix, name="features"),
        path("features/undo/", undo, name="features-undo"),
        path("features/<str:kind>/<uuid:node_id>/<slug:feature>/", cell, name="feature-cell"),
    ]


Said = Mapping[PathNode, tuple[PolicyRow, Mapping[str, Switch | None]]]


def apply(
    request: HttpRequest,
    site: ProductSite,
    said: Said,
    label: str,
    reason: str = "",
    *,
    seen: Mapping[PathNode, Mapping[str, Switch | None]] | None = None,
) -> None:
    """Save switches, all or none, and keep those before for a click on Revert.

    Raises:
        ChangedMeanwhile: a node does not say any more what was `seen`.
    """
    access, scope = access_to_features(request, site), scope_of(request.user, site.slug)
    for row, switches in said.values():
        for feature, switch in switches.items():
            check_feature_within(access, row, scope, feature, switch)
    before = set_features(
        product=site.slug,
        switches={node: switches for node, (_row, switches) in said.items()},
        seen=seen,
        actor=actor_of(request),
        reason=reason,
    )
    if not before:
        messages.info(request, _("Nothing to change."))
        return
    Undo(request, UNDO, site.slug).keep(
        label,
        [
            {"node": str(node.id), "said": _packed(was), "left": _packed(said[node][1])}
            for node, was in before.items()
        ],
    )
    messages.success(request, _("%s is changed. It counts from the next call on.") % label)


def _revert(request: HttpRequest, site: ProductSite) -> None:
    undo = Undo(request, UNDO, site.slug)
    label, kept = undo.label, undo.take()
    if label is None:
        messages.info(request, _("There is nothing to revert."))
        return
    scope = scope_of(request.user, site.slug)
    rows = rows_of_nodes(site.product, scope, {UUID(each["node"]) for each in kept})
    said = {
        row.node: (row, _unpacked(each["said"]))
        for each in kept
        if (row := rows.get(UUID(each["node"]))) is not None
    }
    seen = {
        row.node: _unpacked(each["left"])
        for each in kept
        if "left" in each and (row := rows.get(UUID(each["node"]))) is not None
    }
    apply(request, site, said, label, _("Reverted"), seen=seen)


def _packed(said: Mapping[str, Switch | None]) -> dict[str, list[bool] | None]:
    return {
        key: None if switch is None else [switch.is_on, switch.is_locked]
        for key, switch in said.items()
    }


def _unpacked(kept: Mapping[str, list[bool] | None]) -> dict[str, Switch | None]:
    return {key: None if values is None else Switch(*values) for key, values in kept.items()}


def access_to_features(
    request: HttpRequest, site: ProductSite, rows: Sequence[PolicyRow] | None = None
) -> ProductAccess:
    """Return what decides about features: everywhere, or for some rows."""
    account = request.account  # type: ignore[attr-defined]
    withheld = site.withheld_features(account.pk, site.slug)
    nodes = None if rows is None else nodes_of(rows)
    return access_of(site.slug, offered=(), withheld=withheld, nodes=nodes, parts=("switches",))


def _rows(
    site: ProductSite, access: ProductAccess, *, can_manage: bool
) -> Callable[[PolicyRow], Row]:
    """Return what makes a row of the matrix of a node."""
    marks = Marks(_("has"), _("does not have"))
    features = features_of(site.slug)

    def cell_of(row: PolicyRow, feature: Feature) -> Cell:
        switch = access.switches.get(feature.key, {}).get(row.node.id)
        return Cell(
            access.has(feature.key, row.path),
            "" if switch is None else ("on" if switch.is_on else "off"),
            is_locked=switch is not None and switch.is_locked,
        )

    def href_of(row: PolicyRow, feature: Feature) -> str:
        if not can_manage or not row.can_edit or feature.key in access.withheld:
            return ""
        return reverse(f"{site.slug}:feature-cell", args=(row.node.kind, row.node.id, feature.key))

    def row_of(row: PolicyRow) -> Row:
        cells = [cell_of(row, each) for each in features]
        html = marks.row(
            row.node.label,
            (
                (cell, escape(each.title), href_of(row, each))
                for cell, each in zip(cells, features, strict=True)
            ),
        )
        return Row(row, cells, html)

    return row_of


def act_labels() -> dict[str, str]:
    """Return what the buttons say."""
    return {
        "inherit": _("Inherit"),
        "on": _("On"),
        "on-locked": _("On, locked"),
        "off": _("Off"),
        "off-locked": _("Off, locked"),
    }


def _options(
    site: ProductSite, access: ProductAccess, row: PolicyRow, feature: str
) -> list[Option]:
    labels = act_labels()
    now = access.switches.get(feature, {}).get(row.node.id)
    # A member has nothing below that a lock could hold for.
    acts = {
        act: switch
        for act, switch in ACTS.items()
        if not (row.node.kind == "member" and switch is not None and switch.is_locked)
    }
    effects = effects_of_switches(
        site.product, access, {act: {row.node: {feature: said}} for act, said in acts.items()}
    )
    return [
        Option(
            act,
            labels[act],
            acts[act] == now,
            effect.gains.get(feature, 0),
            effect.losses.get(feature, 0),
        )
        for act, effect in effects.items()
    ]
