"""Administrators: who administers what in a product, and appointing and removing them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.permissions import may
from core.access.scopes import Scope, scope_of
from core.hierarchy.administration import administrator_for, administrators_for
from core.hierarchy.product import Product
from core.hierarchy.services.administrators import appoint_administrator, remove_administrator
from core.identity.selectors import account_admins
from core.identity.services import Appointment
from core.ui.forms import CockpitForm
from core.ui.hierarchy.forms import PlaceField
from core.ui.invitations import send_link, shows_links
from core.ui.middleware import actor_of
from core.ui.once import shown_once
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from core.ui.product.urls import ProductSite

PAGE_SIZE = 50


class AppointForm(CockpitForm):
    """Lets somebody administer an organization or a team."""

    node = PlaceField(label=gettext_lazy("Administers"))
    email = forms.EmailField(label=gettext_lazy("E-mail address"), max_length=254)
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=150,
        required=False,
        help_text=gettext_lazy("For somebody who is new here."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("It stands in the audit log."),
    )

    def __init__(self, *args: Any, product: Product, scope: Scope, **options: Any) -> None:
        super().__init__(*args, **options)
        node: PlaceField = self.fields["node"]  # type: ignore[assignment]
        node.offer(
            product, scope, empty=_("Choose an organization or a team"), whole=_("all of %s")
        )


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the administrators page."""
    home = f"{site.slug}:administrators"
    manage = site.permission("manage_admins")

    def scope(request: HttpRequest) -> Scope:
        return scope_of(request.user, site.slug)

    @page(permission=manage, methods=("GET", "POST"))
    def administrators(request: HttpRequest) -> HttpResponse:
        own = scope(request)
        form = AppointForm(
            request.POST or None,
            product=site.product,
            scope=own,
            initial={"node": request.GET.get("node", "")},
        )
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                return _appointed(request, site, form, own)
        return _show(request, site, form, own)

    @page(permission=manage, methods=("POST",))
    def remove(request: HttpRequest, assignment_id: UUID) -> HttpResponse:
        own = scope(request)
        assignment: Any = administrator_for(site.product, own, assignment_id)
        done = _("%(person)s does not administer %(node)s any more.") % {
            "person": assignment.user,
            "node": assignment.node_name,
        }
        with problems_as_messages(request, done=done):
            remove_administrator(
                product=site.product,
                assignment=assignment,
                reason=request.POST.get("reason", "").replace("\x00", "").strip()[:200],
                scope=own,
                actor=actor_of(request),
            )
        # Who gives their own role up may not see this page again.
        is_own = assignment.user == request.user
        return HttpResponseRedirect("/" if is_own else reverse(home))

    return [
        path("administrators/", administrators, name="administrators"),
        path("administrators/<uuid:assignment_id>/remove/", remove, name="administrator-remove"),
    ]


def _appointed(
    request: HttpRequest, site: ProductSite, form: AppointForm, scope: Scope
) -> HttpResponse:
    values = form.cleaned_data
    organization, team = values["node"]
    node = team or organization
    made = appoint_administrator(
        product=site.product,
        node=node,
        email=values["email"],
        name=values["name"],
        reason=values["reason"],
        scope=scope,
        actor=actor_of(request),
    )
    link = send_link(request, made.link) if made.link is not None else ""
    if link and shows_links(request):
        fresh = AppointForm(product=site.product, scope=scope)
        return shown_once(_show(request, site, fresh, scope, made=made, link=link))
    messages.success(request, _said(made, node))
    return HttpResponseRedirect(reverse(f"{site.slug}:administrators"))


def _said(made: Appointment, node: Any) -> str:
    words = {"person": made.user, "node": node}
    if made.link is None:
        return _("%(person)s administers %(node)s now.") % words
    return _("%(person)s administers %(node)s, and was invited by e-mail.") % words


def _show(
    request: HttpRequest, site: ProductSite, form: AppointForm, scope: Scope, **more: Any
) -> HttpResponse:
    term = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    rows = administrators_for(site.product, scope, term=term)
    is_open = "node" in request.GET and form.fields["node"].places  # type: ignore[attr-defined]
    return render_page(
        request,
        "product/administrators.html",
        title=_("Administrators"),
        status=form.http_status,
        fragment="found",
        form=form,
        shows_form=bool(form.errors or is_open),
        term=term,
        page=Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        account_admins=_account_admins(scope, term),
        manages_account_admins=may(request.user, "account.manage_admins"),
        home=f"{site.slug}:administrators",
        remove=f"{site.slug}:administrator-remove",
        change_organization=f"admin:{site.slug}_organization_change",
        change_team=f"admin:{site.slug}_team_change",
        **more,
    )


def _account_admins(scope: Scope, term: str) -> list[Any]:
    """Whoever administers everything; a branch need not know them."""
    if not scope.everything:
        return []
    words = term.lower().split()
    return [
        user
        for user in account_admins()
        if all(word in f"{user.name} {user.email}".lower() for word in words)
    ]
