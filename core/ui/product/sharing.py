"""Sharing: who has one thing, through what, until when; and what a change would do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _, gettext_lazy

from core.access.granting import set_grants
from core.access.permissions import may
from core.access.resources import Resource, resource_types
from core.access.rules.grants import Grant
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.access.scopes import Scope, scope_of
from core.access.services import changed
from core.access.words import reason_in_words
from core.hierarchy.effects import effect_of_grants, effect_of_opening
from core.hierarchy.policies import PolicyRow, check_editable, row_named, rows_of_nodes
from core.hierarchy.sharing import (
    check_grant_within,
    granting_access,
    grants_for,
    nodes_like,
    open_to_everyone,
    resource_named,
    sharings,
)
from core.kit.clock import now
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from core.ui.product.undoing import back_to, is_as_seen, mark_of
from core.ui.product.urls import ProductSite

_UNDO = "grants_before"
_ACTS = ("allow", "deny", "nothing")


@dataclass(frozen=True, slots=True)
class Found:
    """A node that a search has found: whether it has the thing, and through what."""

    row: PolicyRow
    is_allowed: bool
    reason: str
    href: str


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a node could say, with how many places gain and lose by it."""

    act: str
    label: str
    is_now: bool
    gains: int
    losses: int


class ShareForm(CockpitForm):
    """What one node says about a thing."""

    ends_on = forms.DateField(
        label=gettext_lazy("Until the end of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Without a date it holds until somebody changes it."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("It stands in the audit log."),
    )

    def grant(self, act: str) -> Grant | None:
        """Return what was chosen; None says nothing."""
        if act == "nothing":
            return None
        day = self.cleaned_data["ends_on"]
        ends_at = day and datetime.combine(day, time.max, tzinfo=get_current_timezone())
        return Grant(is_denial=act == "deny", ends_at=ends_at)


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of sharing."""
    view, manage = site.permission("view_access"), site.permission("manage_access")

    @page(permission=view)
    def things(request: HttpRequest) -> HttpResponse:
        scope = scope_of(request.user, site.slug)
        kinds = [
            (
                kind,
                [ShareDesk(request, site, scope, each).line() for each in kind.all_of(site.slug)],
            )
            for kind in resource_types(site.slug)
        ]
        return render_page(request, "product/sharing.html", title=_("Sharing"), kinds=kinds)

    @page(permission=view)
    def thing(request: HttpRequest, kind: str, thing_id: UUID) -> HttpResponse:
        scope = scope_of(request.user, site.slug)
        desk = ShareDesk(request, site, scope, resource_named(site.product, kind, thing_id))
        term = request.GET.get("q", "").strip()[:100]
        can_manage = may(request.user, manage)
        return render_page(
            request,
            "product/share.html",
            title=desk.resource.name,
            crumbs=[(_("Sharing"), reverse(f"{site.slug}:sharing"))],
            fragment="found" if "q" in request.GET else "",
            term=term,
            found=desk.found(term),
            resource=desk.resource,
            home=desk.home,
            rows=[(each, desk.href(each.row)) for each in desk.said()],
            can_manage=can_manage,
            opening=desk.opening() if can_manage and scope.everything else None,
            open_href=reverse(f"{site.slug}:share-open", args=(kind, thing_id)),
            undo=desk.undoable() if can_manage else None,
            undo_href=reverse(f"{site.slug}:share-undo", args=(kind, thing_id)),
        )

    @page(permission=manage, methods=("GET", "POST"))
    def node(
        request: HttpRequest, kind: str, thing_id: UUID, node_kind: str, node_id: UUID
    ) -> HttpResponse:
        scope = scope_of(request.user, site.slug)
        desk = ShareDesk(request, site, scope, resource_named(site.product, kind, thing_id))
        row = row_named(site.product, scope, node_kind, node_id)
        check_editable(row)
        form = ShareForm(request.POST or None, initial=desk.initial(row))
        act = request.POST.get("act", "")
        seen = mark_of(desk.grant_of(row))
        if request.method == "POST" and act in _ACTS and form.is_valid():
            with problems_as_form_errors(form):
                if not is_as_seen(request, seen):
                    raise changed(row.node)
                said = {row.node: (row, form.grant(act))}
                desk.apply(said, form.cleaned_data["reason"], label=row.node.label)
                return HttpResponseRedirect(desk.home)
        return render_page(
            request,
            "product/share_node.html",
            title=_("%(what)s for %(node)s") % {"what": desk.resource.name, "node": row.node.label},
            fragment="choice",
            crumbs=[
                (_("Sharing"), reverse(f"{site.slug}:sharing")),
                (desk.resource.name, desk.home),
            ],
            status=form.http_status,
            form=form,
            row=row,
            resource=desk.resource,
            action=request.path,
            # Fresh each time: who has just seen that it changed may save.
            seen=seen,
            options=desk.options(row),
        )

    @page(permission=manage, methods=("POST",))
    def open_(request: HttpRequest, kind: str, thing_id: UUID) -> HttpResponse:
        scope = scope_of(request.user, site.slug)
        desk = ShareDesk(request, site, scope, resource_named(site.product, kind, thing_id))
        is_open = request.POST.get("open") == "1"
        done = (
            _("Everyone has it now.")
            if is_open
            else _("Only those have it now with whom it is shared.")
        )
        with problems_as_messages(request, done=done):
            open_to_everyone(
                site.product, scope, desk.resource, is_open=is_open, actor=actor_of(request)
            )
        return HttpResponseRedirect(desk.home)

    @page(permission=manage, methods=("POST",))
    def undo(request: HttpRequest, kind: str, thing_id: UUID) -> HttpResponse:
        scope = scope_of(request.user, site.slug)
        desk = ShareDesk(request, site, scope, resource_named(site.product, kind, thing_id))
        with problems_as_messages(request):
            desk.revert()
        return HttpResponseRedirect(back_to(request, desk.home))

    at = "sharing/<slug:kind>/<uuid:thing_id>/"
    return [
        path("sharing/", things, name="sharing"),
        path(at, thing, name="share-thing"),
        path(f"{at}open/", open_, name="share-open"),
        path(f"{at}undo/", undo, name="share-undo"),
        path(f"{at}<str:node_kind>/<uuid:node_id>/", node, name="share"),
    ]


class ShareDesk:
    """One thing, and what a request does with it."""

    def __init__(
        self, request: HttpRequest, site: ProductSite, scope: Scope, resource: Resource
    ) -> None:
        self._request, self._site, self._scope = request, site, scope
        self.resource = resource
        self.home = reverse(f"{site.slug}:share-thing", args=(resource.type, resource.id))

    @property
    def access(self) -> ProductAccess:
        """What decides about the thing, as it is now."""
        return granting_access(self._site.product, [self.resource])

    def line(self) -> tuple[Resource, str, int]:
        """Return the thing, its page, and how many nodes in the scope say something about it."""
        return self.resource, self.home, self._rows().count()

    def said(self) -> list[Any]:
        """Return what nodes say, outermost first."""
        found = sharings(self._site.product, self._scope, list(self._rows()))
        return sorted(found, key=lambda each: (each.row.depth, each.row.node.label))

    def found(self, term: str) -> list[Found]:
        """Return the nodes of a name, and whether each has the thing through what."""
        if not term:
            return []
        access, moment = self.access, now()
        return [
            Found(
                row,
                (decision := access.why_thing(self.resource.thing, row.path, at=moment)).is_allowed,
                reason_in_words(decision, self.resource.name),
                self.href(row),
            )
            for row in nodes_like(self._site.product, self._scope, term)
        ]

    def href(self, row: PolicyRow) -> str:
        """Return where to say something for a node; empty where it is not in one's hands."""
        if not row.can_edit or not may(self._request.user, self._site.permission("manage_access")):
            return ""
        where = (self.resource.type, self.resource.id, row.node.kind, row.node.id)
        return reverse(f"{self._site.slug}:share", args=where)

    def grant_of(self, row: PolicyRow) -> Grant | None:
        """Return what a node says now."""
        return self.access.grants.get(self.resource.thing, {}).get(row.node.id)

    def initial(self, row: PolicyRow) -> dict[str, Any]:
        """Return what a node says now, for the form."""
        grant = self.grant_of(row)
        ends_at = None if grant is None else grant.ends_at
        return {"ends_on": ends_at and ends_at.astimezone(get_current_timezone()).date()}

    def options(self, row: PolicyRow) -> list[Option]:
        """Return what the node could say, with what would come of it."""
        access = self.access
        current = access.grants.get(self.resource.thing, {}).get(row.node.id)
        labels = {"allow": _("Allow"), "deny": _("Deny"), "nothing": _("Say nothing")}
        made: list[Option] = []
        for act, grant in (
            ("allow", Grant()),
            ("deny", Grant(is_denial=True)),
            ("nothing", None),
        ):
            effect = effect_of_grants(
                self._site.product, access, self.resource.thing, {row.node: grant}, now()
            )
            is_now = (current is None and grant is None) or (
                current is not None and grant is not None and current.is_denial == grant.is_denial
            )
            gains = effect.gains.get(self.resource.thing, 0)
            losses = effect.losses.get(self.resource.thing, 0)
            made.append(Option(act, labels[act], is_now, gains, losses))
        return made

    def apply(
        self,
        said: Mapping[PathNode, tuple[PolicyRow, Grant | None]],
        reason: str,
        *,
        label: str,
        seen: Mapping[PathNode, Grant | None] | None = None,
    ) -> None:
        """Save what nodes say, all or none, and keep what they said for a click on Revert.

        Raises:
            ChangedMeanwhile: one does not say any more what was `seen`.
        """
        access = self.access
        for row, grant in said.values():
            check_grant_within(access, row, self._scope, self.resource, grant)
        grants = {node: grant for node, (_row, grant) in said.items()}
        before = set_grants(
            product=self._site.slug,
            resource=self.resource,
            grants=grants,
            seen=seen,
            actor=actor_of(self._request),
            reason=reason,
        )
        if not before:
            messages.info(self._request, _("Nothing to change."))
            return
        self._request.session[_UNDO] = {
            "thing": str(self.resource.id),
            "label": label,
            "nodes": [
                {"node": str(node.id), "said": _packed(was), "left": _packed(grants[node])}
                for node, was in before.items()
            ],
        }
        done = _("%s is changed. It counts from the next call on.") % label
        messages.success(self._request, done)

    def opening(self) -> Option:
        """Return what opening it to everyone would do, or closing it if it is open."""
        is_open, thing = not self.resource.is_open, self.resource.thing
        effect = effect_of_opening(
            self._site.product, self.access, thing, is_open=is_open, at=now()
        )
        label = _("Open it to everyone") if is_open else _("Only those it is shared with")
        gains, losses = effect.gains.get(thing, 0), effect.losses.get(thing, 0)
        return Option("1" if is_open else "0", label, is_now=False, gains=gains, losses=losses)

    def undoable(self) -> str | None:
        """Return what can be reverted, by name."""
        kept = self._request.session.get(_UNDO)
        return kept["label"] if kept and kept["thing"] == str(self.resource.id) else None

    def revert(self) -> None:
        """Let the nodes of the last change say what they said before it."""
        label = self.undoable()
        if label is None:
            messages.info(self._request, _("There is nothing to revert."))
            return
        kept = self._request.session.pop(_UNDO)["nodes"]
        rows = rows_of_nodes(self._site.product, self._scope, {UUID(each["node"]) for each in kept})
        found = [(rows.get(UUID(each["node"])), each) for each in kept]
        said = {row.node: (row, _unpacked(each["said"])) for row, each in found if row is not None}
        seen = {row.node: _unpacked(each["left"]) for row, each in found if row is not None}
        self.apply(said, _("Reverted"), label=label, seen=seen)

    def _rows(self) -> Any:
        return grants_for(self._site.product, self._scope).filter(
            resource_type=self.resource.type, resource_id=self.resource.id
        )


def _packed(grant: Grant | None) -> dict[str, Any] | None:
    if grant is None:
        return None
    return {
        "is_denial": grant.is_denial,
        "ends_at": grant.ends_at and grant.ends_at.isoformat(),
        "carries_llm": grant.carries_llm,
    }


def _unpacked(kept: dict[str, Any] | None) -> Grant | None:
    if kept is None:
        return None
    ends_at = kept["ends_at"] and datetime.fromisoformat(kept["ends_at"])
    return Grant(kept["is_denial"], ends_at, kept["carries_llm"])
