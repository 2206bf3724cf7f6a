"""Who administers an account: appoint, remove, invite again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from core.identity.services import InvitationLink
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, problems_as_messages
from superadmin.forms import PersonForm
from superadmin.pages.account import back_to, render_account
from tenants.models import Account
from tenants.selectors import account_named, admins_of, invitation_url
from tenants.services import admins as services

_TAB = "account-admins"


@page(permission="platform.manage_accounts")
def admins_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an account's admins."""
    return _admins(request, account_named(slug))


@page(permission="platform.manage_accounts", methods=("POST",))
def appoint(request: HttpRequest, slug: str) -> HttpResponse:
    """Make somebody admin of an account; a new person's invitation link is shown once."""
    account = account_named(slug)
    form = PersonForm(request.POST, name="appoint")
    if form.is_valid():
        with problems_as_form_errors(form):
            link = services.appoint_admin(
                account=account, **form.cleaned_data, actor=actor_of(request)
            )
            if link is not None:
                return _admins(request, account, link=link)
            messages.success(request, _("Appointed. They sign in with the password they have."))
            return back_to(account, _TAB)
    return _admins(request, account, form=form)


@page(permission="platform.manage_accounts", methods=("POST",))
def remove(request: HttpRequest, slug: str, user_id: UUID) -> HttpResponse:
    """Take the role of account admin from somebody."""
    account = account_named(slug)
    with problems_as_messages(request, done=_("Removed.")):
        services.remove_admin(
            account=account,
            user_id=user_id,
            reason=request.POST.get("reason", "").strip()[:500],
            actor=actor_of(request),
        )
    return back_to(account, _TAB)


@page(permission="platform.manage_accounts", methods=("POST",))
def invite_again(request: HttpRequest, slug: str, user_id: UUID) -> HttpResponse:
    """Send an admin who has not signed in yet a fresh link, and show it once."""
    account = account_named(slug)
    with problems_as_messages(request):
        link = services.invite_admin_again(
            account=account, user_id=user_id, actor=actor_of(request)
        )
        return _admins(request, account, link=link)
    return back_to(account, _TAB)


def _admins(
    request: HttpRequest,
    account: Account,
    *,
    form: PersonForm | None = None,
    link: InvitationLink | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {}
    if link is not None:
        context["invited"] = link.invitation.user
        context["invitation_url"] = invitation_url(account, link.token)
    return render_account(
        request,
        "superadmin/account/admins.html",
        account,
        tab=_TAB,
        status=422 if form is not None else 200,
        admins=admins_of(account),
        form=form or PersonForm(name="appoint"),
        **context,
    )
