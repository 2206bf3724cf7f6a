"""The pages of one organization and of one team: figures, what is inside, rename, archive."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core.access.permissions import may
from core.access.scopes import Scope, scope_of
from core.credits.selectors import balances_of
from core.hierarchy import selectors
from core.hierarchy.administration import administrators_of, has_above, require_above
from core.hierarchy.archiving import preview_node_archive
from core.hierarchy.product import Product
from core.hierarchy.services import memberships, nodes
from core.ui.forms import CockpitForm
from core.ui.hierarchy.archiving import archive_page
from core.ui.hierarchy.forms import OrganizationForm, ReasonForm, RenameForm, TeamForm
from core.ui.hierarchy.members import page_of_member, row_of
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page

# What a page shows of a long list; the list page shows all of it.
SHOWN = 50
CANDIDATES = 8


def urls(  # noqa: C901, PLR0915  one short view a route
    product: Product, model: type[Model]
) -> list[URLPattern]:
    """Return the routes of one kind of node: the product's organizations, or its teams."""
    is_team = model is product.team
    kind = "team" if is_team else "organization"
    node_for: Callable[[Product, Scope, UUID], Any] = (
        selectors.team_for if is_team else selectors.organization_for
    )
    view = f"{product.slug}.{'view_hierarchy' if is_team else 'view_organizations'}"
    manage = f"{product.slug}.manage_hierarchy"
    # To make, archive and restore one takes what stands above it.
    manage_above = f"{product.slug}.{'manage_teams' if is_team else 'manage_organizations'}"
    inside = _inside_team if is_team else _inside_organization
    prefix = f"{product.slug}_{kind}"
    plural = str(model._meta.verbose_name_plural).capitalize()

    def scope(request: HttpRequest) -> Scope:
        return scope_of(request.user, product.slug)

    def named(request: HttpRequest, node_id: UUID) -> Any:
        return node_for(product, scope(request), node_id)

    def named_below(request: HttpRequest, node_id: UUID) -> Any:
        """The node, for those who administer what stands above it."""
        node = named(request, node_id)
        require_above(scope(request), node)
        return node

    def home(node: Any) -> str:
        return reverse(f"admin:{prefix}_change", args=(node.pk,))

    def credits_page(request: HttpRequest) -> str:
        sees_it = may(request.user, f"{product.slug}.view_credits")
        return f"/{product.slug}/credits/" if sees_it else ""

    def show_node(request: HttpRequest, node: Any, rename: RenameForm) -> HttpResponse:
        can_manage = may(request.user, manage) and not getattr(node, "is_global", False)
        is_above = has_above(scope(request), node)
        return render_page(
            request,
            f"cockpit/hierarchy/{kind}.html",
            title=node.name,
            status=rename.http_status,
            crumbs=((plural, reverse(f"admin:{prefix}_changelist")),),
            node=node,
            kind=kind,
            paths=_paths(product, prefix, node) | {"credits": credits_page(request)},
            can_manage=can_manage,
            can_archive=can_manage and may(request.user, manage_above) and is_above,
            can_add_team=can_manage and may(request.user, f"{product.slug}.manage_teams"),
            administrators=_administrators(product, node),
            rename=rename,
            **inside(product, node, scope(request)),
            **_money(node),
        )

    def new_form(request: HttpRequest) -> CockpitForm:
        given = request.POST or None
        if not is_team:
            return OrganizationForm(given)
        asked = _id(request.GET.get("organization", ""))
        return TeamForm(
            given, product=product, scope=scope(request), initial={"organization": asked}
        )

    @page(permission=manage_above, methods=("GET", "POST"))
    def add(request: HttpRequest) -> HttpResponse:
        form = new_form(request)
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                create = nodes.create_team if is_team else nodes.create_organization
                node = create(product=product, actor=actor_of(request), **form.cleaned_data)
                messages.success(request, _("%s is there now.") % node)
                return HttpResponseRedirect(home(node))
        return render_page(
            request,
            "cockpit/hierarchy/node_add.html",
            title=_("New team") if is_team else _("New organization"),
            status=form.http_status,
            crumbs=((plural, reverse(f"admin:{prefix}_changelist")),),
            form=form,
            kind=kind,
            needs_organization=is_team and not form.fields["organization"].queryset.exists(),  # type: ignore[attr-defined]
            add_organization=reverse(f"admin:{product.slug}_organization_add"),
        )

    @page(permission=view)
    def show(request: HttpRequest, node_id: UUID) -> HttpResponse:
        node = named(request, node_id)
        return show_node(request, node, RenameForm(initial={"name": node.name}))

    @page(permission=manage, methods=("POST",))
    def rename(request: HttpRequest, node_id: UUID) -> HttpResponse:
        node = named(request, node_id)
        form = RenameForm(request.POST)
        if form.is_valid():
            with problems_as_form_errors(form):
                nodes.rename_node(
                    product=product,
                    node=node,
                    name=form.cleaned_data["name"],
                    actor=actor_of(request),
                )
        if form.errors:
            return show_node(request, named(request, node_id), form)
        return HttpResponseRedirect(home(node))

    def ask_to_archive(request: HttpRequest, node: Any) -> HttpResponse:
        if node.is_archived or getattr(node, "is_global", False):
            return HttpResponseRedirect(home(node))
        lists = _paths(product, prefix, node)
        return archive_page(
            request,
            preview_node_archive(product, node),
            title=_("Archive %s") % node,
            label=_("Archive"),
            crumbs=((plural, reverse(f"admin:{prefix}_changelist")), (node.name, home(node))),
            teams=lists["teams"],
            members=lists["members"],
        )

    @page(permission=manage_above, methods=("GET", "POST"))
    def archive(request: HttpRequest, node_id: UUID) -> HttpResponse:
        node = named_below(request, node_id)
        if request.method == "GET":
            return ask_to_archive(request, node)
        form = ReasonForm(request.POST, prefix="archive")
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        with problems_as_messages(request, done=_("%s is archived.") % node):
            nodes.archive_node(product=product, node=node, reason=reason, actor=actor_of(request))
        return HttpResponseRedirect(home(node))

    @page(permission=manage_above, methods=("POST",))
    def restore(request: HttpRequest, node_id: UUID) -> HttpResponse:
        node = named_below(request, node_id)
        with problems_as_messages(request, done=_("%s is back in use.") % node):
            nodes.restore_node(product=product, node=node, actor=actor_of(request))
        return HttpResponseRedirect(home(node))

    @page(permission=manage)
    def candidates(request: HttpRequest, node_id: UUID) -> HttpResponse:
        node = named(request, node_id)
        term = request.GET.get("q", "").strip()[:100]
        return render_page(
            request,
            "cockpit/hierarchy/candidates.html",
            title=_("Add people to %s") % node,
            fragment="found",
            crumbs=((str(node), home(node)),),
            node=node,
            term=term,
            paths=_paths(product, prefix, node),
            found=_found(product, scope(request), node, term),
        )

    @page(permission=manage, methods=("POST",))
    def place(request: HttpRequest, node_id: UUID) -> HttpResponse:
        node = named(request, node_id)
        asked = request.POST.get("member", "")
        member = selectors.candidate_for(product, scope(request), asked)
        organization, team = (node.organization, node) if is_team else (node, None)
        with problems_as_messages(request, done=_("%s is in now.") % member):
            memberships.place_member(
                product=product,
                member=member,
                organization=organization,
                team=team,
                actor=actor_of(request),
            )
        return HttpResponseRedirect(home(node))

    return [
        path("add/", add, name=f"{prefix}_add"),
        path("<uuid:node_id>/change/", show, name=f"{prefix}_change"),
        path("<uuid:node_id>/rename/", rename, name=f"{prefix}_rename"),
        path("<uuid:node_id>/archive/", archive, name=f"{prefix}_archive"),
        path("<uuid:node_id>/restore/", restore, name=f"{prefix}_restore"),
        path("<uuid:node_id>/candidates/", candidates, name=f"{prefix}_candidates"),
        path("<uuid:node_id>/members/", place, name=f"{prefix}_place"),
    ]


def _paths(product: Product, prefix: str, node: Any) -> dict[str, str]:
    acts = ("rename", "archive", "restore", "candidates", "place")
    own = {act: reverse(f"admin:{prefix}_{act}", args=(node.pk,)) for act in acts}
    lists = {
        noun: reverse(f"admin:{product.slug}_{noun}_changelist") for noun in ("team", "member")
    }
    if prefix.endswith("_team"):
        own["move"] = reverse(f"admin:{prefix}_move", args=(node.pk,))
    return {
        **own,
        "teams": f"{lists['team']}?organization={node.pk}",
        "members": f"{lists['member']}?place={node.pk}",
        "new_team": f"{lists['team']}add/?organization={node.pk}",
        "invite": f"{lists['member']}add/?place={node.pk}",
        "appoint": f"/{product.slug}/administrators/?node={node.pk}",
    }


def _inside_organization(product: Product, organization: Any, scope: Scope) -> dict[str, Any]:
    teams = selectors.teams_for(product, scope).filter(organization=organization, archived_at=None)
    people = selectors.members_in(product, organization)
    return {
        "teams": [
            (team, reverse(f"admin:{product.slug}_team_change", args=(team.pk,)))
            for team in teams[:SHOWN]
        ],
        **_people(product, people),
    }


def _inside_team(product: Product, team: Any, scope: Scope) -> dict[str, Any]:
    organization = team.organization
    link = reverse(f"admin:{product.slug}_organization_change", args=(organization.pk,))
    if not scope.has_organization(organization.pk):
        link = ""
    return {"organization_path": link, **_people(product, selectors.members_in(product, team))}


def _administrators(product: Product, node: Any) -> list[tuple[Any, str]]:
    """Who administers a node, each with the address that ends it."""
    name = f"{product.slug}:administrator-remove"
    rows = administrators_of(product, node)
    return [(row, reverse(name, args=(row.pk,))) for row in rows]


def _people(product: Product, rows: Any) -> dict[str, Any]:
    people = [row_of(member, page_of_member(product, member)) for member in rows[:SHOWN]]
    return {"people": people, "shown": SHOWN}


def _found(product: Product, scope: Scope, node: Any, term: str) -> list[tuple[Any, str]]:
    """Members who could be added, each with what the form sends for them."""
    rows = list(selectors.candidates_for(product, scope, node, term=term)[:CANDIDATES])
    # Of somebody outside the scope nothing is known here but the address that was typed.
    return [
        (member, str(member.pk) if scope.everything or member.places else member.user.email)
        for member in rows
    ]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _money(node: Any) -> dict[str, Any]:
    balance = balances_of([node.wallet_id]).get(node.wallet_id) if node.wallet_id else None
    return {"balance": balance}
