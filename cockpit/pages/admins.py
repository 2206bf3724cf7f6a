"""Account admins: who they are, appoint one by e-mail, remove one."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.identity.models import Role, RoleAssignment
from core.identity.services import appoint_account_admin, take_role
from core.kit.problems import NotFound
from core.ui.forms import CockpitForm
from core.ui.invitations import send_link
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page


class AppointForm(CockpitForm):
    """Makes somebody account admin."""

    email = forms.EmailField(label=gettext_lazy("E-mail address"), max_length=254)
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=150,
        required=False,
        help_text=gettext_lazy("For somebody who is new here."),
    )


@page(permission="account.manage_admins", methods=("GET", "POST"))
def admins(request: HttpRequest) -> HttpResponse:
    """Show who administers the account; POST appoints one more."""
    form = AppointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with problems_as_form_errors(form):
            appointment = appoint_account_admin(
                email=form.cleaned_data["email"],
                name=form.cleaned_data["name"],
                actor=actor_of(request),
            )
            if appointment.link is None:
                messages.success(request, _("%s is an account admin now.") % appointment.user)
                return HttpResponseRedirect(reverse("admins"))
            url = send_link(request, appointment.link)
            response = _show(request, AppointForm(), invited=appointment.user, link=url)
            # The page holds a link that lets somebody in; no cache may keep it.
            response["Cache-Control"] = "no-store"
            return response
    return _show(request, form)


@page(permission="account.manage_admins", methods=("POST",))
def remove(request: HttpRequest, assignment_id: UUID) -> HttpResponse:
    """Take the role away; the login and the seats stay."""
    assignment = (
        RoleAssignment.objects.select_related("user")
        .filter(pk=assignment_id, role=Role.ACCOUNT_ADMIN)
        .first()
    )
    if assignment is None:
        raise NotFound(_("This person is not an account admin any more."))
    with problems_as_messages(
        request, done=_("%s is not an account admin any more.") % assignment.user
    ):
        take_role(assignment=assignment, actor=actor_of(request))
    if assignment.user == request.user:
        # Who gives the role up may not see this page again.
        return HttpResponseRedirect("/")
    return HttpResponseRedirect(reverse("admins"))


def _show(request: HttpRequest, form: AppointForm, **more: Any) -> HttpResponse:
    rows = list(
        RoleAssignment.objects.filter(role=Role.ACCOUNT_ADMIN)
        .select_related("user")
        .order_by("created_at")
    )
    active = [row for row in rows if row.user.is_active]
    return render_page(
        request,
        "cockpit/admins.html",
        title=_("Account admins"),
        status=form.http_status,
        form=form,
        rows=rows,
        # The service refuses it too; the page says so before anybody tries.
        last=active[0].pk if len(active) == 1 else None,
        **more,
    )
