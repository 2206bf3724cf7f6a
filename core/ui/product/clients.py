"""Client apps: the programs that call the cockpit for this product."""

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.tokens import services
from core.tokens.scopes import DEFAULT_SCOPES, SCOPES
from core.tokens.selectors import client_app_named, client_apps
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.once import is_first_time, new_nonce, sent_before, shown_once
from core.ui.pages import page, problems_as_form_errors, problems_as_messages, render_page
from core.ui.product.client_key import PublicKeyField
from core.ui.product.urls import ProductSite


class ClientAppForm(CockpitForm):
    """Creates a client app."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("For example alchemi-web production."),
    )
    act_for_members = forms.BooleanField(
        label=gettext_lazy("May act for members"),
        required=False,
        help_text=gettext_lazy(
            "The app may sign assertions and so act for any member of this product."
        ),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("May use its tokens for"),
        required=False,
        choices=[(scope, f"{about} ({scope})") for scope, about in SCOPES.items()],
        initial=DEFAULT_SCOPES,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Those with a colon also hold for the app itself, without a member. Without a choice: "
            "what running agents needs."
        ),
    )

    public_key = PublicKeyField()

    def clean_scopes(self) -> list[str]:
        """Return the chosen scopes, or what every app needs."""
        return list(self.cleaned_data["scopes"] or DEFAULT_SCOPES)


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of the client apps page."""
    home = f"{site.slug}:clients"
    manage = site.permission("manage_clients")

    @page(permission=manage, methods=("GET", "POST"))
    def clients(request: HttpRequest) -> HttpResponse:
        form = ClientAppForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            if not is_first_time(request):
                return sent_before(request, home)
            values: dict[str, Any] = form.cleaned_data
            with problems_as_form_errors(form):
                made = services.create_client_app(
                    product=site.slug, **values, actor=actor_of(request)
                )
                return _show(request, site, ClientAppForm(), made)
        return _show(request, site, form)

    @page(permission=manage, methods=("POST",))
    def rotate(request: HttpRequest, app_id: UUID) -> HttpResponse:
        app = client_app_named(site.slug, app_id)
        if not is_first_time(request):
            return sent_before(request, home)
        with problems_as_messages(request):
            made = services.rotate_client_secret(app=app, actor=actor_of(request))
            return _show(request, site, ClientAppForm(), made)
        return HttpResponseRedirect(reverse(home))

    @page(permission=manage, methods=("POST",))
    def act_for_members(request: HttpRequest, app_id: UUID) -> HttpResponse:
        app = client_app_named(site.slug, app_id)
        is_allowed = request.POST.get("allowed") == "1"
        done = _("%s may act for members.") if is_allowed else _("%s acts only for itself now.")
        with problems_as_messages(request, done=done % app):
            services.set_act_for_members(app=app, is_allowed=is_allowed, actor=actor_of(request))
        return HttpResponseRedirect(reverse(home))

    @page(permission=manage, methods=("POST",))
    def revoke(request: HttpRequest, app_id: UUID) -> HttpResponse:
        app = client_app_named(site.slug, app_id)
        with problems_as_messages(request, done=_("%s can no longer sign in.") % app):
            services.revoke_client_app(app=app, actor=actor_of(request))
        return HttpResponseRedirect(reverse(home))

    return [
        path("clients/", clients, name="clients"),
        path("clients/<uuid:app_id>/rotate/", rotate, name="client-rotate"),
        path("clients/<uuid:app_id>/act-for-members/", act_for_members, name="client-act"),
        path("clients/<uuid:app_id>/revoke/", revoke, name="client-revoke"),
    ]


def _show(
    request: HttpRequest,
    site: ProductSite,
    form: ClientAppForm,
    made: services.AppWithSecret | None = None,
) -> HttpResponse:
    # Revoked apps come last.
    apps = client_apps(site.slug).order_by(F("revoked_at").desc(nulls_first=True), "name")
    response = render_page(
        request,
        "product/clients.html",
        title=_("Client apps"),
        status=form.http_status,
        form=form,
        nonce=new_nonce(),
        apps=apps,
        made=made,
        token_url=request.build_absolute_uri("/api/auth/v1/token"),
        names={
            "home": f"{site.slug}:clients",
            "rotate": f"{site.slug}:client-rotate",
            "key": f"{site.slug}:client-key",
            "act": f"{site.slug}:client-act",
            "revoke": f"{site.slug}:client-revoke",
            "share": f"{site.slug}:share-thing",
        },
    )
    return shown_once(response) if made else response
