"""Accepting an invitation, the profile, the development mailbox."""

from allauth.account.forms import LoginForm
from allauth.decorators import rate_limit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from core.identity import services
from core.identity.errors import InvitationInvalid
from core.identity.mailbox import mails
from core.identity.models import Invitation, User
from core.identity.selectors import account_admins, second_factor_of
from core.notifications.selectors import mail_choices
from core.tenancy.context import current_schema, in_account_schema
from core.ui.identity.forms import InvitationForm, ProfileForm
from core.ui.middleware import actor_of
from core.ui.pages import problems_as_form_errors, render_page


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(("GET", "HEAD", "POST"))
@rate_limit(action="reset_password_from_key")
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Let an invited person choose name and password, then sign them in."""
    try:
        invitation = services.open_invitation(token)
    except InvitationInvalid as problem:
        return _no_invitation(request, problem)
    form = InvitationForm(request.POST or None, initial={"name": invitation.user.name})
    if request.method == "POST" and form.is_valid():
        with problems_as_form_errors(form):
            return _accept(request, token=token, form=form)
    return render(
        request,
        "identity/invitation.html",
        {"form": form, "invitation": invitation, "is_other": _is_other(request, invitation)},
        status=422 if form.errors else 200,
    )


@login_required
@require_http_methods(("GET", "HEAD", "POST"))
def profile(request: HttpRequest) -> HttpResponse:
    """Show people what we know of them, and let them change their name."""
    user = request.user
    assert isinstance(user, User)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        services.rename_user(user=user, name=form.cleaned_data["name"], actor=actor_of(request))
        messages.success(request, _("Your name is saved."))
        return redirect("profile")
    return render_page(
        request,
        "identity/profile.html",
        title=_("Your profile"),
        status=422 if form.errors else 200,
        form=form,
        person=user,
        roles=user.roles.order_by("created_at"),
        second_factor=second_factor_of(user),
        needs_second_factor=settings.SUPER_ADMIN_NEEDS_TOTP and not in_account_schema(),
        helpers=_helpers(user),
        # Super admins have no inbox.
        mail_choices=mail_choices(user) if in_account_schema() else [],
    )


@require_safe
def mailbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that a development installation wrote instead of sending them."""
    if not (settings.DEMO or settings.DEBUG):
        raise Http404
    schema = current_schema() if in_account_schema() else None
    return render(request, "identity/mailbox.html", {"mails": mails(schema=schema)})


@require_http_methods(("GET", "HEAD", "POST"))
def signup_closed(request: HttpRequest) -> HttpResponse:
    """Explain how people get in, since nobody signs up by themselves."""
    return render(request, "account/signup_closed.html", status=403)


def _accept(request: HttpRequest, *, token: str, form: InvitationForm) -> HttpResponse:
    password = form.cleaned_data["password"]
    user = services.accept_invitation(
        token=token, name=form.cleaned_data["name"], password=password
    )
    # Whoever else was signed in here leaves first, with everything in that session.
    logout(request)
    # The same form as on the login page, so that a second factor is asked for and the limits on
    # attempts hold here too.
    login = LoginForm({"login": user.email, "password": password}, request=request)
    if login.is_valid():
        response: HttpResponse = login.login(request)
        return response
    return redirect("account_login")


def _no_invitation(request: HttpRequest, problem: InvitationInvalid) -> HttpResponse:
    context = {"problem": problem, "reason": problem.extensions.get("reason", "")}
    return render(request, "identity/invitation_invalid.html", context, status=problem.status)


def _is_other(request: HttpRequest, invitation: Invitation) -> bool:
    return request.user.is_authenticated and request.user.pk != invitation.user_id


def _helpers(user: User) -> list[User]:
    """Who may do for this person what the profile does not offer."""
    if in_account_schema():
        return list(account_admins().exclude(pk=user.pk)[:5])
    return list(User.objects.filter(is_active=True).exclude(pk=user.pk)[:5])
