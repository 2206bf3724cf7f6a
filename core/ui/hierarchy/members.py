"""The pages of members: add one, and one's places, invitation, use and history."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access.scopes import Scope, scope_of
from core.hierarchy import selectors
from core.hierarchy.administration import (
    has_whole_seat,
    nodes_in,
    require_whole_login,
    require_whole_seat,
)
from core.hierarchy.archiving import preview_member_archive
from core.hierarchy.product import Product
from core.hierarchy.services import members
from core.hierarchy.states import member_state
from core.identity.models import Invitation, Role, RoleAssignment
from core.identity.services import invite_user, revoke_invitation
from core.kit.clock import now
from core.kit.problems import Conflict
from core.ui.audit import shown_entries
from core.ui.hierarchy import places
from core.ui.hierarchy.archiving import archive_page
from core.ui.hierarchy.forms import InviteForm, ReasonForm
from core.ui.invitations import send_link, shows_links
from core.ui.middleware import actor_of
from core.ui.pages import (
    page,
    problems_as_form_errors,
    problems_as_messages,
    render_page,
)
from core.usage import selectors as usage

DAYS = 30
_TEMPLATE = "cockpit/hierarchy/member.html"


@dataclass(frozen=True, slots=True)
class State:
    """How far somebody is in, as a badge."""

    name: str
    label: Any
    tone: str
    icon: str


_STATES = {
    "active": State("active", gettext_lazy("Active"), "success", "check"),
    "invited": State("invited", gettext_lazy("Invited"), "info", "mail"),
    "expired": State("expired", gettext_lazy("Invitation expired"), "warning", "schedule"),
    "deactivated": State("deactivated", gettext_lazy("Deactivated"), "danger", "block"),
    "archived": State("archived", gettext_lazy("Archived"), "", "inventory_2"),
}
_UNINVITED = State("uninvited", gettext_lazy("Not invited yet"), "warning", "mail_off")


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member in a table of a node's page."""

    member: Any
    href: str
    state: State


def state_of(member: Any) -> State:
    """Return how far a member of `members_for` is in."""
    name = member_state(member)
    if name == "expired" and member.invited_until is None:
        return _UNINVITED
    return _STATES[name]


def row_of(member: Any, href: str) -> MemberRow:
    """Return a member as a row."""
    return MemberRow(member, href, state_of(member))


def page_of_member(product: Product, member: Any) -> str:
    """Return the address of a member's page."""
    return reverse(f"admin:{product.slug}_member_change", args=(member.pk,))


def urls(product: Product) -> list[URLPattern]:  # noqa: C901, PLR0915  one short view a route
    """Return the routes of members."""
    view, manage = f"{product.slug}.view_hierarchy", f"{product.slug}.manage_hierarchy"
    prefix = f"{product.slug}_member"
    crumbs = ((_("Members"), f"/{product.slug}/member/"),)

    def scope(request: HttpRequest) -> Scope:
        return scope_of(request.user, product.slug)

    def named(request: HttpRequest, member_id: UUID) -> Any:
        return selectors.member_for(product, scope(request), member_id)

    def named_whole(request: HttpRequest, member_id: UUID) -> Any:
        """The member, for those who administer all that the person has in the product."""
        member = named(request, member_id)
        require_whole_seat(product, scope(request), member)
        return member

    @page(permission=manage, methods=("GET", "POST"))
    def add(request: HttpRequest) -> HttpResponse:
        form = InviteForm(
            request.POST or None,
            product=product,
            scope=scope(request),
            initial={name: request.GET.get(name, "") for name in ("email", "place")},
        )
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                organization, team = form.cleaned_data["place"] or (None, None)
                seat = members.invite_member(
                    product=product,
                    email=form.cleaned_data["email"],
                    name=form.cleaned_data["name"],
                    organization=organization,
                    team=team,
                    actor=actor_of(request),
                )
                return added(request, seat)
        return render_page(
            request,
            "cockpit/hierarchy/member_add.html",
            title=_("Add a member"),
            status=form.http_status,
            crumbs=crumbs,
            form=form,
            name=product.title,
        )

    def added(request: HttpRequest, seat: members.NewSeat) -> HttpResponse:
        home = page_of_member(product, seat.member)
        link = send_link(request, seat.link) if seat.link is not None else ""
        if seat.link is None or not shows_links(request):
            done = _("%s was invited by e-mail.") if link else _("%s has a seat now.")
            messages.success(request, done % seat.member)
            return HttpResponseRedirect(home)
        response = render_page(
            request,
            "cockpit/hierarchy/member_added.html",
            title=_("Invitation sent"),
            crumbs=crumbs,
            member=seat.member,
            link=link,
            expires_at=seat.link.invitation.expires_at,
            home=home,
            again=request.get_full_path(),
        )
        return _not_kept(response)

    @page(permission=view)
    def show(request: HttpRequest, member_id: UUID) -> HttpResponse:
        return shown(request, member_id)

    def shown(request: HttpRequest, member_id: UUID, **more: Any) -> HttpResponse:
        member = named(request, member_id)
        own = scope(request)
        is_whole = has_whole_seat(product, own, member)
        entries, _more = shown_entries(
            limit=6, product=product.slug, about=member.pk, within=nodes_in(product, own)
        )
        return render_page(
            request,
            _TEMPLATE,
            title=str(member),
            crumbs=crumbs,
            member=member,
            state=state_of(member),
            is_account_admin=RoleAssignment.objects.filter(
                user=member.user, role=Role.ACCOUNT_ADMIN
            ).exists(),
            days=DAYS,
            totals=usage.totals(
                product.slug, own, since=now() - timedelta(days=DAYS), member_id=member.pk
            ),
            last_calls=usage.recent_calls(product.slug, own, limit=5, member_id=member.pk),
            entries=entries,
            is_whole=is_whole,
            **places.places_context(request, product, member),
            **more,
        )

    @page(permission=manage, methods=("POST",))
    def invite(request: HttpRequest, member_id: UUID) -> HttpResponse:
        user = named(request, member_id).user
        if user.has_joined:
            raise Conflict(_("%s has accepted already.") % user)
        link = send_link(request, invite_user(user=user, actor=actor_of(request)))
        if shows_links(request):
            return _not_kept(shown(request, member_id, link=link))
        messages.success(request, _("A new invitation was sent to %s.") % user.email)
        return HttpResponseRedirect(reverse(f"admin:{prefix}_change", args=(member_id,)))

    @page(permission=manage, methods=("POST",))
    def withdraw(request: HttpRequest, member_id: UUID) -> HttpResponse:
        member = named_whole(request, member_id)
        require_whole_login(request.user, member)
        done = _("The invitation of %s is withdrawn; its link does not work any more.") % member
        with problems_as_messages(request, done=done):
            revoke_invitation(invitation=_open_invitation(member), actor=actor_of(request))
        return HttpResponseRedirect(page_of_member(product, member))

    @page(permission=manage, methods=("GET", "POST"))
    def archive(request: HttpRequest, member_id: UUID) -> HttpResponse:
        member = named_whole(request, member_id)
        home = page_of_member(product, member)
        if request.method == "GET" and member.is_archived:
            return HttpResponseRedirect(home)
        if request.method == "GET":
            return archive_page(
                request,
                preview_member_archive(product, member),
                title=_("Take the seat of %s away") % member,
                label=_("Take the seat away"),
                crumbs=(*crumbs, (str(member), home)),
            )
        form = ReasonForm(request.POST, prefix="archive")
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        with problems_as_messages(request, done=_("%s has no seat any more.") % member):
            members.archive_member(
                product=product, member=member, reason=reason, actor=actor_of(request)
            )
        return HttpResponseRedirect(page_of_member(product, member))

    @page(permission=manage, methods=("POST",))
    def restore(request: HttpRequest, member_id: UUID) -> HttpResponse:
        member = named_whole(request, member_id)
        with problems_as_messages(request, done=_("%s has the seat back.") % member):
            members.restore_member(product=product, member=member, actor=actor_of(request))
        return HttpResponseRedirect(page_of_member(product, member))

    one = "<uuid:member_id>"
    return [
        path("add/", add, name=f"{prefix}_add"),
        path(f"{one}/change/", show, name=f"{prefix}_change"),
        path(f"{one}/invite/", invite, name=f"{prefix}_invite"),
        path(f"{one}/withdraw/", withdraw, name=f"{prefix}_withdraw"),
        path(f"{one}/archive/", archive, name=f"{prefix}_archive"),
        path(f"{one}/restore/", restore, name=f"{prefix}_restore"),
        *places.urls(product, template=_TEMPLATE),
    ]


def _open_invitation(member: Any) -> Invitation:
    rows = Invitation.objects.filter(user=member.user, accepted_at=None, revoked_at=None)
    found = rows.order_by("-created_at").first()
    if found is None:
        raise Conflict(_("No invitation of %s is open.") % member)
    return found


def _not_kept(response: HttpResponse) -> HttpResponse:
    # The page holds a link that lets somebody in; no cache may keep it.
    response["Cache-Control"] = "no-store"
    return response
