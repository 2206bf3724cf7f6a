"""LLM access: which node may use which LLM, told apart by what is inherited and what is its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import escape
from django.utils.translation import gettext as _, gettext_lazy

from core.access.permissions import may
from core.access.rules.llms import NONE, Act, LlmPolicy, with_act
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.access.scopes import scope_of
from core.access.selectors import access_of, active_llm_ids
from core.access.services import changed, set_llm_policies
from core.hierarchy.effects import Effect, effect_of_policies, effects_of_policies
from core.hierarchy.policies import (
    PolicyRow,
    check_editable,
    check_within,
    row_named,
    rows_of_nodes,
)
from core.kit.problems import NotFound
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from core.ui.product.matrix import Cell, Column, Marks, Row, matrix_context, nodes_of
from core.ui.product.undoing import Undo, back_to, is_as_seen, mark_of
from core.ui.product.urls import ProductSite

UNDO = "llm_policy_before"
ACTS: tuple[Act, ...] = ("inherit", "allow", "block")


@dataclass(frozen=True, slots=True)
class Shift:
    """How many places gain, or lose, one LLM."""

    title: str
    count: int


class PolicyForm(CockpitForm):
    """What one node says about LLMs."""

    has_list = forms.BooleanField(
        label=gettext_lazy("Use a list of its own instead of what it inherits"), required=False
    )
    only = forms.MultipleChoiceField(
        label=gettext_lazy("Only these"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Nothing ticked means none."),
    )
    add = forms.MultipleChoiceField(
        label=gettext_lazy("Also these"), required=False, widget=forms.CheckboxSelectMultiple
    )
    block = forms.MultipleChoiceField(
        label=gettext_lazy("Never these"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Holds for everything below; nothing there brings them back."),
    )
    is_locked = forms.BooleanField(
        label=gettext_lazy("Lock: nothing below may widen this"), required=False
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("It stands in the audit log."),
    )

    def __init__(self, *args: Any, llms: Mapping[UUID, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(key), title) for key, title in llms.items()]
        for name in ("only", "add", "block"):
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = choices

    def policy(self) -> LlmPolicy:
        """Return what was chosen."""
        values = self.cleaned_data
        ids = {
            name: frozenset(UUID(each) for each in values[name])
            for name in ("only", "add", "block")
        }
        return LlmPolicy(
            only=ids["only"] if values["has_list"] else None,
            add=ids["add"],
            block=ids["block"],
            is_locked=values["is_locked"],
        )


def urls(site: ProductSite) -> list[URLPattern]:  # noqa: C901  one short view a route
    """Return the routes of LLM access."""
    view, manage = site.permission("view_access"), site.permission("manage_access")
    home = f"{site.slug}:llm-access"
    crumbs = [(_("LLM access"), f"/{site.slug}/llm-access/")]

    @page(permission=view)
    def matrix(request: HttpRequest) -> HttpResponse:
        desk = Desk(request, site)
        can_manage = may(request.user, manage)
        return render_page(
            request,
            "product/llm_access.html",
            title=_("LLM access"),
            fragment="matrix",
            llms=desk.llms,
            undo=desk.undoable() if can_manage else None,
            undo_url=f"{site.slug}:llm-access-undo",
            many_href=reverse(f"{site.slug}:llm-access-many") if can_manage else "",
            llms_href=reverse(f"{site.slug}:llms")
            if may(request.user, site.permission("view_llms"))
            else "",
            **matrix_context(
                request,
                site,
                desk.scope,
                label=_("LLM access"),
                home=reverse(home),
                columns=[Column(str(llm.pk), llm.title, llm.name) for llm in desk.llms],
                row_of=lambda rows: desk.rows(rows, can_manage=can_manage),
            ),
        )

    @page(permission=manage, methods=("GET", "POST"))
    def node(request: HttpRequest, kind: str, node_id: UUID) -> HttpResponse:
        desk = Desk(request, site)
        row = row_named(site.product, desk.scope, kind, node_id)
        check_editable(row)
        before = desk.access.policies.get(row.node.id, LlmPolicy())
        form = PolicyForm(request.POST or None, llms=desk.titles, initial=_initial(before))
        effect = None
        if request.method == "POST" and form.is_valid():
            policy = desk.with_hidden(before, form.policy())
            with problems_as_form_errors(form):
                if not is_as_seen(request, mark_of_policy(before)):
                    raise changed(row.node)
                check_within(desk.access, row, desk.scope, policy)
                effect = effect_of_policies(site.product, desk.access, {row.node: policy})
                if request.POST.get("act") == "apply":
                    desk.apply(row, policy, form.cleaned_data["reason"])
                    return HttpResponseRedirect(reverse(home))
        return render_page(
            request,
            "product/llm_policy.html",
            title=row.node.label,
            crumbs=crumbs,
            status=form.http_status,
            form=form,
            row=row,
            home_url=home,
            effect=effect and desk.shifts(effect),
            places=effect.places if effect else 0,
            # Fresh each time: who has just seen that it changed may save.
            seen=mark_of_policy(before),
            says_now=[] if is_as_seen(request, mark_of_policy(before)) else desk.in_words(before),
            inherited=[desk.titles[each] for each in desk.inherited(row) if each in desk.titles],
        )

    @page(permission=manage, methods=("GET", "POST"))
    def cell(request: HttpRequest, kind: str, node_id: UUID, llm_id: UUID) -> HttpResponse:
        desk = Desk(request, site)
        row = row_named(site.product, desk.scope, kind, node_id)
        check_editable(row)
        if llm_id not in desk.titles:
            raise NotFound("This LLM is not on for your account.")
        before = desk.access.policies.get(row.node.id, LlmPolicy())
        choices: dict[str, LlmPolicy] = {
            act: with_act(before, frozenset({llm_id}), act) for act in ACTS
        }
        chosen = choices.get(request.POST.get("act", ""))
        if request.method == "POST" and chosen is not None:
            with problems_as_messages(request):
                if not is_as_seen(request, mark_of_policy(before)):
                    raise changed(row.node)
                desk.apply(row, chosen, "")
            return HttpResponseRedirect(reverse(home))
        return render_page(
            request,
            "product/llm_cell.html",
            title=_("%(llm)s for %(node)s") % {"llm": desk.titles[llm_id], "node": row.node.label},
            fragment="choice",
            crumbs=crumbs,
            row=row,
            llm=desk.titles[llm_id],
            action=request.path,
            seen=mark_of_policy(before),
            node_href=desk.node_href(row),
            options=[
                (act, choices[act] == before, desk.shifts(effect))
                for act, effect in effects_of_policies(
                    site.product,
                    desk.access,
                    {act: {row.node: policy} for act, policy in choices.items()},
                ).items()
            ],
        )

    @page(permission=manage, methods=("POST",))
    def undo(request: HttpRequest) -> HttpResponse:
        desk = Desk(request, site)
        with problems_as_messages(request):
            desk.revert()
        return HttpResponseRedirect(back_to(request, reverse(home)))

    return [
        path("llm-access/", matrix, name="llm-access"),
        path("llm-access/undo/", undo, name="llm-access-undo"),
        path("llm-access/<str:kind>/<uuid:node_id>/", node, name="llm-access-node"),
        path("llm-access/<str:kind>/<uuid:node_id>/<uuid:llm_id>/", cell, name="llm-access-cell"),
    ]


class Desk:
    """What the views of one request work with."""

    def __init__(self, request: HttpRequest, site: ProductSite) -> None:
        account = request.account  # type: ignore[attr-defined]
        self._request, self._site = request, site
        self._undo = Undo(request, UNDO, site.slug)
        self.scope = scope_of(request.user, site.slug)
        self._offered = site.offered_llms(account.pk, site.slug)
        on = active_llm_ids(site.slug)
        self.llms = [llm for llm in self._offered if llm.pk in on]
        self.titles: dict[UUID, str] = {llm.pk: llm.title for llm in self.llms}

    @cached_property
    def access(self) -> ProductAccess:
        """All that decides about LLMs, everywhere in the account."""
        return self._access()

    def _access(self, rows: Sequence[PolicyRow] | None = None) -> ProductAccess:
        offered = (llm.pk for llm in self._offered)
        nodes = None if rows is None else nodes_of(rows)
        return access_of(self._site.slug, offered=offered, nodes=nodes, parts=("policies",))

    def rows(self, rows: Sequence[PolicyRow], *, can_manage: bool) -> Callable[[PolicyRow], Row]:
        """Return what makes a row of the matrix of one of some nodes."""
        access = self._access(rows)
        marks = Marks(_("may use"), _("may not use"))
        columns = [(llm.pk, escape(llm.title)) for llm in self.llms]

        def row_of(row: PolicyRow) -> Row:
            policy = access.policies.get(row.node.id, LlmPolicy())
            usable = access.llms(row.path)
            href = self.node_href(row) if can_manage and row.can_edit else ""
            cells = [Cell(key in usable, _own(policy, key)) for key, _title in columns]
            html = marks.row(
                row.node.label,
                (
                    (cell, title, f"{href}{key}/" if href else "")
                    for cell, (key, title) in zip(cells, columns, strict=True)
                ),
            )
            return Row(row, cells, html, is_locked=policy.is_locked, href=href)

        return row_of

    def node_href(self, row: PolicyRow) -> str:
        """Return the address of a node's own page."""
        return self._href("node", row)

    def inherited(self, row: PolicyRow) -> list[UUID]:
        """Return what a node has before it says anything itself."""
        above = self.access.llms(row.path[:-1])
        return [key for key in self.titles if key in above]

    def shifts(self, effect: Effect) -> dict[str, list[Shift]]:
        """Return an effect by name."""
        return {
            name: [
                Shift(self.titles[key], count)
                for key, count in sorted(counts.items(), key=lambda pair: -pair[1])
                if key in self.titles
            ]
            for name, counts in (("gains", effect.gains), ("losses", effect.losses))
        }

    def in_words(self, policy: LlmPolicy) -> list[str]:
        """Return what a node says, a line for each of its rules."""

        def named(ids: frozenset[UUID]) -> str:
            titles = sorted(self.titles[each] for each in ids if each in self.titles)
            return ", ".join(titles) or _("none")

        lines = [] if policy.only is None else [_("Only: %s") % named(policy.only)]
        lines += [_("Also: %s") % named(policy.add)] if policy.add else []
        lines += [_("Never: %s") % named(policy.block)] if policy.block else []
        lines += [_("Locked")] if policy.is_locked else []
        return lines or [_("It inherits")]

    def with_hidden(self, before: LlmPolicy, policy: LlmPolicy) -> LlmPolicy:
        """Keep what a policy says of LLMs that the form could not show, as they are off now."""

        def hidden(ids: frozenset[UUID]) -> frozenset[UUID]:
            return ids - self.titles.keys()

        return replace(
            policy,
            only=None if policy.only is None else policy.only | hidden(before.only or NONE),
            add=policy.add | hidden(before.add),
            block=policy.block | hidden(before.block),
        )

    def apply(self, row: PolicyRow, policy: LlmPolicy, reason: str) -> None:
        """Save one policy."""
        self.apply_all({row.node: (row, policy)}, reason, label=row.node.label)

    def apply_all(
        self,
        said: Mapping[PathNode, tuple[PolicyRow, LlmPolicy]],
        reason: str,
        *,
        label: str,
        seen: Mapping[PathNode, LlmPolicy] | None = None,
    ) -> None:
        """Save policies, all or none, and keep those before for a click on Revert.

        They follow from what this request has read, or from what was `seen` before it.

        Raises:
            ChangedMeanwhile: a node says something else by now.
        """
        for row, policy in said.values():
            check_within(self.access, row, self.scope, policy)
        policies = {node: policy for node, (_row, policy) in said.items()}
        now = {node: self.access.policies.get(node.id, LlmPolicy()) for node in said}
        before = set_llm_policies(
            product=self._site.slug,
            policies=policies,
            seen=now if seen is None else seen,
            names={llm.pk: llm.name for llm in self.llms},
            actor=actor_of(self._request),
            reason=reason,
        )
        if not before:
            messages.info(self._request, _("Nothing to change."))
            return
        self._undo.keep(
            label,
            [
                {**_packed(node, policy), "left": _packed(node, policies[node])}
                for node, policy in before.items()
            ],
        )
        messages.success(
            self._request, _("%s is changed. It counts from the next call on.") % label
        )

    def revert(self) -> None:
        """Let the nodes of the last change say what they said before."""
        label, kept = self._undo.label, self._undo.take()
        if label is None:
            messages.info(self._request, _("There is nothing to revert."))
            return
        rows = rows_of_nodes(self._site.product, self.scope, {UUID(each["node"]) for each in kept})
        said = {
            row.node: (row, _unpacked(each))
            for each in kept
            if (row := rows.get(UUID(each["node"]))) is not None
        }
        seen = {
            row.node: _unpacked(each["left"])
            for each in kept
            if "left" in each and (row := rows.get(UUID(each["node"]))) is not None
        }
        self.apply_all(said, _("Reverted"), label=label, seen=seen)

    def undoable(self) -> str | None:
        """Return what can be reverted, by name."""
        return self._undo.label

    def _href(self, name: str, row: PolicyRow, *more: UUID) -> str:
        return reverse(
            f"{self._site.slug}:llm-access-{name}", args=(row.node.kind, row.node.id, *more)
        )


def _own(policy: LlmPolicy, llm: UUID) -> str:
    if llm in policy.block:
        return "blocked"
    if llm in policy.add:
        return "added"
    if policy.only is not None:
        return "listed" if llm in policy.only else "unlisted"
    return ""


def _initial(policy: LlmPolicy) -> dict[str, Any]:
    return {
        "has_list": policy.only is not None,
        "only": [str(each) for each in policy.only or ()],
        "add": [str(each) for each in policy.add],
        "block": [str(each) for each in policy.block],
        "is_locked": policy.is_locked,
    }


def _packed(node: PathNode, policy: LlmPolicy) -> dict[str, Any]:
    return {"node": str(node.id), **_initial(policy)}


def mark_of_policy(policy: LlmPolicy) -> str:
    """Return the mark of what a node says."""
    only = None if policy.only is None else sorted(policy.only)
    return mark_of(only, sorted(policy.add), sorted(policy.block), policy.is_locked)


def _unpacked(kept: Mapping[str, Any]) -> LlmPolicy:
    def ids(name: str) -> frozenset[UUID]:
        return frozenset(UUID(each) for each in kept[name])

    return LlmPolicy(
        only=ids("only") if kept["has_list"] else None,
        add=ids("add"),
        block=ids("block"),
        is_locked=kept["is_locked"],
    )
