"""Super admins: add, look at one, deactivate, reactivate, invite again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from core.identity.models import User
from core.identity.selectors import has_second_factor
from core.identity.services import InvitationLink
from core.kit.problems import NotFound
from core.ui.audit import shown_entries
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from superadmin.forms import PersonForm, ReasonForm
from tenants.services import super_admins as services

_PERMISSION = "platform.manage_super_admins"
_AUDIT_TAIL = 10


@page(permission=_PERMISSION)
def person(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Show one super admin."""
    return _person(request, _user(user_id))


@page(permission=_PERMISSION, methods=("GET", "POST"))
def add(request: HttpRequest) -> HttpResponse:
    """Invite one more super admin; the link is shown once."""
    form = PersonForm(request.POST or None, name="person")
    if request.method == "POST" and form.is_valid():
        with problems_as_form_errors(form):
            link = services.add_super_admin(**form.cleaned_data, actor=actor_of(request))
            return _person(request, link.invitation.user, link=link, status=201)
    return render_page(
        request,
        "superadmin/people/new.html",
        title=_("New super admin"),
        crumbs=_crumbs(),
        status=form.http_status,
        form=form,
    )


@page(permission=_PERMISSION, methods=("POST",))
def deactivate(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """End somebody's sign-ins at once."""
    user = _user(user_id)
    form = ReasonForm(request.POST, name="deactivate")
    if form.is_valid():
        with problems_as_form_errors(form):
            services.deactivate_super_admin(user=user, **form.cleaned_data, actor=actor_of(request))
            messages.success(request, _("Deactivated. Their sessions have ended."))
            return _back(user)
    return _person(request, user, form=form, status=422)


@page(permission=_PERMISSION, methods=("POST",))
def reactivate(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Let somebody sign in again."""
    user = _user(user_id)
    link = services.reactivate_super_admin(user=user, actor=actor_of(request))
    if link is not None:
        return _person(request, user, link=link)
    messages.success(request, _("Active again."))
    return _back(user)


@page(permission=_PERMISSION, methods=("POST",))
def invite_again(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Send a fresh link to somebody who has not signed in yet, and show it once."""
    user = _user(user_id)
    with problems_as_messages(request):
        link = services.invite_super_admin_again(user=user, actor=actor_of(request))
        return _person(request, user, link=link)
    return _back(user)


def _person(
    request: HttpRequest,
    user: User,
    *,
    form: ReasonForm | None = None,
    link: InvitationLink | None = None,
    status: int = 200,
) -> HttpResponse:
    acts, _earlier = shown_entries(by=user.pk, limit=_AUDIT_TAIL)
    context: dict[str, Any] = {}
    if link is not None:
        context["invitation_url"] = services.super_admin_invitation_url(link)
    return render_page(
        request,
        "superadmin/people/detail.html",
        title=str(user),
        crumbs=_crumbs(),
        status=status,
        person=user,
        has_joined=user.has_usable_password(),
        has_second_factor=has_second_factor(user),
        is_self=user.pk == request.user.pk,
        form=form or ReasonForm(name="deactivate"),
        entries=acts,
        **context,
    )


def _crumbs() -> tuple[tuple[Any, str], ...]:
    return ((_("Super admins"), reverse("admin:identity_user_changelist")),)


def _user(user_id: UUID) -> User:
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound("There is no such super admin.")
    return user


def _back(user: User) -> HttpResponse:
    return HttpResponseRedirect(reverse("platform:super-admin", args=(user.pk,)))
